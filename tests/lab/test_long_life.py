"""One cycle of faults: every change reported once, none invented, traffic counted (the long run: `long_life.py`)."""

from __future__ import annotations

import pytest

from tests.lab.long_life import perform

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("long_life"), pytest.mark.timeout(900)]


def test_two_changes_among_kills_and_faults_are_reported_once_each() -> None:
    """Kills, an absent collector, a full disk, a suspended host, a portal, other addresses and a clock that is set."""
    assert perform(1, seed=1) == []
