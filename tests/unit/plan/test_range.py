"""Ranges as dialogues."""

from __future__ import annotations

from datetime import UTC, datetime

from msgspec.structs import replace

from probe.model.failure import Failure
from probe.model.target import parse
from probe.model.verdict import ControlFacts, Status
from probe.plan import PlanContext, plan_for
from probe.plan.range import first_addresses
from tests.unit.plan.dialogue import CONTEXT, Dialogue

RANGE, WIDE = "151.101.1.0/24", "151.101.0.0/16"
HELLO = "hello xkqvdwpzrjtm.com at {} unverified neutral"
ALLOWED = "hello www.wikipedia.org at {} unverified allowed"


def knowing(*hits: str, how: str = "tls", misses: tuple[str, ...] = (), **more: int | str) -> PlanContext:
    """A setup whose control saw these addresses answer."""
    control = ControlFacts(
        time=datetime(2026, 10, 1, tzinfo=UTC),
        statuses=(Status.REACHABLE,),
        hits=dict.fromkeys(hits, how),
        misses=misses,
    )
    return replace(CONTEXT, control=control, **more)


def connects(dialogue: Dialogue) -> list[str]:
    """The addresses it asks to connect to now, sorted as text."""
    return [step.split()[1].rpartition(":")[0] for step in dialogue.asks() if step.startswith("connect")]


FOUR = tuple(f"151.101.1.{n}" for n in (10, 20, 30, 40))


def test_only_addresses_that_answered_at_control_are_asked_where_they_are_enough() -> None:
    """A miss would be no evidence."""
    assert connects(Dialogue(plan_for(parse(RANGE), knowing(*FOUR)))) == list(FOUR)


def test_where_too_few_are_known_others_are_drawn_beside_them() -> None:
    """Two do not speak for a range."""
    asked = connects(Dialogue(plan_for(parse(RANGE), knowing(*FOUR[:2]))))

    assert len(asked) == 16
    assert set(FOUR[:2]) < set(asked)


def test_the_seed_decides_which_others_are_drawn() -> None:
    """Control and vantages share it; without it all weeks and all ranges would meet the same addresses."""
    drawn = [connects(Dialogue(plan_for(parse(RANGE), knowing(seed=seed)))) for seed in (1, 1, 2)]

    assert drawn[0] == drawn[1] != drawn[2]


def test_the_port_of_the_range_is_asked() -> None:
    """And no hello is said on another than 443."""
    dialogue = Dialogue(plan_for(parse(f"{RANGE}:5222"), knowing(*FOUR)))
    asked = dialogue.asks()

    assert asked == [f"connect {address}:5222" for address in FOUR]
    for step in asked:
        dialogue.tell(step, "ok")
    assert dialogue.asks() == []


def test_a_hit_that_fails_is_tried_once_more_and_one_that_speaks_ends_it() -> None:
    """From a new source port; the first answer to a hello is enough."""
    dialogue = Dialogue(plan_for(parse(RANGE), knowing(*FOUR)))
    first, *others = dialogue.asks()
    dialogue.tell(first, "tcp.timeout")
    assert dialogue.asks() == [f"{first} try 1"]
    for step in others:
        dialogue.tell(step, "ok")
    assert dialogue.asks() == []
    dialogue.tell(f"{first} try 1", "tcp.timeout")
    (hello,) = dialogue.asks()

    assert dialogue.tell(hello, "ok").asks() == []


def test_hellos_that_are_cut_are_said_again_and_elsewhere_and_at_last_with_an_allowed_name() -> None:
    """One after another: many at once make some filters freeze everything."""
    dialogue = Dialogue(plan_for(parse(RANGE), knowing(*FOUR)))
    for step in dialogue.asks():
        dialogue.tell(step, "ok")
    heard = []
    while asked := dialogue.asks():
        assert len(asked) == 1
        heard.append(asked[0])
        dialogue.tell(asked[0], "tls.timeout")

    assert len(heard) == 10
    assert heard[1] == f"{heard[0]} try 1"
    assert {heard[n] for n in range(0, 8, 2)} == {HELLO.format(address) for address in FOUR}
    assert heard[8] == ALLOWED.format(heard[0].split()[3])


def test_where_nobody_spoke_at_control_nobody_is_greeted() -> None:
    """Machines of another protocol on port 443 (Telegram's) connect, and that is all there is."""
    dialogue = Dialogue(plan_for(parse(RANGE), knowing(*FOUR, how="tcp")))
    for step in dialogue.asks():
        dialogue.tell(step, "ok")

    assert dialogue.asks() == []


def test_an_unrouted_address_and_two_that_were_silent_at_control_are_asked_beside() -> None:
    """Who accepts those accepts everything."""
    context = knowing(*FOUR, misses=("151.101.1.7", "151.101.1.8", "151.101.1.9"), relay_address="198.18.7.7")
    asked = Dialogue(plan_for(parse(RANGE), context)).asks()
    relay = [step for step in asked if step.endswith("relay")]

    assert len(relay) == 3
    assert "connect 198.18.7.7:443 relay" in relay


def test_others_of_the_part_that_fails_are_asked_while_the_rest_answers() -> None:
    """To name the /24 rather than one machine."""
    hits = tuple(f"151.101.{part}.{n}" for part in range(64) for n in (1, 2, 3, 4))
    dialogue = Dialogue(plan_for(parse(WIDE), knowing(*hits)))
    asked = dialogue.asks()
    assert len({step.rpartition(".")[0] for step in asked}) == 64
    lost = asked[0].split()[1].rpartition(".")[0]
    for step in asked:
        dialogue.tell(step, "tcp.timeout" if step.startswith(f"connect {lost}.") else "ok")
    (again,) = dialogue.asks()
    dialogue.tell(again, "tcp.timeout")
    more = connects(dialogue)

    assert len(more) == 3
    assert all(address.startswith(f"{lost}.") for address in more)


