"""Verdicts that wait for what other targets of the pass show: IPv6 that works, certificates that verify."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from probe import judge
from probe.model.failure import Failure
from probe.model.hop import Purpose
from probe.model.observation import Certificate, Connection, Exchange, Observation, TlsHandshake
from probe.model.target import parse
from probe.model.verdict import (
    IPV6_WORKS,
    AnchorKind,
    AnchorLook,
    ControlFacts,
    ControlPage,
    Evidence,
    Status,
    Vantage,
    VantageState,
    Verdict,
)
from probe.session.round_witness import RoundWitness

TIME = datetime(2026, 10, 1, 12, tzinfo=UTC)
V6, OTHER_V6 = "tcp://[2001:db8::1]:443", "tcp://[2001:db8:1::1]:443"


def look(name: str = "anchor.example", scheme: str = "https", **more: Any) -> AnchorLook:
    """A look at an anchor that works unless something else is given."""
    return AnchorLook(url=f"{scheme}://{name}/", kind=AnchorKind.FOREIGN, at=TIME, **more)


def judged(text: str, *seen: Observation, anchors: tuple[AnchorLook, ...] = (), **control: Any) -> Verdict:
    """The verdict on a target that the control was served."""
    facts = ControlFacts(time=TIME, statuses=(Status.REACHABLE,), **control)
    return judge.verdict(
        time=TIME,
        text=text,
        target=parse(text),
        evidence=Evidence(observations=seen, control=facts),
        vantage=Vantage(state=VantageState.ONLINE, anchors=anchors),
    )


def silent(text: str, **more: Any) -> Verdict:
    """A verdict on a `tcp://` target whose SYNs all time out."""
    address, _, port = text.removeprefix("tcp://").rpartition(":")
    tries = (
        Connection(address=address.strip("[]"), port=int(port), failure=Failure.TIMEOUT, attempt=n) for n in range(5)
    )
    return judged(text, *tries, **more)


def answered(text: str = OTHER_V6) -> Verdict:
    """A verdict on a `tcp://` target that works."""
    address, _, port = text.removeprefix("tcp://").rpartition(":")
    return judged(text, Connection(address=address.strip("[]"), port=int(port)))


def test_silence_over_ipv6_is_a_block_once_another_ipv6_destination_answers() -> None:
    """Whichever is measured first; judging it again gives the same."""
    early, late = RoundWitness(), RoundWitness()
    anchors = (look("a.example"), look("b.example"))
    made = silent(V6, anchors=anchors)

    assert made.status is Status.UNREACHABLE
    assert early.add(made) == []
    other, blocked = sorted(early.add(answered()), key=lambda one: one.status is Status.BLOCKED)
    assert (other.status, blocked.status, blocked.causes) == (Status.REACHABLE, Status.BLOCKED, ("tcp.timeout",))
    assert judge.again(blocked) == blocked
    assert late.add(answered()) == [answered()]
    assert late.add(made) == [blocked]


def test_without_any_other_ipv6_destination_silence_stays_ambiguous() -> None:
    """A second silent target, a second verdict on the same target, or an answer over IPv4 proves nothing."""
    witness = RoundWitness()
    held = [silent(V6), silent(OTHER_V6)]

    assert [witness.add(one) for one in held] == [[], []]
    works = answered("tcp://192.0.2.1:443")
    assert witness.add(works) == [works]
    assert witness.settle() == held
    assert RoundWitness().add(answered(V6)) == [answered(V6)]


def test_an_anchor_with_ipv6_makes_no_witness_necessary() -> None:
    """Its connection over IPv6 shows that it works."""
    made = silent(V6, anchors=(look(ipv6_result=IPV6_WORKS), look("second.example")))

    assert made.status is Status.BLOCKED
    assert RoundWitness().add(made) == [made]


def redirected(number: int, to: str = "http://login.example/", **more: Any) -> Verdict:
    """A site that is redirected to another host here, and not at the control."""
    url = f"http://192.0.2.{number}/"
    seen = (
        Connection(address=f"192.0.2.{number}", port=80),
        Exchange(url=url, address=f"192.0.2.{number}", status=302, location=to, complete=True),
    )
    return judged(url, *seen, pages=(ControlPage(url=url, status=200, title="Site"),), **more)


def forged(number: int, issuer: str = "Portal CA") -> Verdict:
    """A site in whose place a certificate by the same issuer is shown."""
    address = f"192.0.2.{number}"
    where: dict[str, Any] = {"address": address, "port": 443, "sni": f"site{number}.example"}
    seen = (
        Connection(address=address, port=443),
        TlsHandshake(**where, failure=Failure.CERTIFICATE, certificate=Certificate(error="self-signed certificate")),
        TlsHandshake(**where, purpose=Purpose.PEEK, certificate=Certificate(sha256=str(number), issuer=issuer)),
    )
    return judged(f"tls://{address}:443/site{number}.example", *seen)


def verified(name: str) -> Verdict:
    """A site whose certificate verifies."""
    where: dict[str, Any] = {"address": "198.51.100.1", "port": 443}
    return judged(f"tls://198.51.100.1:443/{name}", Connection(**where), TlsHandshake(**where, sni=name, verified=True))


@pytest.mark.parametrize("made", [redirected, forged])
def test_one_host_that_answers_for_unrelated_sites_is_a_portal(made: Any) -> None:
    """Where nobody's certificate verifies, nothing that fails is a block."""
    witness = RoundWitness()
    held = [made(number) for number in (1, 2, 3)]
    cut = silent("tcp://192.0.2.9:443")

    assert {one.status for one in (*held, cut)} == {Status.BLOCKED}
    assert [witness.add(one) for one in (*held, cut)] == [[]] * 4
    settled = witness.settle()
    assert {(one.status, one.rule) for one in settled} == {(Status.UNKNOWN, "vantage.one_host")}
    assert [judge.again(one) for one in settled] == settled


