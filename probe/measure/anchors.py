"""Look at the anchors: URLs that work whenever the vantage works.

The session looks before it measures targets, and again before it believes a failure. A usual look asks a part of the
anchors, in turns: one over https, which proves itself, and two in clear text. Where one of them has changed, the same
look asks all others. The first look asks all, unless an earlier process found them well (`AnchorWatch.recall`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence

from msgspec.structs import replace

from probe.clock import Clock
from probe.measure.anchor_fetch import AnchorFetcher, Classify
from probe.measure.tools import Tools
from probe.model.anchor_parts import Anchor, AnchorMemory, is_secure, usual_part
from probe.model.hop import SILENT_FAILURES
from probe.model.observation import Observation
from probe.model.verdict import AnchorKind, AnchorLook

MIN_LOOK_INTERVAL_SECONDS = 1.0
"""Seconds of the clock between the starts of two looks: a thousand failing targets must not flood the anchors."""
PATIENCE_SECONDS = 6.0
"""Seconds of the clock after the start of a look for which a verdict waits for others to share the next one."""
MAX_LOOK_AGE_SECONDS = 900.0
"""A look at an anchor counts with later ones at others so long, in seconds of the clock: three rounds by default."""
MIN_LOAD_BYTES = 32_768
"""Bytes that other connections read during a look that lost all anchors: the line is not dead but full."""
QUIET_SECONDS = 1.0
"""Real seconds without a byte read, after which the line is quiet."""
MAX_QUIET_WAIT_SECONDS = 15.0
"""Real seconds to wait for that: what is under way ends by its own time-outs, and new connections wait."""


class MeasurementUnderWay:
    """The measurements under way: each enters it for its duration.

    Args:
        changed: set at each end.

    Attributes:
        count: of them.
    """

    __slots__ = ("_changed", "count")

    def __init__(self, changed: asyncio.Event) -> None:
        self._changed = changed
        self.count = 0

    def __enter__(self) -> None:
        self.count += 1

    def __exit__(self, *_: object) -> None:
        self.count -= 1
        self._changed.set()


class AnchorWatch:
    """Look at anchors; callers that want a look at the same time share one.

    Args:
        foreign: URLs that work from anywhere.
        domestic: URLs inside the vantage's own country.
        tools: shared resources of the steps.
        clock: dates the looks and times their ages.
        trusted: URLs of encrypted resolvers, asked where the system's resolver has no answer.
        classify: decides what a fetch shows.
    """

    def __init__(
        self,
        foreign: Sequence[str],
        domestic: Sequence[str],
        tools: Tools,
        clock: Clock,
        trusted: Sequence[str] = (),
        *,
        classify: Classify,
    ) -> None:
        self._anchors: list[Anchor] = [(url, AnchorKind.FOREIGN) for url in foreign if url]
        self._anchors += [(url, AnchorKind.DOMESTIC) for url in domestic if url]
        self._tools = tools
        self._clock = clock
        self._fetcher = AnchorFetcher(tools, trusted, classify)
        self._all_try_ipv6 = not any(map(is_secure, self._anchors))
        self._lock = asyncio.Lock()
        self._last_start = float("-inf")
        self._latest_start = float("-inf")
        self._looks: dict[Anchor, tuple[float, AnchorLook]] = {}
        self._latest: tuple[AnchorLook, ...] | None = None
        self._lost_at: dict[Anchor, float] = {}
        self._turn = 0
        self._patient = 0
        self._changed = asyncio.Event()
        self._under_way = MeasurementUnderWay(self._changed)

    @property
    def reached(self) -> tuple[str, ...]:
        """The IPv4 addresses at which foreign anchors worked, the latest of each: web servers abroad."""
        return self._fetcher.reached

    @property
    def large_pages(self) -> tuple[tuple[str, str], ...]:
        """URL and address of each foreign anchor whose page may be large, the best first."""
        return self._fetcher.large_pages

    @property
    def latest(self) -> tuple[AnchorLook, ...]:
        """The latest look at each anchor, without those much older than the last; empty before the first.

        The same tuple until the next look.
        """
        if self._latest_start == float("-inf"):
            return ()
        if self._latest is None:
            oldest = self._latest_start - MAX_LOOK_AGE_SECONDS
            known = (self._looks[anchor] for anchor in self._anchors if anchor in self._looks)
            self._latest = tuple(look for start, look in known if start >= oldest)
        return self._latest

    def memory(self) -> AnchorMemory:
        """What a later process may go on with (`recall`)."""
        return self._fetcher.remembered(self.latest, self._turn)

    def recall(self, memory: AnchorMemory) -> None:
        """Go on where an earlier process ended: its looks count as this one's, and the next one asks a part.

        Not where this process has looked, an anchor did not work for the earlier one, or a foreign one was not asked
        within `MAX_LOOK_AGE_SECONDS`. Then the first look asks all anchors.
        """
        if self._looks or not all(map(_works, memory.looks)):
            return
        now, moment = self._clock.now(), self._clock.monotonic()
        ages = {(look.url, look.kind): ((now - look.at).total_seconds(), look) for look in memory.looks}
        young = {anchor: known for anchor, known in ages.items() if 0 <= known[0] <= MAX_LOOK_AGE_SECONDS}
        if any(kind is AnchorKind.FOREIGN and (url, kind) not in young for url, kind in self._anchors):
            return
        self._looks = {one: (moment - young[one][0], young[one][1]) for one in self._anchors if one in young}
        self._turn = memory.turn
        self._fetcher.recall(memory)

    def learn(self, seen: Iterable[Observation]) -> None:
        """Remember the length of the anchors' pages among the observations of a measurement."""
        self._fetcher.learn(seen)

    def measuring(self) -> MeasurementUnderWay:
        """A measurement is under way in the body of `with`: what is patient may wait for it, and no longer."""
        return self._under_way

    async def look(self) -> tuple[AnchorLook, ...]:
        """Look now; empty when there are no anchors."""
        return await self.fresh(self._clock.monotonic())

    async def fresh(self, since: float, *, patient: bool = False) -> tuple[AnchorLook, ...]:
        """Return the latest look if it began at `since` or later, else a new one.

        Args:
            since: in the clock's monotonic seconds: a wall clock that is set back must not make a look seem recent.
            patient: nothing speaks against the line, so wait until all measurements under way want a look as well, for
                `PATIENCE_SECONDS` after the last.
        """
        if not self._anchors:
            return ()
        if patient:
            await self._wait_for_others(since)
        async with self._lock:
            if self._latest_start < since:
                wait = self._last_start + MIN_LOOK_INTERVAL_SECONDS - self._clock.monotonic()
                if wait > 0:
                    await self._clock.sleep(wait)
                await self._look()
        return self.latest

    async def _wait_for_others(self, since: float) -> None:
        end = self._last_start + PATIENCE_SECONDS
        self._patient += 1
        self._changed.set()
        try:
            while self._latest_start < since and self._patient < self._under_way.count:
                rest = end - self._clock.monotonic()
                if rest <= 0:
                    return
                await self._until_changed(rest)
        finally:
            self._patient -= 1

    async def _until_changed(self, seconds: float) -> None:
        """Wait until a look ends, a measurement ends or another one waits, for so many seconds of the clock."""
        self._changed.clear()
        waits = [asyncio.ensure_future(self._changed.wait()), asyncio.ensure_future(self._clock.sleep(seconds))]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    async def _look(self) -> None:
        self._last_start = start = self._clock.monotonic()
        read = self._tools.pace.budget.bytes_read
        looks = await self._ask_twice(self._next_part(start), {})
        if self._is_news(looks, start):
            looks |= await self._ask_twice([one for one in self._anchors if one not in looks], looks)
        if self._is_newly_lost(looks) and self._tools.pace.budget.bytes_read - read >= MIN_LOAD_BYTES:
            looks |= await self._ask_when_quiet([one for one, look in looks.items() if look.failure is not None])
        for anchor, look in looks.items():
            if _works(look):
                self._lost_at.pop(anchor, None)
            else:
                self._lost_at.setdefault(anchor, start)
        self._looks |= {anchor: (start, look) for anchor, look in looks.items()}
        self._latest_start = start
        self._latest = None
        self._changed.set()

    def _next_part(self, now: float) -> list[Anchor]:
        """The anchors to ask: all at first, later some in turns, and those that failed of late."""
        if not self._looks:
            return self._anchors
        self._turn += 1
        part = usual_part(self._anchors, self._turn)
        lately = {anchor for anchor, start in self._lost_at.items() if now - start < MAX_LOOK_AGE_SECONDS}
        lately |= {anchor for anchor, (_, look) in self._looks.items() if look.lost_under_load}
        return [anchor for anchor in self._anchors if anchor in part or anchor in lately]

    async def _ask(self, anchors: Sequence[Anchor]) -> dict[Anchor, AnchorLook]:
        at = self._clock.now()
        async with asyncio.TaskGroup() as group:
            tasks = {
                anchor: group.create_task(
                    self._fetcher.look_at(*anchor, at, ipv6=self._all_try_ipv6 or is_secure(anchor))
                )
                for anchor in anchors
            }
        return {anchor: task.result() for anchor, task in tasks.items()}

    async def _ask_twice(
        self, anchors: Sequence[Anchor], earlier: Mapping[Anchor, AnchorLook]
    ) -> dict[Anchor, AnchorLook]:
        """Ask anchors; ask those again that are silent now beside others that answer, and were not before.

        Packet loss silences an anchor now and then; then it must not put the whole line in doubt.
        """
        looks = await self._ask(anchors)
        candidates = looks
        if all(look.failure is not None for look in earlier.values()):  # none of those was asked again yet
            candidates = {**earlier, **looks}
        if all(look.failure is not None for look in {**earlier, **looks}.values()):
            return looks
        lost = [anchor for anchor, look in candidates.items() if self._is_newly_silent(anchor, look)]
        return looks | await self._ask(lost)

    def _is_newly_silent(self, anchor: Anchor, look: AnchorLook) -> bool:
        known = self._looks.get(anchor)
        return look.failure in SILENT_FAILURES and (known is None or known[1].failure is None)

    def _is_news(self, looks: Mapping[Anchor, AnchorLook], now: float) -> bool:
        """Whether an anchor changed, or fails while others were not asked for long: then all are asked."""
        known = {anchor: self._looks[anchor][1] for anchor in looks if anchor in self._looks}
        if any(_works(look) is not _works(looks[anchor]) for anchor, look in known.items()):
            return True
        stale = any(now - start > MAX_LOOK_AGE_SECONDS for start, _ in self._looks.values())
        return stale and not all(map(_works, looks.values()))

    def _is_newly_lost(self, looks: Mapping[Anchor, AnchorLook]) -> bool:
        """Whether all foreign anchors are silent, and were not before."""
        foreign = [look for (_, kind), look in looks.items() if kind is AnchorKind.FOREIGN]
        before = [look for (_, kind), (_, look) in self._looks.items() if kind is AnchorKind.FOREIGN]
        silent = all(look.failure in SILENT_FAILURES for look in foreign)
        return bool(foreign) and silent and any(map(_works, before))

    async def _ask_when_quiet(self, anchors: Sequence[Anchor]) -> dict[Anchor, AnchorLook]:
        """Ask anchors once this program's own connections rest: a line that they fill loses anchors, too."""
        self._tools.going.clear()
        try:
            await self._until_quiet()
            looks = await self._ask(anchors)
        finally:
            self._tools.going.set()
        return {anchor: replace(look, lost_under_load=_works(look)) for anchor, look in looks.items()}

    async def _until_quiet(self) -> None:
        loop = asyncio.get_running_loop()
        end, read = loop.time() + MAX_QUIET_WAIT_SECONDS, -1
        while read != self._tools.pace.budget.bytes_read and loop.time() < end:
            read = self._tools.pace.budget.bytes_read
            await asyncio.sleep(QUIET_SECONDS)


def _works(look: AnchorLook) -> bool:
    return look.outdated or (look.failure is None and not look.foreign_content)
