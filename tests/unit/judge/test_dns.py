"""DNS predicates: a false answer, a dead resolver, a name that does not exist."""

from __future__ import annotations

from typing import Any

import pytest

from probe.judge import dns
from probe.model.failure import Failure
from probe.model.hop import Purpose
from probe.model.observation import Observation, Resolution
from probe.model.verdict import Cause, Status
from tests.unit.judge.builders import FORGED, NAME, V6, A, B, control, hop_of, late, said, served, tcp, tls, tries

TRUSTED = said("trusted", A)
OTHER = said("network", A, name="other.example", purpose=Purpose.OTHER)
DEAD = said("network", failure=Failure.TIMEOUT, name="other.example", purpose=Purpose.OTHER)
GHOST = said("network", FORGED, name="zq.example", purpose=Purpose.GHOST)
DENIED = said("network", failure=Failure.NXDOMAIN, name="zq.example", purpose=Purpose.GHOST)
GONE = said("trusted", failure=Failure.NXDOMAIN)
BOGON = said("network", "10.1.1.1")
WRONG = (said("network", FORGED), tcp(FORGED), tls(FORGED, Failure.CERTIFICATE, error="Hostname mismatch"), *served())


def failed(failure: Failure, tries_: int = 2) -> tuple[Observation, ...]:
    """The network's resolver fails in this way."""
    return tries(tries_, said("network", failure=failure))


@pytest.mark.parametrize(
    ("seen", "cause"),
    [
        ((*failed(Failure.NXDOMAIN, 1), TRUSTED), "dns.nxdomain"),
        ((*failed(Failure.NXDOMAIN, 1), TRUSTED, OTHER), "dns.nxdomain"),
        ((*failed(Failure.NXDOMAIN, 1), TRUSTED, DEAD), None),
        (failed(Failure.NXDOMAIN, 1), None),
        ((*failed(Failure.NXDOMAIN, 1), said("trusted", V6, rrtype="AAAA")), None),
        ((*failed(Failure.NODATA, 1), TRUSTED), "dns.nodata"),
        ((*failed(Failure.TIMEOUT, 5), TRUSTED, OTHER), "dns.timeout"),
        ((*failed(Failure.TIMEOUT, 5), said("network", failure=Failure.NODATA, rrtype="AAAA"), TRUSTED, OTHER), None),
        ((*failed(Failure.TIMEOUT, 4), TRUSTED, OTHER), None),
        ((*failed(Failure.GARBAGE), TRUSTED, OTHER), "dns.timeout"),
        ((*failed(Failure.GARBAGE, 1), TRUSTED, OTHER), None),
        ((*failed(Failure.TIMEOUT, 5), TRUSTED, DEAD), None),
        ((*failed(Failure.TIMEOUT, 5), TRUSTED), None),
        ((*failed(Failure.TIMEOUT, 1), TRUSTED, OTHER), None),
        ((*failed(Failure.SERVFAIL), TRUSTED, OTHER), "dns.servfail"),
        ((*failed(Failure.SERVFAIL, 1), TRUSTED, OTHER), None),
        ((*failed(Failure.SERVFAIL), TRUSTED, DEAD), None),
        ((*failed(Failure.SERVFAIL), TRUSTED), None),
        ((*failed(Failure.REFUSED, 1), TRUSTED, OTHER), "dns.refused"),
        ((*failed(Failure.REFUSED, 1), TRUSTED, DEAD), None),
        ((BOGON, TRUSTED), "dns.bogon"),
        ((BOGON, TRUSTED, GHOST), None),
        ((BOGON,), None),
        ((*WRONG, TRUSTED), "dns.spoofed"),
        ((*WRONG, TRUSTED, GHOST), "dns.spoofed"),
        ((said("network", A), TRUSTED), None),
        ((BOGON, GONE, DENIED), "dns.bogon"),
        ((said("network", FORGED), GONE, DENIED), "dns.spoofed"),
        ((said("network", FORGED), GONE), None),
        ((said("network", FORGED), GONE, GHOST), None),
        ((*failed(Failure.NXDOMAIN, 1), GONE, DENIED), None),
    ],
)
def test_interference_with_a_name_must_be_shown(seen: tuple[Observation, ...], cause: str | None) -> None:
    """The name exists elsewhere, and the resolver is not merely broken; or it does not exist, and is answered."""
    cause_found = dns.interference(hop_of(*seen))

    assert cause_found == (cause and Cause(cause))
    assert dns.interferes_by(Cause.DNS_NXDOMAIN)(hop_of(*seen)) is (cause == "dns.nxdomain")


AGREEING = {Failure.NXDOMAIN, Failure.NODATA}


