"""Plans: one pure state machine per kind of target, which asks for steps and takes in their observations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from probe.lazy import lazy
from probe.model.target import DnsTarget, DomainTarget, QuicTarget, RangeTarget, Target, TcpTarget, TlsTarget, UrlTarget
from probe.plan.context import PlanContext
from probe.plan.plan import Plan

if TYPE_CHECKING:
    from probe.plan import dns, endpoint, range, url  # noqa: A004 - the kind of target
else:
    # A list has few kinds of targets, and most of a plan's code is about one of them.
    dns, endpoint = lazy("probe.plan.dns"), lazy("probe.plan.endpoint")
    range, url = lazy("probe.plan.range"), lazy("probe.plan.url")  # noqa: A001 - the kind of target

__all__ = ["Plan", "PlanContext", "plan_for"]


def plan_for(target: Target, context: PlanContext) -> Plan:
    """The plan that measures a target."""
    match target:
        case UrlTarget():
            return url.UrlPlan((target,), context)
        case DomainTarget():
            return url.UrlPlan.of_domain(target, context)
        case DnsTarget():
            return dns.DnsPlan(target, context)
        case TcpTarget():
            return endpoint.TcpPlan(target, context)
        case TlsTarget():
            return endpoint.TlsPlan(target, context)
        case RangeTarget():
            return range.RangePlan(target, context)
        case QuicTarget():
            return endpoint.QuicPlan(target, context)
