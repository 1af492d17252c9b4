"""Plans for endpoints without redirects: a TCP connection, a TLS handshake, a QUIC handshake."""

from __future__ import annotations

from probe.model.address import parse_address
from probe.model.hop import Purpose, StepPosition, subjects_of
from probe.model.observation import Connection, Observation
from probe.model.step import Step
from probe.model.target import QuicTarget, TcpTarget, TlsTarget
from probe.plan.context import PlanContext
from probe.plan.hop import PlanHop
from probe.plan.lookup import Lookup, choose_addresses
from probe.plan.plan import NoListener, Plan, StepQueue
from probe.plan.relay_memory import leaves_doubt, trial_step


class RelayCheck:
    """Asks for a trial of an unrouted address after a connection that leaves a doubt (`probe.plan.relay_memory`).

    Args:
        context: what is known of relays, and whether the target failed before.
        port: of the target.
        queue: receives the trial.
        one_host: the target is one address, so that a failure of any connection is a failure of the target.
    """

    def __init__(self, context: PlanContext, port: int, queue: StepQueue, *, one_host: bool = True) -> None:
        self._context = context
        self._port = port
        self._queue = queue
        self._one_host = one_host
        self._failed = context.failed_before

    def consider(self, seen: Observation) -> None:
        """Queue the trial, once, where a connection of the target was accepted and leaves a doubt."""
        context = self._context
        if not context.relay_address or not isinstance(seen, Connection) or seen.purpose is not Purpose.SUBJECT:
            return
        if seen.failure is not None:
            self._failed = self._failed or self._one_host
            return
        elsewhere = context.control is None or context.served_elsewhere
        if leaves_doubt(context.relay_known, seen, context.now, failed=self._failed, served_elsewhere=elsewhere):
            self._queue.add(trial_step(context.relay_address, self._port), NoListener())


class TcpPlan(Plan):
    """A connection to an address; after one that leaves a doubt, a connection to an address where nothing listens.

    A relay on the path completes every handshake, so that its success shows nothing about the target.
    """

    def __init__(self, target: TcpTarget, context: PlanContext) -> None:
        super().__init__()
        (subject,) = subjects_of(target)
        self._relay_check = RelayCheck(context, target.port, self.queue)
        hop = PlanHop(subject, context, self.queue, StepPosition())
        hop.start((target.address,), (target.address,), frozenset())

    def observe(self, step: Step, observation: Observation) -> None:
        """Take in an observation of a step."""
        super().observe(step, observation)
        self._relay_check.consider(observation)


class RelayPlan(Plan):
    """A connection to an address where nothing listens, for all targets of a port."""

    def __init__(self, address: str, port: int) -> None:
        super().__init__()
        self.queue.add(trial_step(address, port), NoListener())


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
