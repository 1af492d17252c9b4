"""What an agent is given and does not make itself."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from random import Random

from probe.clock import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What an agent is given and does not make itself.

    Attributes:
        folder: of its state.
        clock: of the world or of a laboratory.
        chance: for order and jitter.
        stopping: set when it is to finish what is under way and end.
    """

    folder: Path
    clock: Clock
    chance: Random
    stopping: asyncio.Event
