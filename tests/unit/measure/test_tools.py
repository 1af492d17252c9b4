"""Observations get their times and their position."""

from __future__ import annotations

from probe.measure.tools import Timestamps
from probe.model.hop import Purpose, StepPosition


def test_times_are_whole_milliseconds_since_the_measurement_began() -> None:
    """The step's position is filled in, too."""
    fields = Timestamps(10.0, StepPosition(chain=1, hop=2, attempt=3, purpose=Purpose.PEEK)).fields(10.25, 10.4999)

    assert fields == {"at": 250, "took": 249, "chain": 1, "hop": 2, "attempt": 3, "purpose": Purpose.PEEK}
    assert Timestamps(10.0, StepPosition()).fields(9.0, 8.0)["took"] == 0
