"""Locate the interfering hop by resending the blocked message with different TTLs.

The search runs only after the verdict `blocked`, and does not change it. The first tries raise the TTL until the filter
reacts: until an answer arrives or, where the filter drops the message, until no router reports that the TTL expired. A
binary search follows, between the largest TTL without a reaction and the smallest with one. Last, another name is sent
with the TTL found. An answer to it shows that the server itself is no farther away.

The search makes at most `HopLimits.trace_connections` connections, one after another. Some filters drop all packets of
an address for minutes after a name they block. Such a connection fails, or is cut before the message is sent, and the
search ends.
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

import msgspec

from probe.model.failure import OWN_FAULTS, Failure
from probe.model.hop import Purpose, StepPosition
from probe.model.location import REACTIONS
from probe.model.observation import Exchange, LateAnswer, Observation, TlsHandshake, TracePayload, TraceReply
from probe.model.resolver import PlainResolver, Trust
from probe.model.step import Step, Trace
from probe.model.target import DEFAULT_PORTS, bracketed
from probe.model.verdict import Cause, Verdict
from probe.plan.context import PlanContext
from probe.plan.plan import Plan

FIRST_TTLS = (8, 16, 30)
"""TTLs that are tried until the filter reacts. Russia's devices sit 1 to 8 routers away (IMC'21, IMC'22), the first of
China's injectors 9 to 12 (USENIX Security'25); few paths are longer than 30."""

_TLS_FAILURES = {Cause.TLS_RESET: Failure.RESET, Cause.TLS_EOF: Failure.EOF, Cause.TLS_TIMEOUT: Failure.TIMEOUT}
_HTTP_FAILURES = {Cause.HTTP_RESET: Failure.RESET, Cause.HTTP_EOF: Failure.EOF, Cause.HTTP_TIMEOUT: Failure.TIMEOUT}


class TraceTarget(msgspec.Struct, frozen=True, kw_only=True):
    """The blocked message, and how it is blocked.

    Attributes:
        payload, address, port, name, rrtype: as in the step.
        silent: the filter drops the message; otherwise it answers in the server's place.
    """

    payload: TracePayload
    address: str
    port: int
    name: str
    rrtype: str = "A"
    silent: bool = False


def trace_target(verdict: Verdict) -> TraceTarget | None:
    """Return the message to trace for a blocked target.

    Returns None for causes that no trace can locate, and for a message that was acknowledged: it passed the filter,
    which dropped later packets.
    """
    cause = verdict.causes[0] if verdict.causes else None
    for seen in verdict.evidence.observations:
        if seen.purpose is not Purpose.SUBJECT:
            continue
        found = _target(cause, seen)
        if found is not None:
            return found
    return None


def _target(cause: Cause | None, seen: Observation) -> TraceTarget | None:
    match seen:
        case TlsHandshake() if (
            seen.sni and cause in _TLS_FAILURES and seen.failure is _TLS_FAILURES[cause] and not seen.acked
        ):
            silent = seen.failure is Failure.TIMEOUT
            return TraceTarget(
                payload=TracePayload.HELLO, address=seen.address, port=seen.port, name=seen.sni, silent=silent
            )
        case Exchange() if seen.url.startswith("http:"):
            if not (cause is Cause.HTTP_BLOCKPAGE and seen.status) and _HTTP_FAILURES.get(cause) is not seen.failure:  # type: ignore[arg-type]
                return None
            if seen.failure is None and cause is not Cause.HTTP_BLOCKPAGE:
                return None
            port = urlsplit(seen.url).port or DEFAULT_PORTS["http"]
            silent = cause is Cause.HTTP_TIMEOUT
            return TraceTarget(
                payload=TracePayload.REQUEST, address=seen.address, port=port, name=seen.url, silent=silent
            )
        case LateAnswer() if cause is Cause.DNS_INJECTED and seen.trust is Trust.NETWORK:
            server = PlainResolver.parse(seen.resolver)
            if server is None or server.transport != "udp":
                return None  # evidence does not contain the address of a resolver in the vantage's own network
            return TraceTarget(
                payload=TracePayload.QUERY,
                address=server.address,
                port=server.port,
                name=seen.name,
                rrtype=seen.rrtype,
            )
    return None


class TracePlan(Plan):
    """The search for the filter that blocks one message.

    Args:
        target: the message.
        context: names and limits.
    """

    def __init__(self, target: TraceTarget, context: PlanContext) -> None:
        super().__init__()
        self._target = target
        self._context = context
        self._asked = 0
        self._low = 0
        self._high = 0
        self._first_ttls: Iterator[int] = iter(FIRST_TTLS)
        self._ask(next(self._first_ttls))

    def observed(self, step: Step, seen: Observation) -> None:
        """Choose the next TTL."""
        assert isinstance(step, Trace)  # noqa: S101 - this plan asks for nothing else
        assert isinstance(seen, TraceReply)  # noqa: S101 - and a trace makes no other observation
        if step.position.purpose is not Purpose.SUBJECT or not seen.opened or seen.failure in OWN_FAULTS:
            return
        if self._target.silent and seen.failure in REACTIONS:
            return  # the message is no longer dropped: the block changed
        if seen.failure is Failure.TIMEOUT if self._target.silent else seen.failure in REACTIONS:
            self._high = step.ttl
        else:
            self._low = step.ttl
        self._next_try()

    def finished(self, step: Step, seen: tuple[Observation, ...]) -> None:
        """Ignore the end: a trace makes one observation, which `observed` takes in."""

    def _next_try(self) -> None:
        if not self._high:
            farther = next(self._first_ttls, 0)
            if farther:
                self._ask(farther)
        elif self._high - self._low > 1:
            self._ask((self._low + self._high) // 2)
        else:
            self._ask(self._high, Purpose.NEUTRAL)

    def _ask(self, ttl: int, purpose: Purpose = Purpose.SUBJECT) -> None:
        if self._asked >= self._context.limits.trace_connections:
            return
        self._asked += 1
        one = self._target
        name = one.name if purpose is Purpose.SUBJECT else self._neutral_name()
        position = StepPosition(purpose=purpose)
        step = Trace(
            payload=one.payload,
            address=one.address,
            port=one.port,
            name=name,
            ttl=ttl,
            rrtype=one.rrtype,
            position=position,
        )
        self.queue.add(step, self)

    def _neutral_name(self) -> str:
        """Return the neutral name; for a request, its URL with that host."""
        if self._target.payload is not TracePayload.REQUEST:
            return self._context.random_name
        parts = urlsplit(self._target.name)
        port = f":{parts.port}" if parts.port else ""
        return parts._replace(netloc=bracketed(self._context.random_name) + port).geturl()
