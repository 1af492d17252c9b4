"""A golden case before it is recorded: a world, a control, and the verdict that must follow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from probe.judge import verdict
from probe.judge.blockpages import has_fingerprint
from probe.judge.control import facts
from probe.judge.vantage import concluded_again
from probe.model.glance_evidence import GlanceEvidence
from probe.model.target import parse
from probe.model.verdict import AnchorLook, ControlFacts, Evidence, Outage, RecentCut, Vantage, VantageState, Verdict
from probe.plan import PlanContext, plan_for
from probe.plan.nowhere import NowherePlan, doubtful_name
from probe.plan.upload import UploadPlan, served
from tests.golden.world import Cert, Page, World

TIME = datetime(2026, 10, 1, 12, tzinfo=UTC)
ISP = "udp:95.165.1.1:53"
DOH = "https://9.9.9.9/dns-query"
ALLOWED = "www.wikipedia.org"

NAME = "news.example.org"
A, B = "151.101.1.10", "146.75.65.10"
"""The addresses of the site, in two networks."""
V6 = "2a04:4e42::10"
SITE = Cert((NAME,))
URL = f"https://{NAME}/"
HTTP = f"http://{NAME}/"
HOME = Page("Daily news of the region", headers={"x-served-by": "edge"}, length=5000)

ONLINE = Vantage(state=VantageState.ONLINE)


def world(
    *,
    hole: tuple[str, ...] = (),
    ech: tuple[str, ...] = (),
    distance: int = 0,
    nat64: str = "",
    **changes: Mapping[Any, Any],
) -> World:
    """A world in which the site works, with entries added or replaced.

    Args:
        hole: addresses on whose path large packets are lost.
        ech: names that offer Encrypted ClientHello.
        distance: the round trip to every server, in microseconds; 0 where it is not known.
        nat64: the prefix with which resolvers write IPv4 addresses; empty for none.
        changes: table -> entries.
    """
    tables: dict[str, dict[Any, Any]] = {
        "names": {NAME: (A, B), ALLOWED: ("208.80.154.224",)},
        "certs": {A: SITE, B: SITE, "208.80.154.224": Cert((ALLOWED,))},
        "http": {NAME: HOME},
    }
    for table, entries in changes.items():
        tables[table] = {**tables.get(table, {}), **entries}
    return World(**tables, hole=hole, ech=ech, distance=distance, nat64=nat64)


@dataclass(frozen=True)
class Scenario:
    """One case.

    Attributes:
        name: of its folder.
        says: what the case shows, in one line.
        here: the world at the vantage.
        control: the worlds in which the control's verdicts were made, oldest first; empty for no control.
        status, rule, causes: the verdict that must follow.
        context: changes to the plan's setup.
        age: of the newest control line.
        limit: steps after which the deadline passes.
        error: why the measurement itself failed.
        notes: problems of the vantage besides its state.
        anchors: looks at anchors; state and notes then follow from them.
        recent_cuts: cuts under other names at the same addresses.
        outages: losses of the whole line after the target's name.
        glance: glances before the measurement; alone with the limit 0.
        sends: whether uploads are measured too.
    """

    name: str
    says: str
    here: World
    status: str
    rule: str
    causes: tuple[str, ...] = ()
    target: str = URL
    control: tuple[World, ...] = ()
    state: VantageState = VantageState.ONLINE
    context: Mapping[str, Any] = field(default_factory=dict)
    age: timedelta = timedelta(minutes=10)
    limit: int = 10_000
    error: str = ""
    notes: tuple[str, ...] = ()
    anchors: tuple[AnchorLook, ...] = ()
    recent_cuts: tuple[RecentCut, ...] = ()
    outages: tuple[Outage, ...] = ()
    found: Mapping[str, Any] = field(default_factory=dict)
    glance: tuple[GlanceEvidence, ...] = ()
    sends: bool = False

    def facts(self) -> ControlFacts | None:
        """The control's facts about the target."""
        lines = [
            self._verdict(
                made,
                PlanContext(
                    network_resolvers=("udp:9.9.9.9:53",), trusted_resolvers=(DOH,), has_fingerprint=has_fingerprint
                ),
                TIME - self.age - timedelta(minutes=len(self.control) - number),
            )
            for number, made in enumerate(self.control)
        ]
        return facts(lines).get(self.target)

    def play(self) -> Verdict:
        """Measure at the vantage and judge."""
        wanted = {
            "network_resolvers": (ISP,),
            "trusted_resolvers": (DOH,),
            "control": self.facts(),
            "has_fingerprint": has_fingerprint,
            **self.context,
        }
        vantage = concluded_again(Vantage(state=self.state, notes=self.notes, anchors=self.anchors))
        return self._verdict(
            self.here, PlanContext(**wanted), TIME, vantage=vantage, limit=self.limit, error=self.error
        )

    def _verdict(
        self,
        made: World,
        context: PlanContext,
        time: datetime,
        *,
        vantage: Vantage = ONLINE,
        limit: int = 10_000,
        error: str = "",
    ) -> Verdict:
        target = parse(self.target)
        seen = made.play(plan_for(target, context), limit)
        line = {"recent_cuts": self.recent_cuts, "outages": self.outages, "glance": self.glance}
        line = line if made is self.here else {}
        evidence = Evidence(observations=seen, control=context.control, nat64=context.nat64, error=error, **line)
        judged = verdict(time=time, text=self.target, target=target, evidence=evidence, vantage=vantage)
        name = doubtful_name(judged, target) if context.no_resolver else ""
        if name:
            seen += made.play(NowherePlan(name, context), began=1_000)
            evidence = Evidence(observations=seen, control=context.control, error=error)
            judged = verdict(time=time, text=self.target, target=target, evidence=evidence, vantage=vantage)
        page = served(judged) if self.sends else None
        if page is None:
            return judged
        seen += made.play(UploadPlan(page, context), began=1_000)
        evidence = Evidence(observations=seen, control=context.control, nat64=context.nat64, error=error, **line)
        return verdict(time=time, text=self.target, target=target, evidence=evidence, vantage=vantage)
