"""QUIC: a handshake with every address of the host, and TLS over TCP at those that are silent."""

from __future__ import annotations

from probe.model.address import parse_address
from probe.model.hop import StepPosition, Subject
from probe.model.target import QuicTarget
from probe.plan.candidates import choose
from probe.plan.context import PlanContext
from probe.plan.hop import PlanHop
from probe.plan.lookup import Lookup
from probe.plan.plan import Plan


class QuicPlan(Plan):
    """One host and port."""

    def __init__(self, target: QuicTarget, context: PlanContext) -> None:
        super().__init__()
        self._context = context
        self._started = False
        self._hop = PlanHop(Subject("quic", target.host, target.port), context, self.queue, StepPosition())
        self._lookup: Lookup | None = None
        if parse_address(target.host) is not None:
            self._hop.start((target.host,), (target.host,), frozenset())
        else:
            self._lookup = Lookup(target.host, context, self.queue, StepPosition(), self._changed)

    def _changed(self) -> None:
        """Begin once the name is known; try what came late."""
        lookup = self._lookup
        if lookup is None or not lookup.ready:
            return
        if self._started:
            self._hop.add(lookup.late, lookup.odd)
            return
        addresses = choose(lookup.sources, self._context)
        if addresses:
            self._started = True
            self._hop.start(addresses, lookup.local, lookup.odd)