@pytest.mark.parametrize(
    "held",
    [
        [redirected(1), redirected(2)],
        [redirected(n, to=f"http://notice{n}.example/") for n in (1, 2, 3)],
        [redirected(n, to="http://warning.rt.ru/") for n in (1, 2, 3)],
        [forged(n, issuer=f"CA {n}") for n in (1, 2, 3)],
        [silent(f"tcp://192.0.2.{n}:443") for n in (1, 2, 3)],
    ],
)
def test_few_sites_different_hosts_and_known_block_pages_are_no_portal(held: list[Verdict]) -> None:
    """The verdicts stand at the end of the pass."""
    witness = RoundWitness()

    for one in held:
        witness.add(one)
    assert witness.settle() == held


def test_a_block_page_host_answers_for_many_sites_while_certificates_of_others_verify() -> None:
    """Two sites vouch for the line, anchors among them; then nothing is withheld any more."""
    witness = RoundWitness()
    held = [redirected(number) for number in (1, 2, 3)]

    assert [witness.add(one) for one in held] == [[]] * 3
    assert witness.add(verified("one.example")) == [verified("one.example")]
    assert witness.add(verified("www.one.example")) == [verified("www.one.example")]
    assert witness.add(verified("two.example")) == [*held, verified("two.example")]
    assert witness.add(redirected(4)) == [redirected(4)]
    assert witness.settle() == []


@pytest.mark.parametrize(
    ("anchors", "reported"),
    [
        ((look("a.example"), look("b.example")), True),
        ((look("a.example"), look("www.a.example")), False),
        ((look("a.example"), look("b.example", scheme="http")), False),
        ((look("a.example"), look("b.example", failure=Failure.RESET, cut_by_name=True)), False),
    ],
)
def test_two_anchors_over_tls_vouch_for_the_line(anchors: tuple[AnchorLook, ...], reported: bool) -> None:
    """So nothing is withheld on an ordinary line."""
    made = redirected(1, anchors=anchors)

    assert RoundWitness().add(made) == ([made] if reported else [])
