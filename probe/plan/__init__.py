"""Which steps next: a plan a kind of target, pure machines that ask for steps and are told what they saw."""

from __future__ import annotations

from probe.model.target import DnsTarget, DomainTarget, QuicTarget, RangeTarget, Target, TcpTarget, TlsTarget, UrlTarget
from probe.plan.context import Limits, Setup
from probe.plan.dns import DnsPlan
from probe.plan.endpoint import TcpPlan, TlsPlan
from probe.plan.plan import Plan
from probe.plan.quic import QuicPlan
from probe.plan.range import RangePlan
from probe.plan.url import UrlPlan

__all__ = ["Limits", "Plan", "Setup", "plan_for"]


def plan_for(target: Target, setup: Setup) -> Plan:
    """The plan that measures a target."""
    match target:
        case UrlTarget():
            return UrlPlan((target,), setup)
        case DomainTarget():
            return UrlPlan.of_domain(target, setup)
        case DnsTarget():
            return DnsPlan(target, setup)
        case TcpTarget():
            return TcpPlan(target, setup)
        case TlsTarget():
            return TlsPlan(target, setup)
        case RangeTarget():
            return RangePlan(target, setup)
        case QuicTarget():
            return QuicPlan(target, setup)