def test_a_retest_asks_other_addresses_or_none() -> None:
    """No address is touched twice in an hour."""
    hits = [f"151.101.1.{n}" for n in range(1, 40)]
    first, second = (connects(Dialogue(plan_for(parse(RANGE), knowing(*hits, sample_index=draw)))) for draw in (0, 1))

    assert len(first) == len(second) == 16
    assert not set(first) & set(second)
    assert Dialogue(plan_for(parse(RANGE), knowing(*FOUR, sample_index=1))).asks() == []
    assert Dialogue(plan_for(parse(RANGE), knowing(*hits[:18], sample_index=1))).asks() == [], (
        "two do not speak for a range"
    )
    assert Dialogue(plan_for(parse(RANGE), replace(CONTEXT, sample_index=1))).asks() == []


def test_an_unknown_range_is_searched_until_some_answer_and_no_further_than_four_samples() -> None:
    """Drawn addresses, then low ones, then more; none twice."""
    dialogue = Dialogue(plan_for(parse(RANGE), CONTEXT))
    seen: list[str] = []
    while asked := dialogue.asks():
        seen += asked
        for step in asked:
            dialogue.tell(step, "tcp.timeout")

    assert 48 < len(seen) == len(set(seen)) <= 64
    assert "connect 151.101.1.1:443" in seen


def test_an_unknown_range_that_answers_is_searched_no_further() -> None:
    """Four of those that connect hear a hello, so that a control can vouch for it."""
    dialogue = Dialogue(plan_for(parse(RANGE), CONTEXT))
    for step in dialogue.asks():
        dialogue.tell(step, "ok")
    heard = []
    while asked := dialogue.asks():
        heard += asked
        dialogue.tell(asked[0], "ok")

    assert len(heard) == 4


def test_a_wide_unknown_range_finds_neighbours_of_those_that_answer() -> None:
    """Four of a /24 can vouch for it by itself."""
    dialogue = Dialogue(plan_for(parse(WIDE), CONTEXT))
    first = dialogue.asks()
    for step in first:
        dialogue.tell(step, "ok")
    more = dialogue.asks()

    assert (len(first), len(more)) == (64, 192)


def test_a_silent_ipv6_range_asks_whether_anything_answers_over_ipv6() -> None:
    """A well-known name's address, by the trusted resolver."""
    context = knowing("2a04:4e42::1", "2a04:4e42::2", "2a04:4e42::3")
    dialogue = Dialogue(plan_for(parse("2a04:4e42::/32"), context))
    for _ in range(2):
        for step in dialogue.asks():
            dialogue.tell(step, "tcp.timeout")
    assert dialogue.asks() == ["AAAA www.wikipedia.org @trusted allowed"]
    dialogue.tell("AAAA www.wikipedia.org @trusted allowed", ("2620:0:860::1",))

    assert dialogue.asks() == ["connect 2620:0:860::1:443 allowed"]


def test_a_control_asks_all_it_knows_and_some_that_it_does_not() -> None:
    """So that its hit list is fresh, and grows: another turn draws others."""
    known = tuple(f"151.101.1.{n}" for n in range(1, 31))
    first, second = (
        set(connects(Dialogue(plan_for(parse(RANGE), replace(CONTEXT, hit_list=known, search_seed=turn)))))
        for turn in (1, 2)
    )

    assert set(known) <= first & second
    assert 0 < len(first - set(known)) <= 4
    assert first != second


def test_the_first_look_is_what_a_measurement_begins_with() -> None:
    """Without the decoys."""
    context = knowing(*FOUR, relay_address="198.18.7.7")

    assert sorted(first_addresses(parse(RANGE), context)) == sorted(FOUR)  # type: ignore[arg-type]


def test_a_hello_that_says_nothing_at_all_is_not_said_again() -> None:
    """No time was left for it: the next address is greeted."""
    dialogue = Dialogue(plan_for(parse(RANGE), knowing(*FOUR)))
    for step in dialogue.asks():
        dialogue.tell(step, "ok")
    (hello,) = dialogue.asks()
    dialogue.end(hello)
    (following,) = dialogue.asks()

    assert following != hello
    assert "try" not in following


def test_a_witness_without_an_address_leads_nowhere() -> None:
    """Nothing shows then whether IPv6 works here."""
    context = knowing("2a04:4e42::1", "2a04:4e42::2", "2a04:4e42::3")
    dialogue = Dialogue(plan_for(parse("2a04:4e42::/32"), context))
    for _ in range(2):
        for step in dialogue.asks():
            dialogue.tell(step, "tcp.timeout")
    dialogue.asks()

    assert dialogue.tell("AAAA www.wikipedia.org @trusted allowed", Failure.NODATA).asks() == []


def test_a_range_of_which_too_little_is_known_is_not_searched_further() -> None:
    """More misses would say nothing."""
    dialogue = Dialogue(plan_for(parse(RANGE), knowing(*FOUR[:2])))
    while asked := dialogue.asks():
        assert all(step.startswith("connect") for step in asked)
        assert len(asked) <= 16
        for step in asked:
            dialogue.tell(step, "tcp.timeout")
