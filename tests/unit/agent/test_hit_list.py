"""The hit list of a control."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from probe.agent import hit_list
from probe.model.failure import Failure
from probe.model.observation import Connection
from probe.model.verdict import Evidence, Status, Vantage, VantageState, Verdict

RANGE = "151.101.1.0/24"


def verdict(target: str = RANGE, **ends: Failure | None) -> Verdict:
    """`a1=None` is an answer of .1, `a2=Failure.TIMEOUT` silence of .2."""
    seen = tuple(
        Connection(address=f"151.101.1.{name[1:]}", port=443, failure=failure) for name, failure in ends.items()
    )
    return Verdict(
        time=datetime(2026, 10, 1, tzinfo=UTC),
        target=target,
        status=Status.REACHABLE,
        evidence=Evidence(observations=seen),
        vantage=Vantage(state=VantageState.ONLINE),
    )


def test_addresses_that_answer_are_kept_and_misses_are_counted() -> None:
    """An answer resets the count. An address that was not measured keeps its count."""
    first = hit_list.updated({}, [verdict(a1=None, a2=None, a3=None)])
    second = hit_list.updated(first, [verdict(a1=Failure.TIMEOUT, a2=None)])
    third = hit_list.updated(second, [verdict(a1=None, a4=Failure.TIMEOUT)])

    assert first == {RANGE: {"151.101.1.1": 0, "151.101.1.2": 0, "151.101.1.3": 0}}
    assert second[RANGE] == {"151.101.1.2": 0, "151.101.1.1": 1, "151.101.1.3": 0}
    assert third[RANGE]["151.101.1.1"] == 0
    assert "151.101.1.4" not in third[RANGE]


def test_an_address_that_is_silent_for_a_day_is_removed() -> None:
    counts = {RANGE: {"151.101.1.1": hit_list.MAX_CONSECUTIVE_MISSES - 1}}

    assert hit_list.updated(counts, [verdict(a1=Failure.TIMEOUT, a2=None)]) == {RANGE: {"151.101.1.2": 0}}


def test_a_measurement_without_any_answer_counts_no_misses() -> None:
    """If nothing answers, the control's own line is the likelier cause.

    Verdicts of other targets change nothing, either.
    """
    counts = {RANGE: {"151.101.1.1": 0}}

    assert hit_list.updated(counts, [verdict(a1=Failure.TIMEOUT)]) == counts
    assert hit_list.updated(counts, [verdict("tcp://151.101.1.1:443", a1=None), verdict("a b", a1=None)]) == counts


def test_the_list_survives_a_restart_and_a_damaged_file_is_an_empty_list(tmp_path: Path) -> None:
    """Sampling finds the addresses of a lost list again."""
    hit_list.write(tmp_path, {RANGE: {"151.101.1.1": 2}})
    assert hit_list.read(tmp_path, {RANGE}) == {RANGE: {"151.101.1.1": 2}}

    (tmp_path / hit_list.HIT_LIST_FILE).write_text("{")
    assert hit_list.read(tmp_path, {RANGE}) == {}
    assert hit_list.read(tmp_path / "nowhere", {RANGE}) == {}
