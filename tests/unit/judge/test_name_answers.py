"""What resolvers answered about a name."""

from __future__ import annotations

from typing import Any

import pytest

from probe.judge.name_answers import NameAnswers
from probe.model.failure import Failure
from probe.model.hop import Purpose
from probe.model.observation import Observation
from probe.model.resolver import Trust
from probe.model.verdict import ControlFacts
from tests.unit.judge.builders import FORGED, NAME, V6, A, B, control, late, said, tcp

BOGON = "10.1.1.1"


def names(*seen: Observation, by: ControlFacts | None = None, served: bool = False) -> NameAnswers:
    """The answers about the target's name."""
    return NameAnswers(NAME, seen, by, served=served)


def test_one_answer_per_resolver_joins_record_types_and_attempts() -> None:
    """Addresses go before failures; a resolver that this host could not ask is left out."""
    found = names(
        said("network", failure=Failure.TIMEOUT),
        said("network", A, attempt=1),
        said("network", V6, rrtype="AAAA"),
        said("network", "1.1.1.1", purpose=Purpose.OTHER),
        said("trusted", failure=Failure.NO_ROUTE),
        late(B),
    )
    (answer,) = found.by_resolver

    assert (answer.first, answer.late, answer.failure) == ((A, V6), ((B,),), None)
    assert found.given == {A, V6, B}
    assert found.attempts(answer) == 2


def test_the_reference_is_what_trusted_resolvers_and_the_control_gave() -> None:
    """An answer withholds those of the record types that were asked for."""
    found = names(said("network", failure=Failure.NODATA), said("trusted", A, V6, BOGON), by=control(addresses=(B,)))

    assert found.reference == {A, B, V6, BOGON}
    assert found.withheld(found.by_resolver[0]) == (B, A)
    asked_for_both = names(
        said("network", failure=Failure.NODATA),
        said("network", failure=Failure.NODATA, rrtype="AAAA"),
        said("trusted", A, V6),
    )
    assert asked_for_both.withheld(asked_for_both.by_resolver[0]) == (A, V6)


@pytest.mark.parametrize(
    ("seen", "counted"),
    [
        ((said("network", failure=Failure.TIMEOUT),), 1),
        ((said("network", failure=Failure.TIMEOUT), said("network", failure=Failure.TIMEOUT, rrtype="AAAA")), 2),
        ((said("network", failure=Failure.TIMEOUT), said("network", failure=Failure.NODATA, rrtype="AAAA")), 0),
        ((said("network", failure=Failure.TIMEOUT), said("system", failure=Failure.NODATA)), 1),
        ((said("network", failure=Failure.TIMEOUT), said("network", A, name="x.example", purpose=Purpose.OTHER)), 1),
    ],
)
def test_time_outs_of_a_resolver_count_where_it_never_answered_for_the_name(seen: Any, counted: int) -> None:
    """Other names do not count, nor do other resolvers."""
    found = names(*seen)

    assert found.timeouts(found.with_trust(Trust.NETWORK)[0]) == counted


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
def test_a_name_is_absent_where_trusted_resolvers_or_the_control_say_so(seen: Any, by: Any, absent: bool) -> None:
    """A trusted resolver that fails does not count; one address anywhere shows that the name exists."""
    assert names(*seen, by=by).absent is absent


def test_a_name_under_which_the_control_was_served_is_not_absent() -> None:
    """Whatever a filtering trusted resolver says."""
    assert not names(said("trusted", failure=Failure.NXDOMAIN), served=True).absent


def test_a_name_is_empty_where_nobody_gave_an_address() -> None:
    """And a trusted resolver said that there is none."""
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


def test_several_answers_to_one_query_are_late_answers() -> None:
    """Harmless ones too."""
    assert names(said("network", A), late(B)).has_late_answers
    assert not names(said("network", A)).has_late_answers


