"""The demo compares a collector's spans with the true changes."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.lab.ledger import Ledger, Truth

MOMENT = datetime(2017, 5, 4, 12, tzinfo=UTC)
SPAN = "INSERT INTO span VALUES (1, 1, ?, ?, ?, ?)"


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """The collector's tables that the ledger reads, with one vantage and one target."""
    file = tmp_path / "collector.db"
    with sqlite3.connect(file) as writing:
        writing.executescript(
            "CREATE TABLE agent (no, sponsor); INSERT INTO agent VALUES (1, 'a1');"
            "CREATE TABLE target (no, text, service);"
            "INSERT INTO target VALUES (1, 'https://www.wechat.com/', 'wechat');"
            "CREATE TABLE span (target, agent, start, known, status, causes);"
        )
    writing.close()
    return file


def _add(database: Path, start: float, known: float, status: str, causes: str = "[]") -> None:
    base = MOMENT.timestamp()
    with sqlite3.connect(database) as writing:
        writing.execute(SPAN, (int((base + start) * 1000), int((base + known) * 1000), status, causes))
    writing.close()


def test_the_first_status_is_no_transition(database: Path) -> None:
    """The first span of a pair is a status, not a change."""
    _add(database, -900, -600, "reachable")
    ledger = Ledger(database, 300)

    assert not list(ledger.news())
    assert ledger.settled() == 1


def test_a_block_is_scored_in_rounds_from_the_moment_it_really_began(database: Path) -> None:
    """It was reported 450 s after the change, with an onset 60 s off, at 300 s a round."""
    ledger = Ledger(database, 300)
    ledger.truth["a1", "https://www.wechat.com/"] = [Truth(MOMENT, "blocked", ("tcp.timeout",))]
    _add(database, -900, -600, "reachable")
    list(ledger.news())
    _add(database, 60, 450, "blocked", '["tcp.timeout"]')

    (score,) = ledger.news()

    assert (score.delay, score.onset_error) == (1.5, 0.2)
    assert "reachable -> blocked" in score.line()
    assert ledger.standing("a1", "https://www.wechat.com/") == "blocked"
    assert not list(ledger.news()), "reported once"


def test_a_transition_that_never_happened_is_marked(database: Path) -> None:
    """Its truth is None."""
    ledger = Ledger(database, 300)
    _add(database, -900, -600, "reachable")
    list(ledger.news())
    _add(database, 60, 450, "blocked")

    (score,) = ledger.news()

    assert score.truth is None
    assert score.line().endswith("NEVER HAPPENED")
