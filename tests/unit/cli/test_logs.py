"""The log of the process."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from probe.cli.logs import configure_logging


@pytest.fixture(autouse=True)
def _restore() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(capture=False)


def test_a_line_carries_time_and_level(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(logging.INFO, {})
    logging.getLogger("probe.agent").info("round state=%s", "online")
    logging.getLogger("probe.agent").debug("more")

    line = capsys.readouterr().err
    assert line.endswith(" INFO round state=online\n")
    assert line[:2] == "20"


@pytest.mark.parametrize(("level", "priority"), [("debug", 7), ("info", 6), ("warning", 4), ("error", 3)])
def test_the_journal_gets_priorities_in_place_of_times(
    level: str, priority: int, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging(logging.DEBUG, {"JOURNAL_STREAM": "8:1"})
    getattr(logging.getLogger("probe.agent"), level)("a word")

    assert capsys.readouterr().err == f"<{priority}>a word\n"


def test_an_exception_is_logged_in_one_line_unless_tracebacks_are_wanted(capsys: pytest.CaptureFixture[str]) -> None:
    for environ, lines in (({}, 1), ({"PROBE_TRACEBACK": "1"}, 5)):
        configure_logging(logging.INFO, environ)
        try:
            int("x")
        except ValueError:
            logging.getLogger("probe.agent").exception("fault in a measurement")

        text = capsys.readouterr().err
        assert text.count("\n") == lines
        assert "fault in a measurement" in text.splitlines()[0]
        assert text.rstrip().endswith("ValueError: invalid literal for int() with base 10: 'x'")
