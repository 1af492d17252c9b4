"""Plans: one pure state machine per kind of target, which asks for steps and takes in their observations."""

from __future__ import annotations

from probe.model.target import DnsTarget, DomainTarget, QuicTarget, RangeTarget, Target, TcpTarget, TlsTarget, UrlTarget
from probe.plan.context import PlanContext
from probe.plan.dns import DnsPlan
from probe.plan.endpoint import QuicPlan, TcpPlan, TlsPlan
from probe.plan.plan import Plan
from probe.plan.range import RangePlan
from probe.plan.url import UrlPlan

__all__ = ["Plan", "PlanContext", "plan_for"]


def plan_for(target: Target, context: PlanContext) -> Plan:
    """The plan that measures a target."""
    match target:
        case UrlTarget():
            return UrlPlan((target,), context)
        case DomainTarget():
            return UrlPlan.of_domain(target, context)
        case DnsTarget():
            return DnsPlan(target, context)
        case TcpTarget():
            return TcpPlan(target, context)
        case TlsTarget():
            return TlsPlan(target, context)
        case RangeTarget():
            return RangePlan(target, context)
        case QuicTarget():
            return QuicPlan(target, context)
