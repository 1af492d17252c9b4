"""Ask one anchor: resolve its name, fetch its page or its head, try its IPv6 address and another name at it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from ipaddress import IPv4Address, IPv4Network
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from probe.lazy import lazy
from probe.measure.failures import OperationError
from probe.measure.socket_io import close_socket, open_tcp
from probe.measure.tools import Timestamps, Tools, random_name
from probe.model.address import parse_address
from probe.model.anchor_parts import AnchorMemory, AnchorPage
from probe.model.failure import OWN_FAULTS, Failure
from probe.model.hop import Purpose
from probe.model.observation import Exchange, Observation, TlsHandshake
from probe.model.step import Fetch, Handshake
from probe.model.target import DEFAULT_PORTS
from probe.model.verdict import IPV6_WORKS, AnchorKind, AnchorLook, AnchorResult

if TYPE_CHECKING:
    from probe.measure import dns_wire
else:
    dns_wire = lazy("probe.measure.dns_wire")

MAX_LOOK_SECONDS = 9.0
"""Time limit of a look, so that a vantage without a network says so within ten seconds."""
SYSTEM_RESOLVER_SECONDS = 2.0
"""Time limit of the system's resolver where a trusted one can be asked next: a dead resolver is not a dead network."""
STAGGER_SECONDS = 0.6
"""Delay until the next address is tried beside a slow one (RFC 8305 section 8: 0.1 to 2 s)."""
MAX_ADDRESSES = 4
"""Addresses of an anchor that are tried."""
IPV6_CONNECT_SECONDS = 3.0
"""Time limit of a connection to an anchor's IPv6 address: a SYN and two retransmissions."""
IPV6_RETRY_SECONDS = 300.0
"""Interval between two tries of IPv6: a line whose IPv6 is broken must not wait for it at every look."""
NAME_RETRY_SECONDS = 300.0
"""Interval between two tries of another name at an anchor's address that cuts the anchor's own."""
_NEEDS_OTHER_FAMILY = OWN_FAULTS | {Failure.NODATA}
"""How an anchor fails over one address family where the other may work."""
_ANSWERS = frozenset({None, Failure.CERTIFICATE, Failure.ALERT})
"""How a handshake ends that the other side answered."""
MIN_LARGE_PAGE_BYTES = 32_768
"""Bytes on the wire from which an anchor's page shows the speed of the line."""
MAX_CLEAR_BODY_BYTES = 16_384
"""Bytes of an answer in clear text that are read: a portal's page, for the known answers have a few dozen."""
_OK = 200
_BENCHMARK_NETWORK = IPv4Network("198.18.0.0/15")
"""RFC 2544. Tools that intercept connections answer DNS queries with addresses from here."""

Classify = Callable[[str, Sequence[Observation]], AnchorResult]
"""Decides what one fetch of an anchor (its URL, the observations) shows."""


class AnchorAddresses(NamedTuple):
    """Addresses of an anchor.

    Attributes:
        addresses: IPv4 and IPv6 addresses in turn.
        failed: how the system's resolver failed, where a trusted one found the name.
        fake_address: the system's resolver answered with an address of the benchmark network.
    """

    addresses: tuple[str, ...]
    failed: Failure | None = None
    fake_address: bool = False


