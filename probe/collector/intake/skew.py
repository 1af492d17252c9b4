"""What to make of the times in a batch: clocks that are off, reports that are late. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

TOLERANCE = timedelta(seconds=120)
"""Clocks nearer than this are taken as right: detection looks at whole rounds, so that a minute or two is harmless."""
FUTURE = timedelta(minutes=5)
"""What is later than this after all corrections cannot have happened yet and is not kept."""
LATE = timedelta(days=30)
"""What is older than this is acknowledged but not kept: agents hold their outbox for less."""


def shift(sent: datetime, posted: datetime | None, received: datetime, rate: float = 1.0) -> timedelta:
    """How much to add to an agent's times.

    A batch may wait in its outbox for days, so that `sent` before `received` says nothing of the clock; only a `sent`
    that has not come yet does. `posted`, when given, is the agent's clock at the moment of the request and says it all.

    Args:
        sent: the agent's clock when it made the batch.
        posted: the agent's clock when it posted it (`Probe-Clock` header).
        received: ours.
        rate: of our clock; a laboratory's runs fast, and what the request takes counts that much more.
    """
    off = received - posted if posted is not None else min(received - sent, timedelta(0))
    return off if abs(off) > TOLERANCE * max(1.0, rate) else timedelta(0)


def keeps(moment: datetime, received: datetime, rate: float = 1.0) -> bool:
    """Whether something said of this moment (corrected) is kept: neither in the future nor older than 30 days."""
    return received - LATE <= moment <= received + FUTURE * max(1.0, rate)
