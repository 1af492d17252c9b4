"""Queries to an address that runs no resolver: does something on the path answer, and about which names?

Injectors of DNS read the queries that pass, wherever they go; so a forged answer comes from an address where nobody
listens, too (GFW: Lowe, Winters, Marcus 2007; net4people/bbs#47). A proxy that answers every query answers other names
as well. The queries are made after a measurement whose name could not be compared with anything: the network's
resolvers answered, no trusted one did, and the control knows no address. No system asks such an address, so the other
names, which nobody has, are asked for only once the name was answered there.
"""

from __future__ import annotations

from probe.model.address import parse_address
from probe.model.failure import DNS_ANSWERS
from probe.model.hop import Purpose, StepPosition, subjects_of
from probe.model.observation import Observation, Resolution
from probe.model.resolver import Trust
from probe.model.step import Resolve, Step
from probe.model.target import Target
from probe.model.verdict import Status, Verdict
from probe.plan.context import PlanContext
from probe.plan.plan import NoListener, Plan

NAME_QUERIES = 2
"""Queries for the name."""
OTHER_QUERIES = 4
"""Queries for other names. Each is sent three times, so that loss alone leaves all unanswered on no line that works."""


def doubtful_name(verdict: Verdict, target: Target) -> str:
    """The target's own name, where what the network says of it has nothing to be compared with; empty otherwise."""
    host = subjects_of(target)[0].host
    evidence = verdict.evidence
    if verdict.status is not Status.UNREACHABLE or not host or parse_address(host) is not None:
        return ""
    if evidence.control is not None and evidence.control.addresses.get(host):
        return ""
    answers = [
        one
        for one in evidence.observations
        if isinstance(one, Resolution) and one.name == host and (one.addresses or one.failure in DNS_ANSWERS)
    ]
    trusted = any(one.trust is Trust.TRUSTED for one in answers)
    return host if answers and not trusted else ""


class NowherePlan(Plan):
    """The queries about one name.

    Args:
        name: the name in doubt.
        context: the address that runs no resolver, and other names.
    """

    def __init__(self, name: str, context: PlanContext) -> None:
        super().__init__()
        self._context = context
        self._asked = 0
        for _ in range(NAME_QUERIES):
            self._ask(name)

    def observe(self, step: Step, observation: Observation) -> None:
        """Take in an answer; the first one about the name leads to the queries for the others."""
        super().observe(step, observation)
        answered = isinstance(observation, Resolution) and (observation.addresses or observation.failure in DNS_ANSWERS)
        if answered and self._asked == NAME_QUERIES:
            others = (self._context.ghost_name, self._context.random_name)
            for number in range(OTHER_QUERIES):
                self._ask(others[number % len(others)])

    def _ask(self, name: str) -> None:
        step = Resolve(
            name=name,
            rrtype="A",
            resolver=f"udp:{self._context.no_resolver}:53",
            trust=Trust.NETWORK,
            position=StepPosition(attempt=self._asked, purpose=Purpose.NOWHERE),
        )
        self._asked += 1
        self.queue.add(step, NoListener())