class AnchorFetcher:
    """Ask anchors one at a time, and remember what is not asked at every look.

    Args:
        tools: shared resources of the steps.
        trusted: URLs of encrypted resolvers, asked where the system's resolver has no answer.
        classify: decides what a fetch shows.
    """

    def __init__(self, tools: Tools, trusted: Sequence[str], classify: Classify) -> None:
        self._tools = tools
        self._trusted = tuple(trusted)
        self._classify = classify
        self._ipv6: dict[str, tuple[float, str]] = {}
        self._other_name: dict[str, tuple[float, bool]] = {}
        self._reached: dict[str, str] = {}
        self._pages: dict[str, AnchorPage] = {}

    @property
    def reached(self) -> tuple[str, ...]:
        """The IPv4 addresses at which foreign anchors worked, the latest of each: web servers abroad."""
        return tuple(self._reached.values())

    @property
    def large_pages(self) -> tuple[tuple[str, str], ...]:
        """URL and address of each foreign anchor whose page may have `MIN_LARGE_PAGE_BYTES`, the best first.

        Looks ask for the head alone. A page whose head states such a length is better than one that states none; then
        the farther one is better, for it shares more of the path with a target abroad.
        """
        best = sorted(self._pages.items(), key=lambda item: (not item[1].length, -item[1].milliseconds))
        return tuple(
            (url, page.address) for url, page in best if not page.length or page.length >= MIN_LARGE_PAGE_BYTES
        )

    def remembered(self, looks: Sequence[AnchorLook], turn: int) -> AnchorMemory:
        """These looks with what is known of the anchors' pages and addresses, for a later process."""
        return AnchorMemory(turn=turn, looks=tuple(looks), reached=dict(self._reached), pages=dict(self._pages))

    def recall(self, memory: AnchorMemory) -> None:
        """Take over the pages and addresses that an earlier process found."""
        self._reached = dict(memory.reached)
        self._pages = dict(memory.pages)

    def learn(self, seen: Iterable[Observation]) -> None:
        """Remember the length of the anchors' pages among the observations of a measurement."""
        for one in seen:
            if isinstance(one, Exchange) and one.purpose is Purpose.LINE and one.complete and one.url in self._pages:
                self._pages[one.url] = self._pages[one.url]._replace(length=max(1, one.transferred))

    async def look_at(self, url: str, kind: AnchorKind, at: datetime, *, ipv6: bool) -> AnchorLook:
        """Ask one anchor, within `MAX_LOOK_SECONDS` and the time for another name at its address.

        With `ipv6` both families are resolved at once, and the IPv6 address is tried as well.
        """
        results: list[AnchorResult] = []
        found = AnchorAddresses(())
        six = ""
        with suppress(TimeoutError):
            async with asyncio.timeout(MAX_LOOK_SECONDS):
                for types in (("A", "AAAA"),) if ipv6 else (("A",), ("AAAA",)):
                    try:
                        found = await self._resolve(urlsplit(url).hostname or "", types)
                    except OperationError as error:
                        results.append(AnchorResult(error.info.failure))
                        continue
                    _, six = await asyncio.gather(
                        self._try_addresses(url, kind, found.addresses, results),
                        self._try_ipv6(url, found.addresses if ipv6 else ()),
                    )
                    if not all(result.failure in _NEEDS_OTHER_FAMILY for result in results):
                        break
        best = AnchorResult.best(results)
        cut_by_name = bool(best.failure and best.cut_at) and await self._answers_other_name(url, best.cut_at)
        return AnchorLook(
            url=url,
            kind=kind,
            at=at,
            failure=best.failure,
            foreign_content=best.foreign,
            outdated=best.outdated,
            resolver=found.failed,
            ipv6_result=six,
            fake_address=found.fake_address,
            over_ipv6=best.works and best.over_ipv6,
            cut_by_name=cut_by_name,
            answer=best.answer,
        )

    async def _try_addresses(
        self, url: str, kind: AnchorKind, addresses: Sequence[str], results: list[AnchorResult]
    ) -> None:
        """Fetch from one address after another, beside the slow ones, until one works (Happy Eyeballs, RFC 8305)."""
        tasks: set[asyncio.Task[None]] = set()
        try:
            for rank, address in enumerate(addresses, 1):
                tasks.add(asyncio.create_task(self._fetch(url, kind, address, results)))
                delay = STAGGER_SECONDS if rank < len(addresses) else None
                while tasks:
                    done, tasks = await asyncio.wait(tasks, timeout=delay, return_when=asyncio.FIRST_COMPLETED)
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

    async def _try_ipv6(self, url: str, addresses: Sequence[str]) -> str:
        """Return whether the anchor's IPv6 address accepts a connection; the fetch over IPv4 would hide a failure."""
        now = asyncio.get_running_loop().time()
        tried_at, result = self._ipv6.get(url, (float("-inf"), ""))
        address = next((address for address in addresses if ":" in address), None)
        if address is None or now - tried_at < IPV6_RETRY_SECONDS:
            return result
        port = urlsplit(url).port or DEFAULT_PORTS[urlsplit(url).scheme]
        async with self._tools.pace.slot(address, urgent=True, exclusive=False):
            try:
                sock = await open_tcp(address, port, min(IPV6_CONNECT_SECONDS, self._tools.timeout))
            except OperationError as error:
                # Without a route nothing is measured over IPv6 at all.
                result = "" if error.info.failure in OWN_FAULTS else str(error.info.failure)
            else:
                close_socket(sock)
                result = IPV6_WORKS
        self._ipv6[url] = now, result
        return result

    async def _answers_other_name(self, url: str, address: str) -> bool:
        """Whether the address that cut the anchor's name answers a random one; asked once in five minutes."""
        from probe.measure.handshake import handshake_in_slot  # noqa: PLC0415 - loaded only where an anchor is cut

        now = asyncio.get_running_loop().time()
        tried_at, answers = self._other_name.get(url, (float("-inf"), False))
        if now - tried_at < NAME_RETRY_SECONDS:
            return answers
        seen: list[Observation] = []
        step = Handshake(address=address, port=urlsplit(url).port or 443, sni=random_name(), verify=False)
        async with self._tools.pace.slot(address, urgent=True, exclusive=False):
            await handshake_in_slot(step, self._tools, Timestamps(0, step.position), seen.append)
        last = seen[-1] if seen else None
        answers = isinstance(last, TlsHandshake) and last.failure in _ANSWERS
        self._other_name[url] = now, answers
        return answers

    async def _fetch(self, url: str, kind: AnchorKind, address: str, results: list[AnchorResult]) -> None:
        from probe.measure.fetch import fetch_in_slot  # noqa: PLC0415 - loads h11 only where it is used

        seen: list[Observation] = []
        step = Fetch(url=url, address=address, body_limit=0 if url.startswith("https:") else MAX_CLEAR_BODY_BYTES)
        async with self._tools.pace.slot(address, urgent=True, exclusive=False):
            await fetch_in_slot(step, self._tools, Timestamps(0, step.position), seen.append)
        shown = self._tools.without_own_addresses(tuple(seen))
        result = self._classify(url, shown)._replace(over_ipv6=":" in address)
        results.append(result)
        if result.works and kind is AnchorKind.FOREIGN:
            self._keep_address(url, address, seen)

    def _keep_address(self, url: str, address: str, seen: Sequence[Observation]) -> None:
        if ":" not in address:
            self._reached[url] = address
        head = seen[-1]
        if isinstance(head, Exchange) and head.secure and head.status == _OK:
            known = self._pages.get(url, AnchorPage(0, "", 0)).length
            self._pages[url] = AnchorPage(seen[0].took, address, head.length or known)

    async def _resolve(self, host: str, types: Sequence[str]) -> AnchorAddresses:
        """Ask the system, as every other program does, else a trusted resolver; return the families in turn.

        Raises:
            OperationError: the name has no address.
        """
        if parse_address(host) is not None:
            return AnchorAddresses((host,))
        answers = await asyncio.gather(*(self._resolve_type(host, rrtype) for rrtype in types))
        good = [one for one in answers if isinstance(one, AnchorAddresses)]
        if not good:
            raise next(one for one in answers if isinstance(one, OperationError))
        mixed = [address for rank in range(MAX_ADDRESSES) for one in good for address in one.addresses[rank : rank + 1]]
        # The resolver is alive if it found the name in at least one family.
        failed = good[0].failed if all(one.failed is not None for one in good) else None
        return AnchorAddresses(tuple(mixed[:MAX_ADDRESSES]), failed, any(one.fake_address for one in good))

    async def _resolve_type(self, host: str, rrtype: str) -> AnchorAddresses | OperationError:
        timeout = min(self._tools.timeout, SYSTEM_RESOLVER_SECONDS) if self._trusted else self._tools.timeout
        self._tools.resolvers.begin_if_several()
        try:
            addresses = await self._tools.lookups.addresses(host, rrtype, timeout)
        except OperationError as error:
            failed = error
        else:
            return AnchorAddresses(addresses, fake_address=any(map(_is_benchmark_address, addresses)))
        if failed.info.failure is Failure.NODATA:
            return failed  # the name exists, but not in this family
        if failed.info.failure is Failure.TIMEOUT:
            with suppress(TimeoutError):  # the trusted resolvers need some of the look's time
                async with asyncio.timeout(SYSTEM_RESOLVER_SECONDS):
                    if found := await self._tools.resolvers.addresses(host, rrtype):
                        return AnchorAddresses(found, fake_address=any(map(_is_benchmark_address, found)))
        for resolver in self._trusted:
            with suppress(OperationError):
                answer = await self._tools.encrypted(resolver).ask(dns_wire.dns_question(host, rrtype))
                if answer.addresses:
                    return AnchorAddresses(answer.addresses, failed.info.failure)
        return failed


def _is_benchmark_address(address: str) -> bool:
    parsed = parse_address(address)
    return isinstance(parsed, IPv4Address) and parsed in _BENCHMARK_NETWORK
