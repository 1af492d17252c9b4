"""Honest servers that fail in the ways in which censors cut names: none of their targets is blocked.

Packet loss is in `test_bad_lines.py`; single dialogues of such servers are in `families/cuts.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest

from probe.judge import verdict
from probe.model.failure import Failure
from probe.model.target import parse
from probe.model.verdict import Evidence, Status
from probe.plan import PlanContext, plan_for
from tests.golden.scenario import DOH, HTTP, ISP, NAME, ONLINE, TIME, URL, A, Scenario, world
from tests.golden.temper import Act, Temper, moody

SILENT, RST = Failure.TIMEOUT, Failure.RESET
DEATHS = (
    ("tcp", SILENT),
    ("tcp", RST),
    ("tls", SILENT),
    ("tls", RST),
    ("http", SILENT),
    ("http", RST),
)


def overloaded() -> Temper:
    """A full accept queue drops one SYN of six for good, and the server hangs as often."""
    shares = {"tcp": 1 / 6, "tls": 1 / 12, "http": 1 / 6}

    return lambda act: SILENT if act.chance.random() < shares[act.layer] else None


def limits_connections(most: int) -> Callable[[], Temper]:
    """A server that answers so many connections, one of twenty slowly, and bans the address then."""

    def make() -> Temper:
        def temper(act: Act) -> Failure | None:
            slow = act.layer == "http" and act.chance.random() < 1 / 20
            return SILENT if slow or (act.layer == "tcp" and act.number >= most) else None

        return temper

    return make


def bans_after_handshakes() -> Temper:
    """A content network that closes every handshake after the third, whatever the name."""
    begun: list[int] = []

    def temper(act: Act) -> Failure | None:
        begun.extend([act.number] if act.layer == "tls" else [])
        if len(begun) > 3 and act.layer == "tls":
            return Failure.EOF
        return SILENT if act.layer == "http" and act.chance.random() < 1 / 20 else None

    return temper


def crashes_once() -> Temper:
    """A server that crashes at the first request, refuses two connections, and serves."""
    crashed: list[int] = []

    def temper(act: Act) -> Failure | None:
        if act.layer == "http" and not crashed:
            crashed.append(act.number)
            return RST
        return RST if act.layer == "tcp" and crashed and act.number - crashed[0] in {1, 2} else None

    return temper


def one_machine_of_sixteen_is_dead() -> Temper:
    """Each connection to it fails at another layer."""
    ends: dict[tuple[int, int], tuple[str, Failure] | None] = {}

    def temper(act: Act) -> Failure | None:
        dead = act.chance.random() < 1 / 16
        end = ends.setdefault((act.port, act.number), act.chance.choice(DEATHS) if dead else None)
        return end[1] if end is not None and end[0] == act.layer else None

    return temper


def full_nat() -> Temper:
    """The table of the line's own NAT is full, and one SYN of six vanishes for good."""
    return lambda act: SILENT if act.layer == "tcp" and act.chance.random() < 1 / 6 else None


def hosts_only_its_own_names() -> Temper:
    """Unknown names are reset; one handshake of fifty and one SYN of ten fail for other reasons."""

    def temper(act: Act) -> Failure | None:
        if act.layer == "tcp":
            return SILENT if act.chance.random() < 0.1 else None
        reset = act.layer == "tls" and (act.name != NAME or act.chance.random() < 1 / 50)
        return RST if reset else None

    return temper


@pytest.mark.parametrize("suspected", [False, True], ids=["first", "re-test"])
@pytest.mark.parametrize("target", [URL, HTTP])
@pytest.mark.parametrize(
    "temper",
    [
        overloaded,
        limits_connections(3),
        limits_connections(5),
        bans_after_handshakes,
        crashes_once,
        one_machine_of_sixteen_is_dead,
        full_nat,
        hosts_only_its_own_names,
    ],
)
def test_an_honest_server_is_not_blocked_however_it_fails(
    temper: Callable[[], Temper], target: str, suspected: bool
) -> None:
    """Forty measurements with a control that was served; those that fail are `unreachable`."""
    honest = world(names={NAME: (A,)})
    control = Scenario("", "", honest, "", "", target=target, control=(honest,)).facts()
    context = PlanContext(network_resolvers=(ISP,), trusted_resolvers=(DOH,), control=control, suspected=suspected)
    made = moody(temper)
    made.chance = Random(20191113)
    rules = []
    for _ in range(40):
        evidence = Evidence(observations=made.play(plan_for(parse(target), context)), control=control)
        judged = verdict(time=TIME, text=target, target=parse(target), evidence=evidence, vantage=ONLINE)
        if judged.status in {Status.BLOCKED, Status.THROTTLED}:
            rules.append(judged.rule)

    assert rules == []