def test_late_addresses_contradict_the_first_answer_that_lacks_them() -> None:
    """Of queries whose first answer had the address and whose late one did not."""
    found = names(said("network", FORGED), late(A), late(FORGED, B))

    assert found.late_instead_of(FORGED) == {A}
    assert found.late_instead_of(A) == frozenset()


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
def test_a_hosts_file_shows_where_the_system_gives_what_no_resolver_gives(seen: Any, hosts: bool) -> None:
    """Every resolver must have answered; another public address may be rotation."""
    assert names(*seen).hosts_file is hosts


def test_what_the_same_resolver_says_of_other_names() -> None:
    """The system is taken to use any of the resolvers."""
    ghost = said("network", FORGED, name="zq.example", purpose=Purpose.GHOST)
    denied = said("network", failure=Failure.NXDOMAIN, name="zq.example", purpose=Purpose.GHOST)
    other = said("network", A, name="other.example", purpose=Purpose.OTHER)
    dead = said("network", failure=Failure.TIMEOUT, name="other.example", purpose=Purpose.OTHER)
    answer = said("network", FORGED)

    found = names(answer, ghost, other, tcp())
    assert (found.rewrites_nxdomain(found.by_resolver[0]), found.denies_random_name(found.by_resolver[0])) == (
        True,
        False,
    )
    assert (found.resolves_other_names(found.by_resolver[0]), found.fails_other_names(found.by_resolver[0])) == (
        True,
        False,
    )
    found = names(answer, denied, dead)
    assert (found.rewrites_nxdomain(found.by_resolver[0]), found.denies_random_name(found.by_resolver[0])) == (
        False,
        True,
    )
    assert (found.resolves_other_names(found.by_resolver[0]), found.fails_other_names(found.by_resolver[0])) == (
        False,
        True,
    )
    found = names(said("system", FORGED), denied)
    assert found.denies_random_name(found.by_resolver[0])
    found = names(said("network", FORGED, resolver="network"), denied, dead)
    assert not found.denies_random_name(found.by_resolver[0])
    assert not found.fails_other_names(found.by_resolver[0])


GONE = said("trusted", failure=Failure.NXDOMAIN)


@pytest.mark.parametrize(
    "filtered",
    [
        *(said("trusted", failure=Failure.NXDOMAIN, errors=(code,)) for code in (4, 15, 16, 17, 18)),
        said("trusted", failure=Failure.NXDOMAIN, recursion=False),
        said("trusted", FORGED, errors=(3, 17)),
        said("trusted", "0.0.0.0"),
        said("trusted", "::", rrtype="AAAA"),
    ],
)
def test_a_trusted_resolver_that_filters_the_name_is_not_asked_about_it(filtered: Observation) -> None:
    """It says so, or gives the null address. What it gave counts for nothing."""
    found = names(said("network", A), filtered, by=control(addresses=(B,)))

    assert found.with_trust(Trust.TRUSTED) == ()
    assert found.reference == {B}
    assert found.written_by_filters == set(getattr(filtered, "addresses", ()))
    assert not names(filtered).absent


@pytest.mark.parametrize(
    "honest",
    [
        said("trusted", A, errors=(3,)),
        said("trusted", A, recursion=True),
        said("trusted", A, "0.0.0.0"),
        said("trusted", A),
    ],
)
def test_a_trusted_resolver_is_believed_otherwise(honest: Observation) -> None:
    """Stale data (RFC 8914 code 3) is no filter."""
    assert names(honest).with_trust(Trust.TRUSTED)
    assert names(said("network", FORGED, errors=(15,), recursion=False)).given == {FORGED}


def test_an_answer_with_private_addresses_alone_counts_where_nobody_knows_a_public_one() -> None:
    """A filter that says nothing of itself answers so."""
    assert names(said("trusted", BOGON), by=control(addresses=(A,))).reference == {A}
    assert names(said("trusted", BOGON)).reference == {BOGON}
    assert names(said("trusted", A, BOGON)).reference == {A, BOGON}


