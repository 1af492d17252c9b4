"""When and where in a target an observation belongs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from probe.model.observation import Observation
from probe.model.step import Place

Emit = Callable[[Observation], None]
"""Called with each observation as soon as it exists."""


class Stamp:
    """Gives observations of one step their place and their times.

    Args:
        began: when the measurement began, on the event loop's clock, in seconds.
        place: the step's.
    """

    __slots__ = ("_began", "_place")

    def __init__(self, began: float, place: Place) -> None:
        self._began = began
        self._place = place

    def fields(self, start: float, end: float) -> dict[str, Any]:
        """`at`, `took` (whole milliseconds) and the place, of a layer that lasted from `start` to `end`."""
        place = self._place
        return {
            "at": max(0, int((start - self._began) * 1000)),
            "took": max(0, int((end - start) * 1000)),
            "chain": place.chain,
            "hop": place.hop,
            "attempt": place.attempt,
            "purpose": place.purpose,
        }
