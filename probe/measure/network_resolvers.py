"""Which of the network's resolvers answer at all in this pass, and the network's NAT64 prefixes.

A dead first resolver would cost every target its time-outs. So each resolver of several is asked once when the pass
begins, and one that stays silent is asked last from then on, until it answers anything. It gets another question once
in a while, beside the measurements, so that one that has recovered is used again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from probe.lazy import lazy
from probe.measure.failures import OperationError
from probe.model.failure import Failure
from probe.model.nat64 import DISCOVERY_NAME, prefixes_shown
from probe.model.resolver import PlainResolver

if TYPE_CHECKING:
    from probe.measure import dns_udp, dns_wire
else:
    dns_wire = lazy("probe.measure.dns_wire")
    dns_udp = lazy("probe.measure.dns_udp")

SURVEY_SECONDS = 4.0
"""Time for the first question: three tries, the last of which has a second."""
ANSWER_SECONDS = 2.0
"""Time for a question to a resolver that is known to answer."""
RETRY_SECONDS = 60.0
"""Interval of questions to a resolver that is silent."""

_NONE: frozenset[str] = frozenset()
_NO_ANSWER = frozenset({Failure.TIMEOUT, Failure.UNREACHABLE})


class NetworkResolvers:
    """The network's resolvers during one pass; `cancel` ends the questions under way.

    Args:
        servers: `udp:ADDRESS:PORT`, in the system's order.
        ipv6: this host has a route for IPv6, so that NAT64 is possible.
        seconds: step time-out.
    """

    def __init__(self, servers: Sequence[str] = (), *, ipv6: bool = False, seconds: float = SURVEY_SECONDS) -> None:
        self._servers = tuple(servers)
        self._needed = ipv6 or len(self._servers) > 1
        self._seconds = min(seconds, SURVEY_SECONDS)
        self._silent: dict[str, float] = {}
        """Resolver -> when it was asked last, on the event loop's clock."""
        self._shown: dict[str, tuple[str, ...]] = {}
        self._survey: asyncio.Task[None] | None = None
        self._retries: set[asyncio.Task[None]] = set()

    def begin(self) -> None:
        """Begin to ask each resolver once, all at the same time.

        Nothing is sent where nothing can follow from it: with one resolver and without IPv6.
        """
        if self._needed and self._survey is None:
            self._survey = asyncio.create_task(self._ask_all())

    def begin_if_several(self) -> None:
        """Begin to ask where a name may be found at another resolver than the first."""
        if len(self._servers) > 1:
            self.begin()

    async def survey(self) -> None:
        """Wait until each resolver was asked once."""
        self.begin()
        if self._survey is not None:
            await asyncio.shield(self._survey)

    async def addresses(self, name: str, rrtype: str) -> tuple[str, ...]:
        """The addresses of the first resolver of several that is not dead and has any; empty where none has.

        The system finds them too, after it has waited for the dead ones.
        """
        if len(self._servers) < 2:
            return ()
        await self.survey()
        question = dns_wire.dns_question(name, rrtype)
        for server in self._servers:
            resolver = PlainResolver.parse(server)
            if resolver is None or server in self._silent:
                continue
            with suppress(OperationError):
                query, answer = await dns_udp.first_answer(
                    resolver.address, resolver.port, question, min(self._seconds, ANSWER_SECONDS)
                )
                query.close()
                if answer.addresses:
                    return answer.addresses
        return ()

    @property
    def nat64_prefixes(self) -> tuple[str, ...]:
        """The prefixes that the resolvers write IPv4 addresses with (RFC 7050), as far as the survey has shown."""
        found = (prefix for server in self._servers for prefix in self._shown.get(server, ()))
        return tuple(dict.fromkeys(found))

    def dead(self) -> frozenset[str]:
        """The resolvers that have not answered yet; those whose turn has come are asked again meanwhile."""
        now = asyncio.get_running_loop().time()
        for server, asked_at in self._silent.items():
            if now - asked_at >= RETRY_SECONDS:
                self._silent[server] = now
                task = asyncio.create_task(self._ask(server))
                self._retries.add(task)
                task.add_done_callback(self._retries.discard)
        return frozenset(self._silent) if self._silent else _NONE

    def first_alive(self) -> str:
        """The first resolver that is not dead, the first of all where each is; empty where there is none."""
        dead = self.dead()
        return next((server for server in self._servers if server not in dead), next(iter(self._servers), ""))

    def answered(self, server: str) -> None:
        """Take in that a resolver answered something."""
        self._silent.pop(server, None)

    def cancel(self) -> None:
        """End the questions under way."""
        for task in (self._survey, *self._retries):
            if task is not None:
                task.cancel()

    async def _ask_all(self) -> None:
        await asyncio.gather(*map(self._ask, self._servers))

    async def _ask(self, server: str) -> None:
        resolver = PlainResolver.parse(server)
        if resolver is None:
            return
        asked_at = asyncio.get_running_loop().time()
        question = dns_wire.dns_question(DISCOVERY_NAME, "AAAA")
        try:
            query, answer = await dns_udp.first_answer(resolver.address, resolver.port, question, self._seconds)
        except OperationError as error:
            if error.info.failure in _NO_ANSWER:
                self._silent[server] = asked_at
            return
        query.close()
        self.answered(server)
        self._shown[server] = prefixes_shown(answer.addresses)
