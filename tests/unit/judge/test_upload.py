"""Sendings that stop: what it takes to call it the network's hand."""

from __future__ import annotations

from typing import Any

import pytest

from probe.judge import judge
from probe.model.failure import Failure
from probe.model.observation import Observation, Sending
from probe.model.step import Purpose
from probe.model.target import parse
from probe.model.verdict import Cause, ControlFacts, Evidence, Status, VantageState
from tests.unit.judge.made import HTTP, TIME, URL, A, B, http, said, served, tcp

STOPPED = {"failure": Failure.TIMEOUT, "sent": 18_000, "quiet": 3_000, "stall": 90, "took": 3_400}
WHOLE = {"sent": 68_000, "complete": True}


def sending(at: int, purpose: Purpose = Purpose.SUBJECT, **more: Any) -> Sending:
    """One at this millisecond: the own name's stops, the other's is whole."""
    fields = {"url": URL, "address": A, "sni": "x", **(WHOLE if purpose is Purpose.NEUTRAL else STOPPED), **more}
    return Sending(at=at, purpose=purpose, **fields)


N = Purpose.NEUTRAL
FOUND = said("network", A)
TURNS = (sending(100), sending(200, N), sending(300), sending(400, N))


def rule(*seen: Observation, control: ControlFacts | None = None, state: VantageState = VantageState.ONLINE) -> str:
    """The rule that decides the page, with these sendings beside it."""
    return judge(parse(URL), Evidence(observations=(FOUND, *served(), *seen), control=control), state, time=TIME).rule


def test_twice_in_turns_is_a_freeze_whatever_comes_first_in_the_list() -> None:
    assert rule(*TURNS) == rule(*reversed(TURNS)) == "throttle.freeze.sent"


@pytest.mark.parametrize(
    "seen",
    [
        TURNS[:3],
        TURNS[1:],
        (TURNS[0], TURNS[2], TURNS[1], sending(250)),
        (TURNS[0], TURNS[2], TURNS[3], sending(500, N)),
        (*TURNS, sending(500, N, complete=False, failure=Failure.TIMEOUT)),
        (*TURNS, sending(350, **WHOLE, failure=None)),
        (*TURNS, sending(350, failure=Failure.EOF)),
        (*TURNS[:2], sending(300, sent=18_000 + 8_193), TURNS[3]),
        tuple(sending(one.at, one.purpose, address=B) for one in TURNS),
        tuple(sending(one.at, one.purpose, hop=1) for one in TURNS),
        tuple(sending(one.at, one.purpose, url=URL + "a") for one in TURNS),
        (sending(100), sending(200, N), sending(300, address=B), sending(400, N)),
    ],
)
def test_less_than_that_is_none(seen: tuple[Sending, ...]) -> None:
    """Once, not in turns, the other name not whole each time, the own name ever whole or closed, places far apart."""
    assert rule(*seen) == "served"


@pytest.mark.parametrize(
    ("change", "froze"),
    [
        ({}, True),
        ({"sent": 8_191}, False),
        ({"sent": 8_192}, True),
        ({"sent": 65_535}, True),
        ({"sent": 65_536}, False),
        ({"quiet": 2_000, "took": 2_400}, True),
        ({"quiet": 1_999, "took": 2_400}, False),
        ({"stall": 1_500}, True),
        ({"stall": 1_501}, False),
        ({"took": 6_000}, True),
        ({"took": 6_001}, False),
        ({"complete": True}, False),
        ({"failure": Failure.RESET}, False),
    ],
)
def test_silence_must_be_longer_than_all_that_came_before_it(change: dict[str, Any], froze: bool) -> None:
    """By its bounds."""
    assert sending(0, **change).frozen is froze


def test_without_a_page_or_a_network_to_speak_of_nothing_is_said() -> None:
    """The target must have been served at that address over verified TLS, from an online vantage."""
    clear = judge(
        parse(HTTP), Evidence(observations=(FOUND, tcp(port=80), http(url=HTTP), *TURNS)), VantageState.ONLINE
    )
    insecure = Evidence(observations=(FOUND, *served()[:2], http(secure=False), *TURNS))

    assert clear.rule == "served"
    assert judge(parse(URL), insecure, VantageState.ONLINE).rule != "throttle.freeze.sent"
    assert rule(*TURNS, state=VantageState.POLICED) == "served"
    assert rule(*TURNS, state=VantageState.OFFLINE) == "vantage.offline"


def test_what_freezes_at_control_too_is_the_servers_own() -> None:
    frozen = ControlFacts(time=TIME, statuses=(Status.THROTTLED,), causes=(Cause.THROTTLE_FREEZE,))
    well = ControlFacts(time=TIME, statuses=(Status.REACHABLE,))

    assert rule(*TURNS, control=frozen) == "served"
    assert rule(*TURNS, control=well) == "throttle.freeze.sent"
