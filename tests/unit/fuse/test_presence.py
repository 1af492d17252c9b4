"""When a vantage counts as present."""

from __future__ import annotations

from probe.fuse.presence import PresenceIndex
from tests.unit.fuse.made import BEELINE, MTS, at, there

SEEN = PresenceIndex([there("a", 0, 60), there("a", 100, 120)])


def test_a_vantage_is_present_until_two_intervals_after_its_last_round() -> None:
    """With five-minute rounds: ten minutes."""
    assert [SEEN.present("a", MTS, at(m)) for m in (-1, 0, 60, 70, 71, 100)] == [False, True, True, True, False, True]


def test_a_vantage_is_present_only_in_the_network_of_its_rounds() -> None:
    """A laptop may move from one network to another."""
    assert not SEEN.present("a", BEELINE, at(30))
    assert not SEEN.present("b", MTS, at(30))


def test_a_vantage_watched_when_its_rounds_cover_more_than_two_intervals() -> None:
    """Time between two runs of rounds does not count."""
    assert SEEN.watched("a", MTS, at(40), at(60))
    assert not SEEN.watched("a", MTS, at(50), at(60))
    assert not SEEN.watched("a", MTS, at(60), at(100))
    assert SEEN.watched("a", MTS, at(55), at(107))
    assert not SEEN.watched("nobody", MTS, at(0), at(60))


def test_the_moment_from_which_a_vantage_has_watched() -> None:
    """Two intervals of rounds after the given one, over the gaps between them."""
    assert SEEN.watched_from("a", MTS, at(0)) == at(10)
    assert SEEN.watched_from("a", MTS, at(55)) == at(105)
    assert SEEN.watched_from("a", MTS, at(115)) is None
    assert SEEN.watched_from("nobody", MTS, at(0)) is None


def test_runs_of_rounds_whose_votes_overlap_are_one_period() -> None:
    """Each lasts two intervals longer than its rounds."""
    seen = PresenceIndex([there("a", 65, 80), there("a", 0, 60), there("a", 100, 120)])

    assert seen.vote_periods("a", MTS) == [(at(0), at(90)), (at(100), at(130))]
    assert seen.vote_periods("a", BEELINE) == []