@pytest.mark.parametrize(
    "trusted", [Failure.NXDOMAIN, Failure.NODATA, Failure.SERVFAIL, Failure.REFUSED, Failure.TIMEOUT]
)
@pytest.mark.parametrize("network", [Failure.NXDOMAIN, Failure.NODATA, Failure.SERVFAIL, Failure.REFUSED])
def test_a_trusted_resolver_that_agrees_now_outweighs_an_older_control(network: Failure, trusted: Failure) -> None:
    """The control had addresses; the name may have gone since."""
    answers = (said("trusted", failure=trusted), said("trusted", failure=trusted, rrtype="AAAA"))
    hop = hop_of(*failed(network), *answers, OTHER, by=control())

    agree = trusted in AGREEING or trusted is network
    assert dns.interference(hop) == (None if agree else Cause(f"dns.{network.value}"))


def test_no_data_for_one_family_is_no_agreement() -> None:
    """The other family was not asked for."""
    hop = hop_of(*failed(Failure.NXDOMAIN), said("trusted", failure=Failure.NODATA), OTHER, by=control())

    assert dns.interference(hop) is Cause.DNS_NXDOMAIN


def test_one_trusted_resolver_with_an_address_is_no_agreement() -> None:
    other = said("trusted", A, resolver="tls://192.0.2.9")
    hop = hop_of(*failed(Failure.NXDOMAIN), GONE, other, OTHER, by=control())

    assert dns.interference(hop) is Cause.DNS_NXDOMAIN


@pytest.mark.parametrize("statuses", [(Status.DOWN,), (Status.REACHABLE, Status.DOWN)])
def test_a_denial_shows_nothing_where_the_control_failed_or_disagrees(statuses: tuple[Status, ...]) -> None:
    """A dead site may still be listed (contract: `down`, `unreachable`)."""
    assert dns.interference(hop_of(*failed(Failure.NXDOMAIN, 1), TRUSTED, by=control(*statuses))) is None


def test_an_answer_for_a_name_that_does_not_exist_is_false_whatever_failed_at_the_control() -> None:
    """Not where the control disagrees with itself."""
    seen = (said("network", FORGED), GONE, DENIED)
    gone: dict[str, Any] = {"addresses": (), "failures": ("dns.nxdomain",)}

    assert dns.interference(hop_of(*seen, by=control(Status.DOWN, **gone))) is Cause.DNS_SPOOFED
    assert dns.interference(hop_of(*seen, by=control(Status.DOWN, Status.REACHABLE, **gone))) is None


@pytest.mark.parametrize(
    ("seen", "found", "resolves"),
    [
        ((said("network", A), TRUSTED), True, True),
        ((BOGON, TRUSTED), False, False),
        ((BOGON,), True, False),
        ((BOGON, said("trusted", "10.1.1.1")), True, True),
        ((), False, False),
        ((*WRONG, TRUSTED, late(A)), False, False),
    ],
)
def test_a_name_resolves_where_the_networks_resolvers_lead_to_the_target(
    seen: Any, found: bool, resolves: bool
) -> None:
    """A private address that nobody else knows leads nowhere."""
    assert (dns.leads_to_target(hop_of(*seen)), dns.resolves(hop_of(*seen))) == (found, resolves)


def test_predicates_of_names_do_not_apply_to_a_target_without_a_name() -> None:
    """No resolver was asked."""
    bare = hop_of(tcp(), target=f"tcp://{A}:443")

    assert dns.leads_to_target(bare)
    for predicate in (
        dns.resolves,
        dns.injected,
        dns.rewritten,
        dns.absent,
        dns.fake_addresses,
        dns.resolver_broken,
        dns.unresolved,
    ):
        assert not predicate(bare)
    assert dns.interference(bare) is None


def test_an_injected_answer_counts_whatever_the_control_says() -> None:
    """Not where the resolver gives an address for every name that does not exist."""
    forged = (said("network", FORGED), late())

    assert dns.injected(hop_of(*WRONG, TRUSTED, late(A), by=control(Status.DOWN)))
    assert dns.injected(hop_of(*forged, GONE))
    assert not dns.injected(hop_of(*forged, GONE, GHOST))
    assert not dns.injected(hop_of(said("network", A), TRUSTED))


def test_a_name_that_does_not_exist_is_rewritten_where_the_resolver_answers_all_such_names() -> None:
    """A name that exists is not."""
    assert dns.rewritten(hop_of(said("network", FORGED), GONE, GHOST))
    assert not dns.rewritten(hop_of(said("network", FORGED), GONE, DENIED))
    assert not dns.rewritten(hop_of(said("network", FORGED), TRUSTED, GHOST))


def test_a_name_is_absent_where_no_resolver_gives_an_address() -> None:
    """And a trusted resolver says so."""
    assert dns.absent(hop_of(*failed(Failure.NXDOMAIN, 1), GONE))
    assert not dns.absent(hop_of(*failed(Failure.NXDOMAIN, 1)))
    assert not dns.absent(hop_of(said("network", FORGED), GONE))


def test_a_resolver_that_gives_every_name_a_private_address_is_a_proxy() -> None:
    """One that gives it for one name alone is not."""
    assert dns.fake_addresses(hop_of(BOGON, TRUSTED, GHOST))
    assert not dns.fake_addresses(hop_of(BOGON, TRUSTED, DENIED))
    assert not dns.fake_addresses(hop_of(said("network", A), TRUSTED))