def test_resolvers_with_one_name_and_two_ranks_are_two() -> None:
    """Those at private addresses are all written `network`."""
    first = said("network", failure=Failure.NXDOMAIN, resolver="network", rank=1)
    second = said("network", A, resolver="network", rank=2)
    other = said("network", A, resolver="network", rank=2, name="other.example", purpose=Purpose.OTHER)
    found = names(first, second, other)

    assert [(one.rank, one.first) for one in found.by_resolver] == [(1, ()), (2, (A,))]
    assert [found.resolves_other_names(one) for one in found.by_resolver] == [False, True]


@pytest.mark.parametrize(("found", "asked", "resolves"), [(1, 1, True), (1, 2, True), (1, 3, False), (2, 3, True)])
def test_a_resolver_finds_other_names_where_it_finds_half_of_them(found: int, asked: int, resolves: bool) -> None:
    """The censor may lie about one of them too; a resolver that finds few is broken, or allows few."""
    others = [
        said(
            "network",
            *((A,) if number < found else ()),
            failure=None if number < found else Failure.TIMEOUT,
            name=f"other{number}.example",
            purpose=Purpose.OTHER,
        )
        for number in range(asked)
    ]
    seen = names(said("network", failure=Failure.TIMEOUT), *others)

    assert seen.resolves_other_names(seen.by_resolver[0]) is resolves
    assert seen.fails_other_names(seen.by_resolver[0]) is not resolves


def test_a_single_trusted_denial_is_told_from_several_witnesses() -> None:
    """The control counts as one."""
    more = said("trusted", failure=Failure.NXDOMAIN, resolver="tls://192.0.2.9")

    assert names(GONE).denied_by_one
    assert not names(GONE, more).denied_by_one
    assert not names(GONE, by=control(addresses=(), failures=("dns.nxdomain",))).denied_by_one


def test_an_address_near_one_that_names_that_do_not_exist_get_is_rewritten() -> None:
    ghost = said("network", "31.13.1.1", name="zq.example", purpose=Purpose.GHOST)

    assert names(said("network", FORGED), ghost).is_rewritten(FORGED)
    assert not names(said("network", A), ghost).is_rewritten(A)


def test_the_sources_of_an_address_are_trusted_resolvers_and_the_control() -> None:
    more = said("trusted", A, resolver="tls://192.0.2.9")

    assert names(said("network", A), said("trusted", A), more, by=control(addresses=(A,))).sources_of(A) == 3
    assert names(said("network", A)).sources_of(A) == 0


@pytest.mark.parametrize(
    ("ghost", "fails"),
    [
        (None, False),
        (Failure.NXDOMAIN, False),
        (Failure.NODATA, False),
        (Failure.SERVFAIL, True),
        (Failure.TIMEOUT, True),
        (Failure.REFUSED, True),
    ],
)
def test_a_resolver_that_cannot_find_out_about_a_random_name_has_lost_its_upstream(
    ghost: Failure | None, fails: bool
) -> None:
    """Evidence of an older version has no such question after SERVFAIL and shows nothing of it."""
    asked = () if ghost is None else (said("network", failure=ghost, resolver="network", purpose=Purpose.GHOST),)
    found = names(said("network", failure=Failure.SERVFAIL, resolver="network"), *asked)
    assert found.fails_random_name(found.by_resolver[0]) is fails


def test_a_public_resolver_gives_no_reference_and_no_users_answer() -> None:
    """Anybody on the path can forge what it says: it neither confirms an address nor denies a name."""
    found = names(said("system", A), said("public", FORGED), said("trusted", failure=Failure.NXDOMAIN))

    assert (found.given, found.given_publicly, found.reference) == ({A}, {FORGED}, frozenset())
    assert not names(said("system", failure=Failure.NXDOMAIN), said("public", failure=Failure.NXDOMAIN)).absent
