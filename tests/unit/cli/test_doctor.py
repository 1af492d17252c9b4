"""The lines of `probe doctor`; the command itself is tested as a process."""

from __future__ import annotations

from pathlib import Path

import pytest

from probe.agent.pause_file import Pause, write_pause
from probe.cli.doctor import check_lines, examine, folder_problem
from probe.cli.doctor_checks import Check
from probe.clock import Clock
from probe.settings import load


def test_each_finding_is_a_line_and_each_mend_another_below_it() -> None:
    checks = [
        Check(name="a", ok=True, said="it works"),
        Check(name="b", ok=False, said="it does not", mend="mend it"),
        Check(name="c", ok=None, said="nobody knows"),
    ]

    assert check_lines(checks) == [
        "ok         it works",
        "PROBLEM    it does not",
        "           -> mend it",
        "not tried  nobody knows",
    ]


def test_a_folder_that_does_not_exist_is_judged_by_the_one_above(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    assert folder_problem(tmp_path / "state" / "probe") == ""
    assert folder_problem(tmp_path / "file").endswith("file: Not a directory")


@pytest.mark.parametrize(("consent", "said"), [(False, "there is no consent"), (True, "the agent is paused")])
def test_nobody_is_contacted_without_consent_or_during_a_pause(tmp_path: Path, consent: bool, said: str) -> None:
    settings = load(None, {"XDG_CONFIG_HOME": "/nonexistent"}, {"agent.consent": consent})
    write_pause(tmp_path, Pause(since=Clock().now()))

    *_, last = examine(settings, tmp_path, Clock(), local=False)

    assert (last.name, last.ok, said in last.said) == ("network", None, True)
    assert examine(settings, tmp_path, Clock(), local=True)[-1].name == "mtu"
