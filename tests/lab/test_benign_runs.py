"""The plan and the table of the count of false blocks."""

from __future__ import annotations

import json
from pathlib import Path

from tests.lab.benign_runs import HARMLESS, LINES, Run, finished, runs, table


def test_one_pass_measures_every_target_on_every_line_with_a_control_and_without() -> None:
    """Five thousand measurements are about one pass over all lines."""
    planned = list(runs(len(HARMLESS) * len(LINES) * 2, 7))

    assert {(run.vantage, run.controlled) for run in planned} == {(v, c) for v in LINES for c in (True, False)}
    assert all(sorted(run.names) == sorted(scenario.name for scenario in HARMLESS) for run in planned)
    assert len({run.key for run in planned}) == len(planned)


def test_the_plan_is_the_same_for_a_seed_and_stops_when_there_are_enough() -> None:
    """Shards of one plan fit together, and another seed gives another order."""
    assert list(runs(1000, 1)) == list(runs(1000, 1))
    assert [run.key for run in runs(5000, 1)] != [run.key for run in runs(5000, 2)]
    assert sum(len(run.names) for run in runs(1000, 1)) < 1000 + len(HARMLESS)


def test_nobody_interferes_with_a_harmless_target() -> None:
    """A `blocked` about one of them is false on every line."""
    assert len(HARMLESS) >= 100
    assert not [scenario.name for scenario in HARMLESS if scenario.middlebox or scenario.lie or scenario.filtered]
    assert not [s.name for s in HARMLESS if {"blocked", "throttled"} & {*s.expect.status.split("|")}]


def test_results_are_read_again_and_an_accusation_is_counted(tmp_path: Path) -> None:
    """The file has one line for each run."""
    run = Run(0, "loss5", False, ("fine-https",))
    file = tmp_path / "results.jsonl"
    file.write_text(json.dumps({"run": run.key, "results": [{"status": "blocked"}]}) + "\n")

    results = finished(file)

    assert finished(tmp_path / "none.jsonl") == finished(None) == {}
    assert "| plain | 5 % | no | 1 | 0 | 1 | 0 | 0 | 0 | 0 |" in table([(run, results[run.key])])
    assert "called blocked or throttled: 1." in table([(run, results[run.key])])
