"""The machine of one target as a table: the states a series can be in, and what leads from one to another.

`probe.detect.series` carries it out; tests hold every step a series takes against this table, and the diagram in
docs/detector.md is drawn from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class State(StrEnum):
    """Where a series is."""

    REST = "at rest"
    SUSPICION = "under suspicion"
    INTERFERENCE = "interfered with"


@dataclass(frozen=True, slots=True)
class Edge:
    """One step of the machine.

    Attributes:
        before: state it leads from.
        event: what makes it happen.
        after: state it leads to.
        reported: it is a transition that others are told of.
    """

    before: State
    event: str
    after: State
    reported: bool = False


EDGES: Final[tuple[Edge, ...]] = (
    Edge(State.REST, "a failure", State.SUSPICION),
    Edge(State.SUSPICION, "every sum back at 0: learned", State.REST),
    Edge(State.SUSPICION, "it was shared by most targets: forgotten", State.REST),
    Edge(State.SUSPICION, "alarm: S above its threshold, with an alibi", State.INTERFERENCE, reported=True),
    Edge(State.INTERFERENCE, "clear: C above its threshold", State.REST, reported=True),
    Edge(State.INTERFERENCE, "turn: D of another status above its threshold", State.INTERFERENCE, reported=True),
    Edge(State.INTERFERENCE, "other means, same status: an update", State.INTERFERENCE),
)
