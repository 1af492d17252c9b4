"""What the network's resolvers answered, held against whoever should know."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from probe.judge.acquittal import Standing
from probe.judge.names import Names
from probe.model.failure import Failure
from probe.model.observation import Observation
from probe.model.step import Purpose, Trust
from probe.model.verdict import Cause, ControlFacts
from tests.unit.judge.made import FORGED, NAME, V6, A, B, control, late, said, tcp

BOGON = "10.1.1.1"
STANDINGS = {A: Standing.ACQUITTED, B: Standing.ACQUITTED, FORGED: Standing.CONVICTED, BOGON: Standing.CONVICTED}


def names(
    *seen: Observation, by: ControlFacts | None = None, served: bool = False, known: Mapping[str, Standing] = STANDINGS
) -> Names:
    """The answers, with A and B acquitted, the forged and the private address convicted."""
    return Names(NAME, seen, by, lambda address: known.get(address, Standing.OPEN), served=served)


def test_one_answer_a_resolver_record_types_and_tries_together() -> None:
    """Addresses beat failures; a resolver that this host could not ask has said nothing."""
    found = names(
        said("network", failure=Failure.TIMEOUT),
        said("network", A, attempt=1),
        said("network", V6, rrtype="AAAA"),
        said("network", "1.1.1.1", purpose=Purpose.OTHER),
        said("trusted", failure=Failure.NO_ROUTE),
        late(B),
    )
    (answer,) = found.answers

    assert (answer.first, answer.late, answer.failure) == ((A, V6), ((B,),), None)
    assert found.given == {A, V6, B}
    assert found.tried(answer) == 2


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
def test_a_resolver_complains_of_the_name_by_its_heaviest_failure(failures: tuple[Any, Any], heaviest: Cause) -> None:
    """What it could not be heard to say is `dns.timeout`."""
    found = names(said("network", failure=failures[0]), said("network", failure=failures[1], rrtype="AAAA"))

    assert found.complaint(found.answers[0]) is heaviest


@pytest.mark.parametrize(
    ("addresses", "complaint"),
    [
        ((A, FORGED), None),
        (("9.9.9.10", FORGED), None),
        ((FORGED,), Cause.DNS_SPOOFED),
        ((BOGON, FORGED), Cause.DNS_BOGON),
    ],
)
def test_an_answer_is_wrong_where_all_its_addresses_are(addresses: tuple[str, ...], complaint: Cause | None) -> None:
    """An open address counts as good."""
    found = names(said("network", *addresses))

    assert found.complaint(found.answers[0]) is complaint


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
def test_what_programs_on_the_host_see_decides(seen: tuple[Observation, ...], blamed: str | None) -> None:
    """A bad system beside resolvers that are all good is the host's own; the network's say it more exactly."""
    trouble = names(*seen).trouble

    assert (trouble and trouble.trust) == (blamed and Trust(blamed))


def test_the_reference_is_what_the_trusted_and_the_control_gave() -> None:
    """Of the record types that were asked for, what should have been in an answer."""
    found = names(said("network", failure=Failure.NODATA), said("trusted", A, V6, BOGON), by=control(addresses=(B,)))

    assert found.reference == {A, B, V6, BOGON}
    assert found.hidden(found.answers[0]) == (B, A)
    asked_for_both = names(
        said("network", failure=Failure.NODATA),
        said("network", failure=Failure.NODATA, rrtype="AAAA"),
        said("trusted", A, V6),
    )
    assert asked_for_both.hidden(asked_for_both.answers[0]) == (A, V6)


@pytest.mark.parametrize(
    ("seen", "heard"),
    [
        ((said("network", failure=Failure.TIMEOUT),), 1),
        ((said("network", failure=Failure.TIMEOUT), said("network", failure=Failure.TIMEOUT, rrtype="AAAA")), 2),
        ((said("network", failure=Failure.TIMEOUT), said("network", failure=Failure.NODATA, rrtype="AAAA")), 0),
        ((said("network", failure=Failure.TIMEOUT), said("system", failure=Failure.NODATA)), 1),
        ((said("network", failure=Failure.TIMEOUT), said("network", A, name="x.example", purpose=Purpose.OTHER)), 1),
    ],
)
def test_a_resolver_is_silent_about_a_name_of_which_it_never_said_anything(seen: Any, heard: int) -> None:
    """As often as it was asked; what it says of other names, and others of this one, is beside the point."""
    found = names(*seen)

    assert found.silences(found.of(Trust.NETWORK)[0]) == heard


@pytest.mark.parametrize(
    ("seen", "by", "absent"),
    [
        ((said("trusted", failure=Failure.NXDOMAIN),), None, True),
        ((said("trusted", failure=Failure.NODATA),), None, False),
        ((said("trusted", failure=Failure.TIMEOUT),), None, False),
        ((said("trusted", A),), None, False),
        ((), None, False),
        ((), control(addresses=(), failures=("dns.nxdomain",)), True),
        ((said("trusted", failure=Failure.NXDOMAIN),), control(addresses=(), failures=("dns.nxdomain",)), True),
        ((said("trusted", failure=Failure.TIMEOUT),), control(addresses=(), failures=("dns.nxdomain",)), True),
        ((said("trusted", failure=Failure.SERVFAIL),), control(addresses=(), failures=("dns.nxdomain",)), False),
        ((said("trusted", failure=Failure.NXDOMAIN),), control(addresses=(A,)), False),
    ],
)
def test_a_name_is_absent_where_those_who_should_know_say_so(seen: Any, by: Any, absent: bool) -> None:
    """A trusted resolver that fails says nothing; one address anywhere says that the name exists."""
    assert names(*seen, by=by).absent is absent


def test_a_name_by_which_the_control_was_served_is_not_absent() -> None:
    """Whatever a filtering trusted resolver says."""
    assert not names(said("trusted", failure=Failure.NXDOMAIN), served=True).absent


def test_a_name_is_empty_where_nobody_gave_an_address() -> None:
    """And a trusted resolver was heard to say that there is none."""
    none = (said("trusted", failure=Failure.NODATA), said("trusted", failure=Failure.NODATA, rrtype="AAAA"))

    assert names(*none, said("network", failure=Failure.NODATA)).empty
    assert names(said("trusted", failure=Failure.NXDOMAIN)).empty
    assert not names(none[0], said("network", failure=Failure.NODATA)).empty  # it may have the other kind
    both = (said("network", failure=Failure.NODATA), said("network", failure=Failure.NODATA, rrtype="AAAA"))
    assert not names(none[0], *both).empty  # nor does it help that others were asked for that
    assert not names(*none, said("network", A)).empty
    skipped = said("trusted", failure=Failure.LOCAL, rrtype="AAAA")
    assert not names(none[0], skipped, said("network", failure=Failure.NODATA)).empty  # nobody asked for the other kind
    assert not names(said("trusted", failure=Failure.TIMEOUT)).empty


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
    """Two answers that are both the target's, or a failure that a forwarder passed on, show nothing."""
    assert (names(*seen).injected is not None) is injected
    good = (said("system", A), late(B, trust="system"))
    assert (names(*good, *seen).injected is not None) is injected


