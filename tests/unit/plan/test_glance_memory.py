"""What is known of a target's answers, and how a glance compares with it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from probe.model.address import Family
from probe.model.failure import Failure
from probe.model.glance import GlanceKind, GlanceResult, glance_requests
from probe.model.glance_evidence import is_acquitted
from probe.model.hop import Layer, LayerFailure
from probe.model.observation import Observation
from probe.model.target import parse
from probe.model.verdict import Evidence, Status, Vantage, VantageState, Verdict
from probe.plan.glance_memory import (
    FAMILY_TURNS,
    MAX_KNOWN_ADDRESSES,
    MAX_KNOWN_ANSWERS,
    KnownAnswers,
    compared,
    confirmed_addresses,
    known_after,
    reference_requests,
    requests_for,
)
from tests.unit.judge.builders import FORGED, HTTP, NAME, TIME, URL, V6, A, B, control, http, late, said, served, tls

SUITE = "TLSv1.3 1301 001d"
DNS = f"dns://{NAME}"


def verdict(*seen: Observation, text: str = URL, status: Status = Status.REACHABLE, **evidence: Any) -> Verdict:
    """A verdict of a full look."""
    vantage = Vantage(state=VantageState.ONLINE)
    return Verdict(
        time=TIME, target=text, status=status, evidence=Evidence(observations=seen, **evidence), vantage=vantage
    )


LOOK = verdict(said("network", A), said("trusted", A, B), *served())


def result(
    text: str = URL, kind: GlanceKind = GlanceKind.TLS, wanted: Family = Family.IPV4, **fields: Any
) -> GlanceResult:
    """The result of one of a target's glances."""
    request = next(one for one in glance_requests(parse(text), wanted) if one.kind is kind)
    return GlanceResult(request=request, **{"addresses": (A,), "address": A, "seen": SUITE, "took": 20, **fields})


KNOWN = known_after([result()], LOOK, ())


def test_a_glance_that_sees_the_reference_again_acquits() -> None:
    evidence = compared(result(), KNOWN)

    assert evidence.same
    assert evidence.same_as == TIME.timestamp()
    assert is_acquitted(parse(URL), (evidence,))


@pytest.mark.parametrize(
    "fields",
    [
        {"seen": "TLSv1.3 1302 001d"},
        {"addresses": (FORGED,), "address": FORGED},
        {"addresses": (A, FORGED)},
        {"seen": "", "failure": LayerFailure(Layer.TLS, Failure.RESET)},
        {"addresses": (), "seen": "", "failure": LayerFailure(Layer.DNS, Failure.NXDOMAIN)},
    ],
    ids=["cipher", "address", "one more address", "reset", "nxdomain"],
)
def test_any_other_glance_differs(fields: dict[str, Any]) -> None:
    assert not compared(result(**fields), KNOWN).same


def test_a_glance_of_a_family_without_a_reference_differs() -> None:
    assert not compared(result(wanted=Family.IPV6, addresses=(V6,), address=V6), KNOWN).same


def test_a_reference_glance_that_failed_or_went_elsewhere_makes_no_known_answer() -> None:
    reset = result(seen="", failure=LayerFailure(Layer.TLS, Failure.RESET))
    elsewhere = result(addresses=(FORGED,), address=FORGED)

    assert known_after([reset, elsewhere], LOOK, KNOWN) == ()


def test_the_latest_answers_are_kept() -> None:
    known = KNOWN
    for number in range(9):
        known = known_after([result(seen=f"TLSv1.3 1301 000{number}")], LOOK, known)

    (one,) = known
    assert [answer.seen[-1] for answer in one.answers] == ["8", "7", "6", "5"]
    assert len(one.answers) == MAX_KNOWN_ANSWERS


def test_an_answer_that_comes_back_is_known_once() -> None:
    known = known_after([result(seen="TLSv1.3 1302 001d")], LOOK, KNOWN)
    again = known_after([result()], LOOK, known)

    assert [answer.seen for answer in again[0].answers] == [SUITE, "TLSv1.3 1302 001d"]


def test_addresses_are_bounded_and_those_of_earlier_looks_stay_known() -> None:
    known = KNOWN
    for number in range(40):
        address = f"151.{number}.1.10"
        look = verdict(said("network", address), said("trusted", address), *served(address))
        known = known_after([result(addresses=(address,), address=address)], look, known)

    assert len(known[0].addresses) == MAX_KNOWN_ADDRESSES
    assert known[0].addresses[:2] == ("151.39.1.10", "151.38.1.10")


