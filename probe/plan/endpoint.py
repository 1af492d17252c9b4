"""Addresses given outright: a TCP connection, a TLS handshake."""

from __future__ import annotations

from probe.model.hop import Subject
from probe.model.step import Connect, Place, Purpose
from probe.model.target import TcpTarget, TlsTarget
from probe.plan.context import Setup
from probe.plan.hop import Leg
from probe.plan.plan import Plan


class TcpPlan(Plan):
    """A connection; beside it, where one is given, an address where nothing listens.

    A relay on the path completes every handshake, and its success says nothing about the target.
    """

    def __init__(self, target: TcpTarget, setup: Setup) -> None:
        super().__init__()
        leg = Leg(Subject("tcp", "", target.port), setup, self.slate, Place())
        leg.start((target.address,), (target.address,), frozenset())
        if setup.relay_address:
            leg.ask(Connect(address=setup.relay_address, port=target.port, place=Place(purpose=Purpose.RELAY)))


class TlsPlan(Plan):
    """A handshake, with the follow-ups of one."""

    def __init__(self, target: TlsTarget, setup: Setup) -> None:
        super().__init__()
        leg = Leg(Subject("tls", target.sni, target.port), setup, self.slate, Place())
        leg.start((target.address,), (target.address,), frozenset())
