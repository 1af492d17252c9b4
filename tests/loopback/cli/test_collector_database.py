"""Short transactions of commands on a collector's database."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from probe.cli.collector_database import in_database, now_of
from probe.errors import StateError


def test_a_write_happens_in_a_database_that_is_there(tmp_path: Path) -> None:
    """Its result is returned after the commit."""
    path = tmp_path / "c.db"
    path.touch()

    assert in_database(str(path), lambda session: session.row("SELECT 7")) == (7,)


def test_no_database_is_made(tmp_path: Path) -> None:
    """The line names the file."""
    with pytest.raises(StateError, match=r"absent\.db"):
        in_database(str(tmp_path / "absent.db"), lambda _: None)


def test_the_clock_of_the_option_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before that of the environment."""
    monkeypatch.setenv("PROBE_CLOCK", "2027-01-01T00:00:00Z@1")

    assert now_of("2026-05-04T00:00:00Z@1").date() == datetime(2026, 5, 4, tzinfo=UTC).date()
    assert now_of().date() == datetime(2027, 1, 1, tzinfo=UTC).date()
