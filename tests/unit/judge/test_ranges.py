"""Range predicates, each with the least that makes it apply and the least that does not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from probe.judge import judge, ranges
from probe.judge.evidence_hop import EvidenceHop, hops_of
from probe.judge.evidence_view import EvidenceView
from probe.model.failure import Failure
from probe.model.hop import Layer, Purpose
from probe.model.observation import Connection, Observation, TlsHandshake
from probe.model.target import parse
from probe.model.verdict import ControlFacts, Evidence, Status, VantageState

TIME = datetime(2026, 10, 1, 12, tzinfo=UTC)
RANGE, WIDE = "151.101.1.0/24", "151.101.0.0/22"
SILENCE, RST, ICMP = Failure.TIMEOUT, Failure.RESET, Failure.UNREACHABLE


def at(last: int, part: int = 1) -> str:
    return f"151.101.{part}.{last}"


def tcp(last: int, failure: Failure | None = None, times: int = 1, part: int = 1) -> tuple[Connection, ...]:
    """A number of tries with the same end."""
    return tuple(Connection(address=at(last, part), port=443, failure=failure, attempt=n) for n in range(times))


def relay(address: str, failure: Failure | None = None) -> Connection:
    return Connection(address=address, port=443, failure=failure, purpose=Purpose.RELAY)


def hello(last: int, failure: Failure | None, purpose: Purpose = Purpose.NEUTRAL) -> tuple[Observation, ...]:
    """Two hellos that ended alike."""
    where = {"address": at(last), "port": 443, "sni": "x.com", "purpose": purpose}
    return tuple(TlsHandshake(**where, failure=failure, attempt=n) for n in range(2))  # type: ignore[arg-type]


def hop_of(
    *seen: tuple[Observation, ...] | Observation, hits: object = 4, how: str = "tls", **more: object
) -> EvidenceHop:
    """A hop of a range; a number of its addresses (.1, .2, ..), or these, answered at the control."""
    known = [at(n) for n in range(1, hits + 1)] if isinstance(hits, int) else list(hits)  # type: ignore[call-overload]
    control = ControlFacts(
        time=TIME - timedelta(days=int(more.get("days", 0))),  # type: ignore[call-overload]
        statuses=(Status(str(more.get("status", "reachable"))),),
        hits=dict.fromkeys(known, how),
    )
    flat = tuple(one for part in seen for one in (part if isinstance(part, tuple) else (part,)))
    target = parse(str(more.get("target", RANGE)))
    view = EvidenceView(target, Evidence(observations=flat, control=control), VantageState.ONLINE, TIME)
    return hops_of(view)[0][0]


def said(one: EvidenceHop) -> str:
    """The rule that decides."""
    return judge(one.view.target, one.evidence, VantageState.ONLINE, time=TIME).rule


def lost(count: int, failure: Failure = SILENCE, times: int = 2) -> tuple[Observation, ...]:
    return tuple(one for n in range(1, count + 1) for one in tcp(n, failure, times))


@pytest.mark.parametrize(
    ("failure", "rule"),
    [(SILENCE, "tcp.timeout.range"), (RST, "tcp.reset.range"), (ICMP, "tcp.unreachable.range")],
)
def test_three_addresses_that_answered_at_the_control_and_fail_alike_are_a_blocked_range(
    failure: Failure, rule: str
) -> None:
    """Twice each."""
    assert said(hop_of(lost(3, failure), hits=3)) == rule


@pytest.mark.parametrize(
    "one",
    [
        hop_of(lost(2), hits=2),
        hop_of(lost(8), hits=2),
        hop_of(lost(3, times=1), hits=3),
        hop_of(lost(3), hits=3, days=8),
        hop_of(lost(2), tcp(3, RST, 2), tcp(4, RST, 2), hits=4),
    ],
    ids=["two", "misses beside two", "once", "an old control", "not alike"],
)
def test_less_than_that_is_no_blocked_range(one: EvidenceHop) -> None:
    """A miss is no evidence, one failure may be packet loss, and machines may have moved since."""
    assert said(one) == "tcp.ambiguous"


def test_one_address_that_fails_in_another_way_does_not_hide_the_block() -> None:
    """Three quarters alike are enough."""
    assert said(hop_of(lost(3), tcp(4, RST, 2))) == "tcp.timeout.range"


def test_icmp_errors_beside_time_outs_are_one_kind_of_failure() -> None:
    """Routers limit how many they send; three are no accident."""
    assert said(hop_of(lost(3, ICMP), tcp(4, SILENCE, 2), tcp(5, SILENCE, 2), hits=5)) == "tcp.unreachable.range"


def test_icmp_errors_beside_resets_are_two_kinds_of_failure() -> None:
    """An address that resets was reached."""
    assert said(hop_of(lost(3, ICMP), tcp(4, RST, 2), tcp(5, RST, 2), hits=5)) == "tcp.ambiguous"


def test_one_address_that_answers_makes_the_range_reachable() -> None:
    """The failing ones are named."""
    one = hop_of(lost(3), tcp(4))

    assert said(one) == "served"
    assert ranges.failing(one) == {at(n): "tcp.timeout" for n in (1, 2, 3)}


def test_an_address_that_did_not_answer_at_the_control_is_not_named() -> None:
    """Half of a range is dead everywhere."""
    assert ranges.failing(hop_of(tcp(1), tcp(200, SILENCE, 2), hits=1)) == {}


def test_a_part_in_which_all_fail_is_named_as_a_whole_and_neighbours_are_merged() -> None:
    """Two /24s make a /23; a third in which only two are known stays two addresses."""
    hits = [at(n, part) for part in (0, 1, 2, 3) for n in (1, 2, 3)][:-1]
    seen = [tcp(n, SILENCE, 2, part) for part in (0, 1, 3) for n in (1, 2, 3) if at(n, part) in hits]
    one = hop_of(*seen, tcp(1, part=2), hits=hits, target=WIDE)

    assert ranges.failing(one) == {"151.101.0.0/23": "tcp.timeout", at(1, 3): "tcp.timeout", at(2, 3): "tcp.timeout"}


def test_a_part_in_which_one_address_answers_is_not_named() -> None:
    """Even one that the control did not know."""
    one = hop_of(lost(3), tcp(99), tcp(1, part=2), hits=3, target=WIDE)

    assert set(ranges.failing(one)) == {at(1), at(2), at(3)}


def test_an_unrouted_address_that_connects_shows_a_relay() -> None:
    """One that does not shows none."""
    assert said(hop_of(tcp(1), relay("198.18.7.7"))) == "range.relayed"
    assert said(hop_of(tcp(1), relay("198.18.7.7", SILENCE))) == "served"


def test_two_addresses_silent_at_the_control_that_connect_show_a_relay() -> None:
    """One may have a new machine."""
    assert said(hop_of(tcp(1), relay(at(200)), relay(at(201)))) == "range.relayed"
    assert said(hop_of(tcp(1), relay(at(200)))) == "served"
    assert said(hop_of(tcp(1), relay(at(200)), relay(at(201), SILENCE))) == "served"


def connected(count: int = 4) -> tuple[Observation, ...]:
    return tuple(one for n in range(1, count + 1) for one in tcp(n))


def cut(count: int, failure: Failure = SILENCE) -> tuple[Observation, ...]:
    return tuple(one for n in range(1, count + 1) for one in hello(n, failure))


@pytest.mark.parametrize(
    ("failure", "rule"),
    [(SILENCE, "tls.timeout.range"), (RST, "tls.reset.range"), (Failure.EOF, "tls.eof.range")],
)
def test_three_unanswered_hellos_that_the_control_got_answered_are_a_blocked_range(failure: Failure, rule: str) -> None:
    """The addresses connect."""
    assert said(hop_of(connected(), cut(3, failure))) == rule


def silenced(last: int) -> tuple[Observation, ...]:
    """A hello that met silence, and then a SYN that did."""
    first, _ = hello(last, SILENCE)
    return first, Connection(address=at(last), port=443, failure=SILENCE, purpose=Purpose.NEUTRAL, attempt=1)


def test_a_syn_that_meets_silence_after_a_cut_hello_counts_with_it() -> None:
    """A SYN that does so first is a SYN."""
    assert said(hop_of(connected(), *map(silenced, (1, 2, 3)))) == "tls.timeout.range"
    swapped = [one[::-1] for one in map(silenced, (1, 2, 3))]
    assert said(hop_of(connected(), *swapped)) != "tls.timeout.range"


def test_silence_to_syns_and_silence_to_hellos_are_one_behaviour() -> None:
    """The commoner one is the cause; an address that answers, or is cut otherwise, shows another."""
    two = tuple(one for n in (1, 2) for one in tcp(n, SILENCE, 2))

    assert said(hop_of(two, tcp(3), hello(3, SILENCE), hits=3)) == "tcp.timeout.range"
    assert (
        said(hop_of(tcp(1, SILENCE, 2), connected(4)[1:], hello(2, SILENCE), hello(3, SILENCE))) == "tls.timeout.range"
    )
    assert said(hop_of(tcp(1, SILENCE, 2), tcp(2), hello(2, SILENCE), hits=2)) == "range.mute"
    assert said(hop_of(two, tcp(3), hello(3, RST), hits=3)) == "range.mute"
    assert said(hop_of(two, tcp(3), hello(3, Failure.ALERT), hits=3)) == "served"
    assert said(hop_of(two, tcp(3), hello(3, SILENCE), tcp(4), tcp(5, RST, 2), tcp(6, RST, 2), hits=6)) == "range.mute"


def test_two_unanswered_hellos_are_unreachable_and_one_answered_hello_is_reachable() -> None:
    """Two prove nothing."""
    doubt = hop_of(connected(), cut(2))

    assert said(doubt) == "range.mute"
    assert str(ranges.hello_failure(doubt)) == "tls.timeout"
    answered = hop_of(connected(), cut(3), hello(4, Failure.ALERT))
    assert said(answered) == "served"
    assert not ranges.fails_only_here_by(Layer.TLS, SILENCE)(answered)


def test_unanswered_hellos_mean_nothing_where_the_control_had_no_answer() -> None:
    """Such a range can only connect."""
    assert said(hop_of(connected(), cut(3), how="tcp")) == "served"


def test_an_answered_allow_listed_name_shows_that_the_range_is_not_blocked() -> None:
    """The network lets names pass, not addresses."""
    assert said(hop_of(connected(), cut(3), hello(1, Failure.ALERT, Purpose.ALLOWED))) == "range.mute"


def test_the_last_failure_of_an_addresss_hellos_counts() -> None:
    """A first one may have been lost."""
    assert str(ranges.hello_failure(hop_of(tcp(1), hello(1, RST)[0], hello(1, SILENCE)[1], hits=1))) == "tls.timeout"


def test_a_hello_that_this_host_could_not_send_does_not_count() -> None:
    """Nor does its address."""
    unsent = tuple(one for n in range(1, 4) for one in hello(n, Failure.LOCAL))

    assert ranges.hello_failure(hop_of(connected(), unsent)) is None
    assert said(hop_of(connected(), unsent)) == "served"


def test_addresses_outside_a_range_and_other_targets_have_no_failing_parts() -> None:
    """Stored evidence may hold anything."""
    url = hop_of(lost(3), target=f"https://{at(1)}/")

    assert ranges.failing(url) == {}
    assert not ranges.fails_only_here_by(Layer.TCP, SILENCE)(url)
    outside = tuple(
        Connection(address=f"9.9.9.{n}", port=443, failure=SILENCE, attempt=k) for n in range(4) for k in (0, 1)
    )
    known = [at(1), *(f"9.9.9.{n}" for n in range(4)), *(at(n, 2) for n in (1, 2, 3))]
    later = tuple(one for n in (1, 2, 3) for one in tcp(n, SILENCE, 2, part=2))
    assert ranges.failing(hop_of(tcp(1), *outside, hits=known)) == {}
    assert ranges.failing(hop_of(tcp(1), *outside, later, hits=known, target=WIDE)) == {"151.101.2.0/24": "tcp.timeout"}


def test_predicates_of_ranges_do_not_apply_to_another_target() -> None:
    """It is one address."""
    one = hop_of(tcp(1), hello(1, RST), relay("198.18.7.7"), hits=1, target=f"tcp://{at(1)}:443")

    assert (ranges.relayed(one), ranges.unanswered(one), ranges.hello_failure(one)) == (False, False, None)
    assert not ranges.relayed(hop_of(lost(1), relay("198.18.7.7")))
    assert not ranges.unanswered(hop_of(lost(3), hello(1, RST)))


def test_a_range_that_failed_at_the_control_too_shows_nothing() -> None:
    """Whatever answered there."""
    one = hop_of(lost(3), hits=3, status="down")

    assert not ranges.fails_only_here_by(Layer.TCP, SILENCE)(one)
    assert ranges.failing(one) == {}
    assert ranges.hello_failure(hop_of(tcp(1), hello(1, RST), hits=1, status="down")) is None


def test_a_range_fails_only_here_in_one_way() -> None:
    """Layer and failure must both match."""
    one = hop_of(lost(3), hits=3)

    assert ranges.fails_only_here_by(Layer.TCP, SILENCE)(one)
    assert not ranges.fails_only_here_by(Layer.TCP, RST)(one)
    assert not ranges.fails_only_here_by(Layer.TLS, SILENCE)(one)
