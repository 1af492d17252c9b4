"""Plans for endpoints without redirects: a TCP connection, a TLS handshake, a QUIC handshake."""

from __future__ import annotations

from probe.model.address import parse_address
from probe.model.hop import Purpose, StepPosition, subjects_of
from probe.model.step import Connect
from probe.model.target import QuicTarget, TcpTarget, TlsTarget
from probe.plan.context import PlanContext
from probe.plan.hop import PlanHop
from probe.plan.lookup import Lookup, choose_addresses
from probe.plan.plan import NoListener, Plan


class TcpPlan(Plan):
    """A connection to an address; beside it, where one is given, a connection to an address where nothing listens.

    A relay on the path completes every handshake, so that its success shows nothing about the target.
    """

    def __init__(self, target: TcpTarget, context: PlanContext) -> None:
        super().__init__()
        (subject,) = subjects_of(target)
        hop = PlanHop(subject, context, self.queue, StepPosition())
        hop.start((target.address,), (target.address,), frozenset())
        if context.relay_address:
            hop.ask(_relay_step(context.relay_address, target.port))


class RelayPlan(Plan):
    """A connection to an address where nothing listens, for all targets of a port."""

    def __init__(self, address: str, port: int) -> None:
        super().__init__()
        self.queue.add(_relay_step(address, port), NoListener())


class TlsPlan(Plan):
    """A handshake with an address, and its follow-ups."""

    def __init__(self, target: TlsTarget, context: PlanContext) -> None:
        super().__init__()
        (subject,) = subjects_of(target)
        hop = PlanHop(subject, context, self.queue, StepPosition())
        hop.start((target.address,), (target.address,), frozenset())


class QuicPlan(Plan):
    """A QUIC handshake with every address of a host, and TLS over TCP at those that are silent."""

    def __init__(self, target: QuicTarget, context: PlanContext) -> None:
        super().__init__()
        self._context = context
        self._started = False
        (subject,) = subjects_of(target)
        self._hop = PlanHop(subject, context, self.queue, StepPosition())
        self._lookup: Lookup | None = None
        if parse_address(target.host) is not None:
            self._hop.start((target.host,), (target.host,), frozenset())
        else:
            self._lookup = Lookup(target.host, context, self.queue, StepPosition(), self._changed)

    def _changed(self) -> None:
        """Begin once the name is resolved; afterwards try the addresses of late answers."""
        lookup = self._lookup
        if lookup is None or not lookup.ready:
            return
        if self._started:
            self._hop.add(lookup.late, lookup.unconfirmed)
            return
        addresses = choose_addresses(lookup.sources, self._context)
        if addresses:
            self._started = True
            self._hop.start(addresses, lookup.used, lookup.unconfirmed)


def _relay_step(address: str, port: int) -> Connect:
    return Connect(address=address, port=port, position=StepPosition(purpose=Purpose.RELAY))
