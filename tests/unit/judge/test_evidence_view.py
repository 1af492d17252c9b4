"""A leg: a hop with everything a rule may ask about it."""

from __future__ import annotations

from probe.judge.control import Word
from probe.model.failure import Failure
from probe.model.hop import Layer, LayerFailure
from probe.model.step import Purpose
from probe.model.verdict import Status, VantageNote
from tests.unit.judge.made import (
    FORGED,
    NAME,
    NEUTRAL,
    URL,
    V6,
    A,
    B,
    case,
    control,
    http,
    leg,
    said,
    served,
    tcp,
    tls,
    tries,
)

BOTH = (said("network", A, B), said("trusted", A, B))


def test_a_case_has_a_leg_for_each_hop_of_each_chain() -> None:
    """Each knows the hops before it."""
    made = case(http(A, 301, location="https://x.example/"), target=NAME)

    assert [[one.hop.subject.url for one in chain] for chain in made.chains] == [
        [URL, "https://x.example/"],
        [f"http://{NAME}/"],
    ]
    assert [len(one.before) for one in made.chains[0]] == [0, 1]


def test_ipv6_works_where_anything_answered_over_it() -> None:
    """A time-out is no answer."""
    assert case(tcp(V6)).ipv6_works
    assert not case(tcp(V6, Failure.TIMEOUT), tcp(A)).ipv6_works


def test_the_controls_facts_are_used_where_they_may_be_believed() -> None:
    """Not where it disagrees with itself; of a hop it did not meet it still knows the names."""
    hop = (http(A, 301, location="https://x.example/"),)

    assert leg(by=control()).control is not None
    assert leg(by=control(Status.DOWN)).control is not None
    assert leg(by=control(Status.REACHABLE, Status.DOWN)).control is None
    assert leg(by=control(Status.UNKNOWN)).control is None
    assert leg(*hop, by=control(), hop=1).word is Word.NONE
    assert leg(*hop, by=control(), hop=1).control is not None


def test_a_target_without_a_name_has_no_names() -> None:
    """Nobody was asked."""
    assert leg(tcp(), target=f"tcp://{A}:443").names is None
    assert leg().names is not None


def test_the_true_sites_are_the_acquitted_else_all_that_are_not_convicted() -> None:
    """An odd address says nothing about the target while a known one was tried."""
    known = leg(*BOTH, tcp(A), tcp(FORGED))
    unknown = leg(said("network", A), tcp(A), tcp(FORGED))

    assert [site.address for site in known.true_sites] == [A]
    assert [site.address for site in unknown.true_sites] == [A, FORGED]


def test_a_leg_is_served_by_those_who_gave_the_targets_own_word() -> None:
    """A handshake is enough where that is all there is to be had."""
    assert [site.address for site in leg(*BOTH, *served(), tcp(B)).served_by] == [A]
    assert [site.address for site in leg(tcp(), tls(), target=f"tls://{A}:443/{NAME}").served_by] == [A]
    notice = http(A, url=f"http://{NAME}/", marks=("ru.mts",))
    assert leg(*BOTH, notice, target=f"http://{NAME}/").served_by == ()


def test_the_deepest_failure_of_the_true_sites_decides() -> None:
    """Where one of them serves there is none; our own faults never count; its likes are counted."""
    failed = leg(*BOTH, tcp(A, Failure.TIMEOUT), *tries(2, tls(B, Failure.RESET), tcp(B)))

    assert failed.decisive == LayerFailure(Layer.TLS, Failure.RESET)
    assert failed.alike == 2
    assert leg(*BOTH, *served(), tcp(B, Failure.TIMEOUT)).decisive is None
    own = leg(*BOTH, tcp(A, Failure.LOCAL))
    assert (own.decisive, own.failing, own.alike) == (None, (), 0)


def test_a_broken_ipv6_is_this_hosts_fault() -> None:
    """Where the vantage found it broken: what fails to connect over it, and nothing else."""
    broken = {"notes": frozenset({VantageNote.IPV6_BROKEN})}
    silent, cut = tcp(V6, Failure.TIMEOUT), (tcp(V6), tls(V6, Failure.RESET))
    known = (said("trusted", A, V6),)

    assert leg(*known, silent).decisive == LayerFailure(Layer.TCP, Failure.TIMEOUT)
    assert leg(*known, silent, **broken).decisive is None
    assert leg(*known, *cut, **broken).decisive == LayerFailure(Layer.TLS, Failure.RESET)
    assert leg(*known, tcp(A, Failure.TIMEOUT), **broken).decisive == LayerFailure(Layer.TCP, Failure.TIMEOUT)


def test_an_address_answers_a_name_of_ours_or_does_not() -> None:
    """Whatever it says."""
    made = leg(*BOTH, tcp(A), tls(A, Failure.RESET), NEUTRAL)

    assert made.neutral_answers(made.hop.sites[0])
    assert not made.neutral_answers(made.hop.sites[0], Purpose.ALLOWED)


def test_a_name_by_which_control_was_served_is_not_absent() -> None:
    """Whatever a trusted resolver says here."""
    gone = (said("network", failure=Failure.NXDOMAIN), said("trusted", failure=Failure.NXDOMAIN))
    known, alone = leg(*gone, by=control(addresses={})).names, leg(*gone).names

    assert known is not None
    assert alone is not None
    assert (known.absent, alone.absent) == (False, True)
