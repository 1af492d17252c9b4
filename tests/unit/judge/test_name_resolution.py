"""Which answer of the network's resolvers is to blame."""

from __future__ import annotations

from typing import Any

import pytest

from probe.judge.address_ownership import AddressOwnership
from probe.judge.name_answers import NameAnswers
from probe.judge.name_resolution import NameResolution
from probe.model.failure import Failure
from probe.model.observation import Observation
from probe.model.resolver import Trust
from probe.model.verdict import Cause
from tests.unit.judge.builders import FORGED, NAME, A, B, late, said

BOGON = "10.1.1.1"
OWNERSHIP = {
    A: AddressOwnership.CONFIRMED,
    B: AddressOwnership.CONFIRMED,
    FORGED: AddressOwnership.REFUTED,
    BOGON: AddressOwnership.REFUTED,
}


def names(*seen: Observation) -> NameResolution:
    """The answers, with A and B confirmed, the forged and the private address refuted."""
    answers = NameAnswers(NAME, seen, None)
    return NameResolution(answers, lambda address: OWNERSHIP.get(address, AddressOwnership.UNDETERMINED))


@pytest.mark.parametrize(
    ("failures", "heaviest"),
    [
        ((Failure.NODATA, Failure.NXDOMAIN), Cause.DNS_NXDOMAIN),
        ((Failure.NODATA, Failure.TIMEOUT), Cause.DNS_TIMEOUT),
        ((Failure.GARBAGE, Failure.GARBAGE), Cause.DNS_TIMEOUT),
        ((Failure.SERVFAIL, Failure.TIMEOUT), Cause.DNS_SERVFAIL),
        ((Failure.REFUSED, Failure.REFUSED), Cause.DNS_REFUSED),
        ((None, None), Cause.DNS_TIMEOUT),
    ],
)
def test_the_heaviest_failure_of_several_record_types_is_the_cause(failures: tuple[Any, Any], heaviest: Cause) -> None:
    """A resolver without an answer is `dns.timeout`."""
    found = names(said("network", failure=failures[0]), said("network", failure=failures[1], rrtype="AAAA"))

    assert found.cause_of(found.answers.by_resolver[0]) is heaviest


@pytest.mark.parametrize(
    ("addresses", "complaint"),
    [
        ((A, FORGED), None),
        (("9.9.9.10", FORGED), None),
        ((FORGED,), Cause.DNS_SPOOFED),
        ((BOGON, FORGED), Cause.DNS_BOGON),
    ],
)
def test_an_answer_is_wrong_where_all_its_addresses_are_refuted(
    addresses: tuple[str, ...], complaint: Cause | None
) -> None:
    """An undetermined address counts as good."""
    found = names(said("network", *addresses))

    assert found.cause_of(found.answers.by_resolver[0]) is complaint


@pytest.mark.parametrize(
    ("seen", "blamed"),
    [
        ((said("system", A), said("network", FORGED)), None),
        ((said("system", FORGED), said("network", A)), None),
        ((said("system", FORGED), said("network", FORGED)), "network"),
        ((said("system", FORGED),), "system"),
        ((said("network", FORGED),), "network"),
        ((said("network", A),), None),
        ((said("network", FORGED), said("network", A, resolver="network")), None),
        ((said("system", FORGED), said("network", FORGED), said("network", A, resolver="network")), "network"),
        ((said("trusted", A),), None),
    ],
)
def test_the_systems_answer_decides_where_there_is_one(seen: tuple[Observation, ...], blamed: str | None) -> None:
    """Where it alone is wrong the host is to blame; a resolver of the network names the failure more exactly."""
    trouble = names(*seen).bad_answer

    assert (trouble and trouble.trust) == (blamed and Trust(blamed))


@pytest.mark.parametrize(
    ("seen", "injected"),
    [
        ((said("network", FORGED), late(A)), True),
        ((said("network", BOGON), late()), True),
        ((said("network", A), late(B)), False),
        ((said("network", A), late(FORGED)), False),
        ((said("network", failure=Failure.NXDOMAIN), late(A)), True),
        ((said("network", failure=Failure.NXDOMAIN), late("9.9.9.10")), False),
        ((said("network", failure=Failure.SERVFAIL), late(A)), False),
        ((said("network", failure=Failure.NXDOMAIN), late()), False),
        ((said("network", FORGED),), False),
        ((said("trusted", FORGED), late(A, trust="trusted")), False),
        ((said("network", "9.9.9.10"), late(A)), False),
        ((said("network", "9.9.9.10"), late(A), said("trusted", A)), True),
        ((said("network", "9.9.9.10"), late(FORGED), said("trusted", A)), False),
    ],
)
def test_an_answer_is_injected_where_a_later_one_shows_it_false(seen: tuple[Observation, ...], injected: bool) -> None:
    """Two answers that are both the target's show nothing, nor does a failure that a forwarder passed on."""
    assert (names(*seen).injected is not None) is injected
    good = (said("system", A), late(B, trust="system"))
    assert (names(*good, *seen).injected is not None) is injected


ONE: dict[str, Any] = {"resolver": "network", "rank": 1}
TWO: dict[str, Any] = {"resolver": "network", "rank": 2}
LIES = said("network", failure=Failure.NXDOMAIN, **ONE)


@pytest.mark.parametrize(
    ("seen", "blamed"),
    [
        ((said("system", failure=Failure.NXDOMAIN), LIES, said("network", A, **TWO)), 1),
        ((LIES, said("network", A, **TWO)), 1),
        ((said("system", A), said("network", A, **ONE), said("network", failure=Failure.NXDOMAIN, **TWO)), None),
        ((said("network", A, **ONE), said("network", failure=Failure.NXDOMAIN, **TWO)), None),
    ],
)
def test_of_several_resolvers_the_one_that_the_system_asks_first_decides(
    seen: tuple[Observation, ...], blamed: int | None
) -> None:
    """Programs never hear the others."""
    found = names(*seen).bad_answer

    assert (found and found.rank) == blamed


@pytest.mark.parametrize("failure", [Failure.TIMEOUT, Failure.SERVFAIL, Failure.REFUSED])
@pytest.mark.parametrize("system", [True, False])
def test_where_the_first_resolver_gives_no_answer_the_next_one_decides(failure: Failure, system: bool) -> None:
    """The system waits longer for the first one than a step does."""
    waited = (said("system", failure=Failure.TIMEOUT),) if system else ()
    silent = said("network", failure=failure, **ONE)

    assert names(*waited, silent, said("network", A, **TWO)).bad_answer is None
    lies = names(*waited, silent, said("network", failure=Failure.NXDOMAIN, **TWO)).bad_answer
    assert lies is not None
    assert (lies.rank, lies.failure) == (2, Failure.NXDOMAIN)
    dead = names(*waited, silent, said("network", failure=Failure.TIMEOUT, **TWO)).bad_answer
    assert dead is not None
    assert dead.rank == 1


def test_the_answer_that_programs_get_is_not_known_where_resolvers_have_no_ranks() -> None:
    """Evidence of an older version; then all must be wrong."""
    found = names(said("network", FORGED), said("network", A, resolver="udp:192.0.2.1:53"))

    assert (found.used, found.bad_answer) == (None, None)


def test_a_forgery_at_a_public_resolver_counts_where_the_hosts_own_answer_is_bad_too() -> None:
    """Programs on the host ask another resolver; where that answers well, nothing keeps them from the target."""
    forged = said("public", BOGON), late(A, trust="public")

    assert names(said("system", A), *forged).injected is None
    assert names(said("system", BOGON), *forged).injected is not None
    assert names(*forged).injected is not None