def test_known_answers_survive_the_state_file() -> None:
    written = msgspec.msgpack.encode(KNOWN)

    assert msgspec.msgpack.decode(written, type=tuple[KnownAnswers, ...]) == KNOWN


def test_no_glance_is_made_where_a_chain_has_no_reference() -> None:
    assert requests_for(parse(NAME), KNOWN, 0) == ()
    assert requests_for(parse(URL), (), 0) == ()
    assert [one.kind for one in requests_for(parse(URL), KNOWN, 0)] == [GlanceKind.TLS]


def test_families_take_turns_where_both_are_known() -> None:
    look = verdict(said("trusted", A), said("trusted", V6, rrtype="AAAA"), *served(), *served(V6))
    six = result(wanted=Family.IPV6, addresses=(V6,), address=V6)
    known = known_after([result(), six], look, ())

    turns = [requests_for(parse(URL), known, turn)[0].family for turn in range(8)]
    assert turns == [*FAMILY_TURNS, *FAMILY_TURNS]
    assert {requests_for(parse(URL), KNOWN, turn)[0].family for turn in range(8)} == {Family.IPV4}


def test_a_name_is_asked_for_in_every_known_family() -> None:
    look = verdict(said("network", A), said("network", V6, rrtype="AAAA"), text=DNS)
    answers = [
        result(DNS, GlanceKind.NAME, each, addresses=(address,), address="", seen="")
        for each, address in ((Family.IPV4, A), (Family.IPV6, V6))
    ]
    known = known_after(answers, look, ())

    assert [one.family for one in requests_for(parse(DNS), known, 0)] == [Family.IPV4, Family.IPV6]
    assert all(compared(one, known).same for one in answers)


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        (URL, [GlanceKind.TLS]),
        (HTTP, [GlanceKind.HTTP]),
        (NAME, [GlanceKind.TLS, GlanceKind.HTTP]),
        (DNS, [GlanceKind.NAME]),
        (f"tcp://{A}:443", [GlanceKind.TCP]),
        (f"tls://{A}:443/{NAME}", [GlanceKind.TLS]),
        (f"quic://{NAME}:443", [GlanceKind.QUIC]),
        ("151.101.0.0/16", []),
    ],
)
def test_the_reference_glances_of_a_target(text: str, kinds: list[GlanceKind]) -> None:
    look = verdict(*LOOK.evidence.observations, text=text)

    assert [one.kind for one in reference_requests(parse(text), look)] == kinds


def test_only_a_target_that_was_reachable_gets_a_reference_glance() -> None:
    for status in (one for one in Status if one is not Status.REACHABLE):
        assert reference_requests(parse(URL), verdict(*LOOK.evidence.observations, status=status)) == ()


def test_a_forged_address_is_not_confirmed() -> None:
    """It came late or failed; those that served, or that others gave, are the target's."""
    refused = tls(FORGED, Failure.CERTIFICATE, error="Hostname mismatch")
    look = verdict(said("network", A, FORGED), late("31.13.94.11"), said("trusted", B), *served(), refused)

    assert confirmed_addresses(look) == (A, B)
    assert confirmed_addresses(verdict(said("network", A))) == (A,)
    assert set(confirmed_addresses(verdict(said("network", A), control=control()))) == {A, B}


def test_an_address_of_a_later_hop_is_not_the_targets() -> None:
    look = verdict(said("network", A), *served(), http(FORGED, hop=1), tls(FORGED, hop=1))

    assert confirmed_addresses(look) == (A,)


def test_the_evidence_names_the_moment_of_the_look_that_saw_the_same() -> None:
    later = datetime(2026, 10, 1, 13, tzinfo=UTC)
    second = msgspec.structs.replace(LOOK, time=later)
    known = known_after([result(seen="TLSv1.3 1302 001d")], second, KNOWN)

    assert compared(result(), known).same_as == TIME.timestamp()
    assert compared(result(seen="TLSv1.3 1302 001d"), known).same_as == later.timestamp()
    assert compared(result(seen="TLSv1.3 1303 001d"), known).known == "TLSv1.3 1302 001d"
