"""Anchors: places that must work if the vantage works.

Looked at before anything is said of a target, and again before a failure is believed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from ipaddress import IPv4Address, IPv4Network
from typing import NamedTuple
from urllib.parse import urlsplit

from probe.clock import Clock
from probe.judge.vantage import WORKS
from probe.measure import anchor_content
from probe.measure.dns_wire import dns_question
from probe.measure.failures import OperationError
from probe.measure.socket_io import open_tcp
from probe.measure.tools import Timestamps, Tools
from probe.model.address import parse_address
from probe.model.failure import OWN_FAULTS, Failure
from probe.model.observation import Observation
from probe.model.step import Fetch
from probe.model.target import DEFAULT_PORTS
from probe.model.verdict import AnchorKind, AnchorLook

MAX_LOOK_SECONDS = 9.0
"""Seconds a look may take altogether, so that a vantage without a network says so within ten."""
SYSTEM_RESOLVER_SECONDS = 2.0
"""Seconds the system's resolver has where a trusted one can be asked next: a dead resolver is not a dead network."""
STAGGER_SECONDS = 0.6
"""Seconds that one address is given before the next is tried beside it (RFC 8305 section 8: 0.1 to 2 s)."""
MAX_ADDRESSES = 4
"""Addresses of an anchor that are tried."""
MIN_LOOK_INTERVAL_SECONDS = 1.0
"""Seconds of the clock between the starts of two looks: a thousand failing targets must not hammer the anchors."""

IPV6_CONNECT_SECONDS = 3.0
"""Seconds an anchor's IPv6 address has to take a connection: a SYN and two repetitions."""
IPV6_RETRY_SECONDS = 300.0
"""Seconds after which IPv6 is tried again: a line whose IPv6 is broken must not wait for it at every look."""
_BENCHMARK_NETWORK = IPv4Network(
    "198.18.0.0/15"
)  # RFC 2544; what tools that take connections over answer in place of names


