"""Addresses given outright: a TCP connection, a TLS handshake."""

from __future__ import annotations

from probe.model.hop import Purpose, StepPosition, Subject
from probe.model.step import Connect
from probe.model.target import TcpTarget, TlsTarget
from probe.plan.context import PlanContext
from probe.plan.hop import PlanHop
from probe.plan.plan import Plan


class TcpPlan(Plan):
    """A connection; beside it, where one is given, an address where nothing listens.

    A relay on the path completes every handshake, and its success says nothing about the target.
    """

    def __init__(self, target: TcpTarget, context: PlanContext) -> None:
        super().__init__()
        hop = PlanHop(Subject("tcp", "", target.port), context, self.queue, StepPosition())
        hop.start((target.address,), (target.address,), frozenset())
        if context.relay_address:
            hop.ask(
                Connect(address=context.relay_address, port=target.port, position=StepPosition(purpose=Purpose.RELAY))
            )


class TlsPlan(Plan):
    """A handshake, with the follow-ups of one."""

    def __init__(self, target: TlsTarget, context: PlanContext) -> None:
        super().__init__()
        hop = PlanHop(Subject("tls", target.sni, target.port), context, self.queue, StepPosition())
        hop.start((target.address,), (target.address,), frozenset())
