"""Evidence of a network without IPv4 is judged by the IPv4 addresses that its gateway stands for."""

from __future__ import annotations

import pytest

from probe.judge.translation import translated
from probe.model.observation import Connection, LateAnswer, Observation, Resolution
from probe.model.resolver import Trust
from probe.model.verdict import Evidence, RecentCut

NAME = "news.example.org"
PREFIX = "2a00:1450:64::/96"
INSIDE, PLAIN = "2a00:1450:64::9765:10a", "151.101.1.10"


def said(*addresses: str, rrtype: str = "AAAA", trust: Trust = Trust.NETWORK) -> Resolution:
    """Return a resolver's answer."""
    return Resolution(name=NAME, rrtype=rrtype, resolver="network", trust=trust, addresses=addresses)


def evidence(*seen: Observation, nat64: tuple[str, ...] = (PREFIX,)) -> Evidence:
    """Return evidence with a connection and a cut through the gateway."""
    cut = RecentCut(address=INSIDE, name="cut.example", at=0)
    return Evidence(observations=(*seen, Connection(address=INSIDE, port=443)), nat64=nat64, recent_cuts=(cut,))


def test_addresses_of_the_gateway_become_those_that_it_stands_for() -> None:
    """In answers, late answers, conversations and recent cuts; other addresses stay."""
    late = LateAnswer(name=NAME, rrtype="AAAA", resolver="network", trust=Trust.NETWORK, gap=1, addresses=(INSIDE,))
    found = translated(evidence(said(INSIDE, "2a04:4e42::10"), late))

    first, second, connection = found.observations
    assert isinstance(first, Resolution)
    assert first.addresses == (PLAIN, "2a04:4e42::10")
    assert isinstance(second, LateAnswer)
    assert second.addresses == (PLAIN,)
    assert isinstance(connection, Connection)
    assert connection.address == found.recent_cuts[0].address == PLAIN


@pytest.mark.parametrize(("known", "rrtype"), [((PLAIN,), "A"), ((PLAIN, "2a04:4e42::10"), "AAAA"), ((), "AAAA")])
def test_a_question_for_a_name_with_ipv4_alone_was_one_for_ipv4(known: tuple[str, ...], rrtype: str) -> None:
    """DNS64 answers it from the IPv4 addresses; the trusted resolver's own question stays what it was."""
    first, trusted, _ = translated(evidence(said(), said(*known, rrtype="A", trust=Trust.TRUSTED))).observations
    assert isinstance(first, Resolution)
    assert isinstance(trusted, Resolution)
    assert (first.rrtype, trusted.rrtype) == (rrtype, "A")


@pytest.mark.parametrize(
    "seen", [evidence(said(INSIDE), nat64=()), evidence(said(INSIDE), said(PLAIN, rrtype="A")), evidence()]
)
def test_other_hosts_are_judged_as_they_are(seen: Evidence) -> None:
    """Without NAT64; with IPv4 beside it, where both paths to a server stay apart; for a target that is an address."""
    assert translated(seen) is seen


def test_evidence_that_makes_no_sense_is_left_as_it_is() -> None:
    """It may come from anybody, and judging raises nothing."""
    found = translated(evidence(said("nonsense"), nat64=("no prefix",)))
    (first, connection) = found.observations
    assert isinstance(first, Resolution)
    assert isinstance(connection, Connection)
    assert (first.addresses, connection.address) == (("nonsense",), INSIDE)
