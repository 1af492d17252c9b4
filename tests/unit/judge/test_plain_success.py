"""What is recognised as plainly served is what the table of rules says `served` of, with no findings."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from probe.judge.judging import Judgment, judge_by_table
from probe.judge.plain_success import is_plainly_served
from probe.model.failure import Failure
from probe.model.hop import Purpose
from probe.model.observation import Connection, Exchange, Observation, Resolution, TlsHandshake
from probe.model.resolver import Trust
from probe.model.target import parse
from probe.model.verdict import (
    AnchorKind,
    AnchorLook,
    ControlFacts,
    ControlPage,
    Evidence,
    Status,
    Vantage,
    VantageNote,
    VantageState,
)
from tests.golden import record
from tests.unit.judge.random_evidence import ADDRESSES, HEADS, HOST, NAMES, SAMPLES, SHA, TIME, URLS

SERVED = Judgment(Status.REACHABLE, "served")
FIRST, SECOND = ADDRESSES[0], ADDRESSES[1]
TARGETS = (
    *(f"https://{HOST}/", f"http://{HOST}/", f"dns://{HOST}", f"tcp://{FIRST}:443", f"tls://{FIRST}:443/{HOST}"),
    *(f"https://{FIRST}/", HOST, f"quic://{HOST}:443", "151.101.0.0/16"),
)
OTHER_VALUES: dict[str, tuple[Any, ...]] = {
    "at": (0, 2_000),
    "chain": (1,),
    "hop": (1,),
    "attempt": (1,),
    "purpose": tuple(Purpose),
    "failure": (None, *Failure),
    "name": NAMES,
    "resolver": ("system", "network", "https://9.9.9.9/dns-query"),
    "trust": tuple(Trust),
    "rank": (0, 1, 2),
    "addresses": ((), (FIRST,), (SECOND,), (FIRST, SECOND), (ADDRESSES[4],), (FIRST, ADDRESSES[2])),
    "truncated": (True,),
    "recursion": (None, True, False),
    "errors": ((15,), (22, 23)),
    "address": ADDRESSES,
    "port": (80, 443),
    "segment": (1_000,),
    "rtt": (0, 40_000, 41_000),
    "sni": NAMES,
    "verified": (True, False),
    "wait": (0, 9_000, 43_000),
    "floor": (0, 40_000),
    "url": URLS,
    "secure": (True, False),
    "status": (0, 200, 204, 302, 403, 404, 503),
    "location": ("", *URLS),
    "title": ("", "Daily news", "Blocked by order", "Just a moment"),
    "headers": ((), ("x-served-by",), ("cf-ray",)),
    "head": HEADS,
    "length": (0, 500, 16_000),
    "sha256": SHA,
    "complete": (True, False),
    "marks": (("ru.mts",), ("own.captcha",)),
    "server": ("", "nginx", "ddos-guard"),
    "sample": SAMPLES,
}


def plain_observations(target: str, chance: Random) -> list[Observation]:
    """What a healthy target shows, at one address or at two."""
    given_here = chance.choice([(FIRST,), (FIRST, SECOND)])
    encrypted = not target.startswith(("http:", "tcp:"))
    port = 443 if encrypted or target.startswith("tcp:") else 80
    seen: list[Observation] = []
    if "://" + HOST in target or target == HOST:
        whom = {"name": HOST, "resolver": "network", "trust": Trust.NETWORK}
        seen.append(Resolution(rrtype="A", addresses=given_here, **whom))
        if chance.random() < 0.5:
            seen.append(Resolution(rrtype="AAAA", failure=Failure.NODATA, **whom))
        if chance.random() < 0.5:
            whom = {"name": HOST, "resolver": "https://9.9.9.9/dns-query", "trust": Trust.TRUSTED}
            seen.append(Resolution(rrtype="A", addresses=chance.choice([given_here, (FIRST,), (SECOND,)]), **whom))
    for address in given_here if seen else (FIRST,):
        seen.append(Connection(address=address, port=port, rtt=chance.choice([0, 40_000])))
        if encrypted:
            seen.append(TlsHandshake(address=address, port=443, sni=HOST, verified=True, wait=43_000))
        if target.startswith(("https:", "http:")) and (address == FIRST or not encrypted):
            page = Exchange(url=target, address=address, secure=encrypted, status=200, complete=True, length=16_000)
            seen.append(replace(page, title="Daily news", sha256="aa", headers=("x-served-by",), wait=43_000))
    if target.startswith("tcp:"):
        seen.append(Connection(address="198.18.0.1", port=443, purpose=Purpose.RELAY, failure=Failure.TIMEOUT))
    return seen


def changed(seen: list[Observation], chance: Random) -> None:
    """Change one field of one observation, or leave one out, or repeat one."""
    place = chance.randrange(len(seen))
    match chance.randrange(6):
        case 0:
            del seen[place]
            seen = seen or []
        case 1:
            seen.append(seen[place])
        case _:
            fields = [name for name in type(seen[place]).__struct_fields__ if name in OTHER_VALUES]
            name = chance.choice(fields)
            seen[place] = replace(seen[place], **{name: chance.choice(OTHER_VALUES[name])})


def control_of(chance: Random) -> ControlFacts | None:
    """A control that may know the name, the page, or neither; it may have been served or not."""
    if chance.random() < 0.4:
        return None
    pages = [ControlPage(url=url, status=200, title="Daily news", sha256=chance.choice(SHA)) for url in URLS]
    return ControlFacts(
        time=TIME,
        statuses=chance.choice([(), (Status.REACHABLE,), (Status.DOWN,)]),
        addresses=chance.choice([{}, {HOST: (FIRST, SECOND)}, {HOST: (FIRST,)}, {HOST: (ADDRESSES[5],)}]),
        pages=tuple(page for page in pages if chance.random() < 0.3),
        failures=chance.choice([(), ("dns.nxdomain",), ("tcp.timeout",)]),
    )


def vantage_of(chance: Random) -> Vantage:
    """A vantage that is online, mostly, and has any notes."""
    look = AnchorLook(url="http://a.example/", kind=AnchorKind.FOREIGN, at=TIME, foreign_content=chance.random() < 0.2)
    return Vantage(
        state=chance.choice([*[VantageState.ONLINE] * 8, *VantageState]),
        notes=tuple(note for note in VantageNote if chance.random() < 0.1),
        anchors=(look,),
        ipv6_answered=chance.random() < 0.2,
    )


def agrees(seed: int) -> bool:
    """Whether a random measurement is recognised; both ways of judging it must agree."""
    chance = Random(seed)
    target = chance.choice(TARGETS)
    seen = plain_observations(target, chance)
    for _ in range(chance.choice([0, 0, 1, 1, 2, 3])):
        if seen:
            changed(seen, chance)
    evidence = Evidence(observations=tuple(seen), control=control_of(chance))
    vantage = vantage_of(chance)
    if not is_plainly_served(parse(target), evidence, vantage):
        return False
    assert judge_by_table(parse(target), evidence, vantage, TIME) == SERVED
    return True


@given(st.integers(0, 2**40))
def test_the_table_of_rules_says_the_same(seed: int) -> None:
    """Of healthy targets with up to three changes, whatever the control and the vantage."""
    agrees(seed)


def test_most_healthy_targets_are_recognised() -> None:
    """The comparison above is of some use."""
    assert sum(map(agrees, range(300))) > 25


@pytest.mark.parametrize("folder", sorted(record.CASES.iterdir()), ids=lambda folder: folder.name)
def test_golden_cases_are_judged_alike(folder: Any) -> None:
    """Each that is recognised."""
    if folder.is_dir():
        case = record.read(folder).verdict
        if is_plainly_served(parse(case.target), case.evidence, case.vantage):
            assert judge_by_table(parse(case.target), case.evidence, case.vantage, case.time) == SERVED
