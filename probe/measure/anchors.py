"""Anchors: places that must work if the vantage works.

Looked at before anything is said of a target, and again before a failure is believed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from urllib.parse import urlsplit

from probe.clock import Clock
from probe.measure import portal
from probe.measure.failures import Ended
from probe.measure.stamp import Stamp
from probe.measure.tools import Tools
from probe.measure.wire import question
from probe.model.address import parse_address
from probe.model.failure import Failure
from probe.model.observation import Observation
from probe.model.step import Fetch
from probe.model.verdict import AnchorKind, AnchorLook

LONGEST = 9.0
"""Seconds a look may take altogether, so that a vantage without a network says so within ten."""
SYSTEM = 2.0
"""Seconds the system's resolver has where a trusted one can be asked next: a dead resolver is not a dead network."""
STAGGER = 0.6
"""Seconds that one address is given before the next is tried beside it (RFC 8305 section 8: 0.1 to 2 s)."""
ADDRESSES = 4
"""Addresses of an anchor that are tried."""
APART = 1.0
"""Seconds of the clock between the starts of two looks: a thousand failing targets must not hammer the anchors."""


class AnchorWatch:
    """Looks at all anchors at once; those who want a look at the same time share one.

    Args:
        foreign: URLs known to work from anywhere.
        domestic: URLs inside the vantage's own country.
        tools: what looking needs.
        clock: dates the looks.
        trusted: encrypted resolvers to ask where the system's has no answer.
    """

    def __init__(
        self,
        foreign: Sequence[str],
        domestic: Sequence[str],
        tools: Tools,
        clock: Clock,
        trusted: Sequence[str] = (),
    ) -> None:
        self._anchors = [(url, AnchorKind.FOREIGN) for url in foreign if url]
        self._anchors += [(url, AnchorKind.DOMESTIC) for url in domestic if url]
        self._tools = tools
        self._clock = clock
        self._trusted = tuple(trusted)
        self._looking = asyncio.Lock()
        self._looked: datetime | None = None
        self._began = float("-inf")
        self._latest: tuple[AnchorLook, ...] = ()

    @property
    def latest(self) -> tuple[AnchorLook, ...]:
        """The last look, however old; empty before the first."""
        return self._latest

    async def look(self) -> tuple[AnchorLook, ...]:
        """Look now; empty when there are no anchors."""
        return await self.fresh(self._clock.now())

    async def fresh(self, since: datetime) -> tuple[AnchorLook, ...]:
        """The latest look if it began at `since` or later, else a new one."""
        if not self._anchors:
            return ()
        async with self._looking:
            if self._looked is None or self._looked < since:
                rest = self._began + APART - self._clock.monotonic()
                if rest > 0:
                    await self._clock.sleep(rest)
                await self._look()
        return self._latest

    async def _look(self) -> None:
        at = self._clock.now()
        self._began = self._clock.monotonic()
        async with asyncio.TaskGroup() as group:
            looks = [group.create_task(self._look_at(url, kind, at)) for url, kind in self._anchors]
        self._latest = tuple(look.result() for look in looks)
        self._looked = at

    async def _look_at(self, url: str, kind: AnchorKind, at: datetime) -> AnchorLook:
        readings: list[portal.Reading] = []
        with suppress(TimeoutError):
            async with asyncio.timeout(LONGEST):
                await self._try(url, readings)
        found = portal.best(readings)
        return AnchorLook(url=url, kind=kind, at=at, failure=found.failure, foreign_content=found.foreign)

    async def _try(self, url: str, readings: list[portal.Reading]) -> None:
        """Its addresses, one after another, each beside those that are slow; ends with the first good one."""
        try:
            addresses = await self._addresses(urlsplit(url).hostname or "")
        except Ended as end:
            readings.append(portal.Reading(end.fault.failure))
            return
        tasks: set[asyncio.Task[None]] = set()
        try:
            for rank, address in enumerate(addresses, 1):
                tasks.add(asyncio.create_task(self._fetch(url, address, readings)))
                patience = STAGGER if rank < len(addresses) else None
                while tasks:
                    done, tasks = await asyncio.wait(tasks, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
                    for task in done:
                        task.result()
                    if any(reading.works for reading in readings):
                        return
                    if not done:
                        break
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _fetch(self, url: str, address: str, readings: list[portal.Reading]) -> None:
        from probe.measure.fetch import perform_fetch  # noqa: PLC0415 - h11 only where it is used

        seen: list[Observation] = []
        step = Fetch(url=url, address=address)
        async with self._tools.pace.turn(address, urgent=True, alone=False):
            await perform_fetch(step, self._tools, Stamp(0, step.place), seen.append)
        readings.append(portal.read(url, seen))

    async def _addresses(self, host: str) -> list[str]:
        """By the system, as everything else on this host, else by a trusted resolver; both families in turn.

        Raises:
            Ended: it has none.
        """
        if parse_address(host) is not None:
            return [host]
        asked = await asyncio.gather(*(self._asked(host, rrtype) for rrtype in ("A", "AAAA")))
        good = [answer for answer in asked if isinstance(answer, tuple)]
        if not good:
            raise next(answer for answer in asked if isinstance(answer, Ended))
        mixed = [address for rank in range(ADDRESSES) for answer in good for address in answer[rank : rank + 1]]
        return mixed[:ADDRESSES]

    async def _asked(self, host: str, rrtype: str) -> tuple[str, ...] | Ended:
        patience = min(self._tools.timeout, SYSTEM) if self._trusted else self._tools.timeout
        try:
            return await self._tools.lookups.addresses(host, rrtype, patience)
        except Ended as end:
            failed = end
        if failed.fault.failure is Failure.NODATA:
            return failed  # the name is there, only not in this family
        for resolver in self._trusted:
            with suppress(Ended):
                answer = await self._tools.encrypted(resolver).ask(question(host, rrtype))
                if answer.addresses:
                    return answer.addresses
        return failed