def test_several_answers_to_one_query_are_noted() -> None:
    """Be they harmless."""
    assert names(said("network", A), late(B)).raced
    assert not names(said("network", A)).raced


def test_late_addresses_are_rivals_of_the_first() -> None:
    """Of queries whose first answer gave this one and they did not."""
    found = names(said("network", FORGED), late(A), late(FORGED, B))

    assert found.rivals(FORGED) == {A}
    assert found.rivals(A) == frozenset()


@pytest.mark.parametrize(
    ("seen", "hosts"),
    [
        ((said("system", "127.0.0.1"), said("network", A)), True),
        ((said("system", A), said("network", failure=Failure.NXDOMAIN)), True),
        ((said("system", A), said("network", failure=Failure.TIMEOUT)), False),
        ((said("system", A), said("network", B)), False),
        ((said("system", BOGON), said("network", BOGON)), False),
        ((said("system", A), said("network", A), said("network", failure=Failure.TIMEOUT, resolver="network")), False),
        ((said("system", A),), False),
    ],
)
def test_a_hosts_file_shows_where_the_system_says_what_no_resolver_does(seen: Any, hosts: bool) -> None:
    """Every resolver must have been heard; rotation is none."""
    assert names(*seen).hosts_file is hosts


def test_what_the_same_resolver_says_of_other_names() -> None:
    """The system's other names are those of its resolvers."""
    ghost = said("network", FORGED, name="zq.example", purpose=Purpose.GHOST)
    denied = said("network", failure=Failure.NXDOMAIN, name="zq.example", purpose=Purpose.GHOST)
    other = said("network", A, name="other.example", purpose=Purpose.OTHER)
    dead = said("network", failure=Failure.TIMEOUT, name="other.example", purpose=Purpose.OTHER)
    answer = said("network", FORGED)

    found = names(answer, ghost, other, tcp())
    assert (found.rewrites(found.answers[0]), found.ghost_denied(found.answers[0])) == (True, False)
    assert (found.answers_others(found.answers[0]), found.fails_others(found.answers[0])) == (True, False)
    found = names(answer, denied, dead)
    assert (found.rewrites(found.answers[0]), found.ghost_denied(found.answers[0])) == (False, True)
    assert (found.answers_others(found.answers[0]), found.fails_others(found.answers[0])) == (False, True)
    found = names(said("system", FORGED), denied)
    assert found.ghost_denied(found.answers[0])
    found = names(said("network", FORGED, resolver="network"), denied, dead)
    assert not found.ghost_denied(found.answers[0])
    assert not found.fails_others(found.answers[0])
