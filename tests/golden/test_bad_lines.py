"""Honest networks on lines that lose packets: no target is blocked."""

from __future__ import annotations

from random import Random

import pytest

from probe.judge import verdict
from probe.model.failure import Failure
from probe.model.target import parse
from probe.model.verdict import Evidence, Status, Vantage, VantageState
from probe.plan import PlanContext, plan_for
from tests.golden.families import ranges
from tests.golden.scenario import DOH, HTTP, ISP, NAME, SITE, TIME, URL, V6, A, B, Scenario, world
from tests.golden.world import Page, World

ONLINE = Vantage(state=VantageState.ONLINE)
NEXT = "www.paper.example.net"

BENIGN: dict[str, tuple[str, World]] = {
    "https": (URL, world()),
    "http": (HTTP, world()),
    "domain": (NAME, world(http={HTTP: Page("", status=301, location=URL)})),
    "one address": (URL, world(names={NAME: (A,)})),
    "one address in clear": (HTTP, world(names={NAME: (A,)}, tcp={(A, 443): Failure.RESET})),
    "one dead address": (URL, world(tcp={B: Failure.TIMEOUT})),
    "both families": (URL, world(names={NAME: (A, V6)}, certs={V6: SITE})),
    "redirected": (URL, world(names={NEXT: (A,)}, http={URL: Page("", status=301, location=f"http://{NEXT}/")})),
    "content network": (URL, world(network={NAME: (V6, "31.13.94.10")}, certs={"31.13.94.10": SITE, V6: SITE})),
    "endpoint": (f"tcp://{A}:443", world()),
    "handshake": (f"tls://{A}:443/{NAME}", world()),
    "range": (ranges.RANGE, ranges.servers(ranges.ALL)),
    "sparse range": (ranges.RANGE, ranges.servers(ranges.SOME)),
    "name": (f"dns://{NAME}", world()),
}


@pytest.mark.parametrize("loss", [0.02, 0.1])
@pytest.mark.parametrize("controlled", [True, False], ids=["control", "alone"])
@pytest.mark.parametrize("kind", BENIGN)
def test_packet_loss_is_never_taken_for_interference(kind: str, controlled: bool, loss: float) -> None:
    """One act in fifty stays unanswered, retransmissions included: more than on a line that loses 10 % of its packets.

    One in ten stays unanswered on a line that loses a third of its packets in either direction.
    """
    target, honest = BENIGN[kind]
    control = Scenario("", "", honest, "", "", target=target, control=(honest,)).facts() if controlled else None
    context = PlanContext(network_resolvers=(ISP,), trusted_resolvers=(DOH,), control=control)
    honest.chance, honest.loss = Random(20170504), loss
    accused = []
    for number in range(100):
        seen = honest.play(plan_for(parse(target), context))
        evidence = Evidence(observations=seen, control=control)
        judged = verdict(time=TIME, text=target, target=parse(target), evidence=evidence, vantage=ONLINE)
        if judged.status is Status.BLOCKED:
            accused.append((number, judged.rule))
    honest.loss = 0.0

    assert accused == []