class AnchorAddresses(NamedTuple):
    """Where an anchor is.

    Attributes:
        addresses: both families in turn.
        failed: how the system's resolver failed, where a trusted one found it.
        fake: the system's resolver gave an address for benchmarks.
    """

    addresses: tuple[str, ...]
    failed: Failure | None = None
    fake: bool = False


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
        self._looked: float | None = None
        self._began = float("-inf")
        self._latest: tuple[AnchorLook, ...] = ()
        self._six: dict[str, tuple[float, str]] = {}

    @property
    def latest(self) -> tuple[AnchorLook, ...]:
        """The last look, however old; empty before the first."""
        return self._latest

    async def look(self) -> tuple[AnchorLook, ...]:
        """Look now; empty when there are no anchors."""
        return await self.fresh(self._clock.monotonic())

    async def fresh(self, since: float) -> tuple[AnchorLook, ...]:
        """The latest look if it began at `since` or later, else a new one.

        `since` is in the clock's monotonic seconds: a wall clock that is set back must not make a look seem recent.
        """
        if not self._anchors:
            return ()
        async with self._looking:
            if self._looked is None or self._looked < since:
                rest = self._began + MIN_LOOK_INTERVAL_SECONDS - self._clock.monotonic()
                if rest > 0:
                    await self._clock.sleep(rest)
                await self._look()
        return self._latest

    async def _look(self) -> None:
        at = self._clock.now()
        self._began = began = self._clock.monotonic()
        async with asyncio.TaskGroup() as group:
            looks = [group.create_task(self._look_at(url, kind, at)) for url, kind in self._anchors]
        self._latest = tuple(look.result() for look in looks)
        self._looked = began

    async def _look_at(self, url: str, kind: AnchorKind, at: datetime) -> AnchorLook:
        results: list[anchor_content.AnchorResult] = []
        found = AnchorAddresses(())
        six = ""
        with suppress(TimeoutError):
            async with asyncio.timeout(MAX_LOOK_SECONDS):
                try:
                    found = await self._find(urlsplit(url).hostname or "")
                except OperationError as end:
                    results.append(anchor_content.AnchorResult(end.info.failure))
                _, six = await asyncio.gather(
                    self._try(url, found.addresses, results), self._try_six(url, found.addresses)
                )
        best = anchor_content.best_result(results)
        return AnchorLook(
            url=url,
            kind=kind,
            at=at,
            failure=best.failure,
            foreign_content=best.foreign,
            outdated=best.outdated,
            resolver=found.failed,
            six=six,
            fake=found.fake,
            over_six=best.works and best.over_six,
        )

    async def _try(self, url: str, addresses: Sequence[str], results: list[anchor_content.AnchorResult]) -> None:
        """Its addresses, one after another, each beside those that are slow; ends with the first good one."""
        tasks: set[asyncio.Task[None]] = set()
        try:
            for rank, address in enumerate(addresses, 1):
                tasks.add(asyncio.create_task(self._fetch(url, address, results)))
                seconds = STAGGER_SECONDS if rank < len(addresses) else None
                while tasks:
                    done, tasks = await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
                    for task in done:
                        task.result()
                    if any(result.works for result in results):
                        return
                    if not done:
                        break
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _try_six(self, url: str, addresses: Sequence[str]) -> str:
        """Whether its IPv6 address takes a connection, of which nobody else would see a failure."""
        now = asyncio.get_running_loop().time()
        tried, said = self._six.get(url, (float("-inf"), ""))
        address = next((address for address in addresses if ":" in address), None)
        if address is None or now - tried < IPV6_RETRY_SECONDS:
            return said
        port = urlsplit(url).port or DEFAULT_PORTS[urlsplit(url).scheme]
        async with self._tools.pace.slot(address, urgent=True, exclusive=False):
            try:
                sock = await open_tcp(address, port, min(IPV6_CONNECT_SECONDS, self._tools.timeout))
            except OperationError as end:
                # Without a route nothing is tried over IPv6 at all.
                said = "" if end.info.failure in OWN_FAULTS else str(end.info.failure)
            else:
                sock.close()
                said = WORKS
        self._six[url] = now, said
        return said

    async def _fetch(self, url: str, address: str, results: list[anchor_content.AnchorResult]) -> None:
        from probe.measure.fetch import perform_fetch  # noqa: PLC0415 - h11 only where it is used

        seen: list[Observation] = []
        step = Fetch(url=url, address=address)
        async with self._tools.pace.slot(address, urgent=True, exclusive=False):
            await perform_fetch(step, self._tools, Timestamps(0, step.place), seen.append)
        results.append(anchor_content.classify(url, seen)._replace(over_six=":" in address))

    async def _find(self, host: str) -> AnchorAddresses:
        """By the system, as everything else on this host, else by a trusted resolver; both families in turn.

        Raises:
            OperationError: it has no address.
        """
        if parse_address(host) is not None:
            return AnchorAddresses((host,))
        asked = await asyncio.gather(*(self._asked(host, rrtype) for rrtype in ("A", "AAAA")))
        good = [one for one in asked if isinstance(one, AnchorAddresses)]
        if not good:
            raise next(one for one in asked if isinstance(one, OperationError))
        mixed = [address for rank in range(MAX_ADDRESSES) for one in good for address in one.addresses[rank : rank + 1]]
        # The name is there in one family at least: where the resolver found it so, it is alive.
        failed = good[0].failed if all(one.failed is not None for one in good) else None
        return AnchorAddresses(tuple(mixed[:MAX_ADDRESSES]), failed, any(one.fake for one in good))

    async def _asked(self, host: str, rrtype: str) -> AnchorAddresses | OperationError:
        seconds = min(self._tools.timeout, SYSTEM_RESOLVER_SECONDS) if self._trusted else self._tools.timeout
        try:
            addresses = await self._tools.lookups.addresses(host, rrtype, seconds)
        except OperationError as end:
            failed = end
        else:
            return AnchorAddresses(addresses, fake=any(map(_for_benchmarks, addresses)))
        if failed.info.failure is Failure.NODATA:
            return failed  # the name is there, only not in this family
        for resolver in self._trusted:
            with suppress(OperationError):
                answer = await self._tools.encrypted(resolver).ask(dns_question(host, rrtype))
                if answer.addresses:
                    return AnchorAddresses(answer.addresses, failed.info.failure)
        return failed


def _for_benchmarks(address: str) -> bool:
    parsed = parse_address(address)
    return isinstance(parsed, IPv4Address) and parsed in _BENCHMARK_NETWORK