def test_a_resolver_that_fails_at_the_anchors_too_is_dead() -> None:
    """A denial is an answer, and a name that was found needs none."""
    dead: dict[str, Any] = {"notes": frozenset({"resolver_dead"})}

    assert dns.resolver_dead(hop_of(*failed(Failure.TIMEOUT), TRUSTED, **dead))
    assert dns.resolver_dead(hop_of(*failed(Failure.SERVFAIL), TRUSTED, **dead))
    assert not dns.resolver_dead(hop_of(*failed(Failure.TIMEOUT), TRUSTED))
    assert not dns.resolver_dead(hop_of(*failed(Failure.NXDOMAIN), TRUSTED, **dead))
    assert not dns.resolver_dead(hop_of(said("network", A), TRUSTED, **dead))
    assert not dns.resolver_dead(hop_of(tcp(), target=f"tcp://{A}:443", **dead))


def test_a_broken_resolver_does_not_find_another_name() -> None:
    """One that answers is not broken."""
    assert dns.resolver_broken(hop_of(*failed(Failure.TIMEOUT), DEAD))
    assert not dns.resolver_broken(hop_of(*failed(Failure.TIMEOUT), OTHER))
    assert not dns.resolver_broken(hop_of(said("network", A), DEAD))


def test_a_name_is_unresolved_where_no_address_could_be_tried() -> None:
    """No answer, a private one, a false one."""
    assert dns.unresolved(hop_of(*failed(Failure.NXDOMAIN, 1)))
    assert dns.unresolved(hop_of(BOGON))
    assert not dns.unresolved(hop_of(said("network", A)))


def nowhere(*addresses: str, name: str = NAME, failure: Failure | None = None) -> Resolution:
    """What came back from an address that runs no resolver."""
    return said(
        "network", *addresses, name=name, failure=failure, purpose=Purpose.NOWHERE, resolver="udp:104.16.1.1:53"
    )


LOST = nowhere(name="zq7w0v5xk2md.com", failure=Failure.TIMEOUT)
PROXIED = nowhere(name="a.example", failure=Failure.NXDOMAIN)
CLOSED = nowhere(name="zq7w0v5xk2md.com", failure=Failure.UNREACHABLE)


@pytest.mark.parametrize(
    ("seen", "proven"),
    [
        ((nowhere(FORGED), nowhere(FORGED), LOST, LOST, LOST), True),
        ((nowhere(failure=Failure.NXDOMAIN), nowhere(FORGED), LOST, CLOSED, LOST), True),
        ((nowhere(FORGED), LOST, LOST, LOST), False),
        ((nowhere(FORGED), nowhere(failure=Failure.TIMEOUT), LOST, LOST, LOST), False),
        ((nowhere(FORGED), nowhere(FORGED), LOST, LOST), False),
        ((nowhere(FORGED), nowhere(FORGED), LOST, LOST, LOST, PROXIED), False),
        ((nowhere(FORGED), nowhere(FORGED)), False),
        ((), False),
    ],
)
def test_answers_about_one_name_from_where_nobody_listens_are_injected(
    seen: tuple[Resolution, ...], proven: bool
) -> None:
    """A proxy that answers every query answers for other names too."""
    assert dns.answered_nowhere(hop_of(said("network", FORGED), *seen)) is proven


def test_a_name_that_has_gone_since_the_control_looked_is_rewritten_unless_its_address_serves() -> None:
    """Trusted resolvers deny it now, and the resolver answers all such names."""
    seen = (said("network", FORGED), GONE, GHOST)

    assert dns.rewritten(hop_of(*seen, tcp(A, Failure.TIMEOUT), by=control()))
    assert not dns.rewritten(hop_of(*seen, *served(), by=control()))
    assert not dns.rewritten(hop_of(said("network", FORGED), GONE, DENIED, by=control()))
    assert not dns.rewritten(hop_of(said("network", FORGED), TRUSTED, GHOST, by=control()))


SINKHOLE = (tcp(), tls(A, Failure.CERTIFICATE), tls(A, error="Hostname mismatch", purpose=Purpose.PEEK))


@pytest.mark.parametrize(
    ("seen", "by", "shown"),
    [
        (SINKHOLE, None, False),
        (SINKHOLE, control(), True),
        (
            (tcp(), tls(A, Failure.CERTIFICATE), tls(A, error="self-signed certificate", purpose=Purpose.PEEK)),
            None,
            True,
        ),
        ((tcp(A, Failure.TIMEOUT),), None, True),
        ((*SINKHOLE, said("trusted", B), tcp(B, Failure.TIMEOUT)), None, True),
        (served(), None, True),
        ((), None, True),
    ],
)
def test_a_denial_is_false_unless_the_trusted_addresses_are_another_names(seen: Any, by: Any, shown: bool) -> None:
    """A trusted resolver that filters may say nothing of it. A filter on the path cuts, or shows its own issuer."""
    hop = hop_of(*failed(Failure.NXDOMAIN, 1), TRUSTED, *seen, by=by)

    assert dns.interference(hop) is (Cause.DNS_NXDOMAIN if shown else None)
