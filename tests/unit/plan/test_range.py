"""The plan of a range, as a dialogue."""

from __future__ import annotations

from datetime import UTC, datetime

from msgspec.structs import replace

from probe.model.failure import Failure
from probe.model.hop import StepPosition
from probe.model.observation import Connection
from probe.model.step import Connect, ConnectEach
from probe.model.target import parse
from probe.model.verdict import ControlFacts, Status
from probe.plan import PlanContext, plan_for
from probe.plan.plan import Plan
from probe.plan.range import first_addresses
from tests.unit.plan.dialogue import CONTEXT, DOH, Dialogue

RANGE, WIDE = "151.101.1.0/24", "151.101.0.0/16"
HELLO = "hello xkqvdwpzrjtm.com at {} unverified neutral"
ALLOWED = "hello www.wikipedia.org at {} unverified allowed"


def knowing(*hits: str, how: str = "tls", misses: tuple[str, ...] = (), **more: object) -> PlanContext:
    """A context whose control has these hits and misses."""
    control = ControlFacts(
        time=datetime(2026, 10, 1, tzinfo=UTC),
        statuses=(Status.REACHABLE,),
        hits=dict.fromkeys(hits, how),
        misses=misses,
    )
    return replace(CONTEXT, control=control, **more)


def connects(dialogue: Dialogue) -> list[str]:
    """Return the addresses of the connections that the plan asks for now, sorted as text."""
    return [step.split()[1].rpartition(":")[0] for step in dialogue.asks() if step.startswith("connect")]


FOUR = tuple(f"151.101.1.{n}" for n in (10, 20, 30, 40))


def test_three_hits_of_the_control_are_contacted_and_no_other_address() -> None:
    """Silence of any other address would be no evidence."""
    assert connects(Dialogue(plan_for(parse(RANGE), knowing(*FOUR[:3])))) == list(FOUR[:3])


def test_with_fewer_hits_other_addresses_are_drawn_beside_them() -> None:
    """Two hits are too few to judge a range."""
    asked = connects(Dialogue(plan_for(parse(RANGE), knowing(*FOUR[:2]))))

    assert len(asked) == 16
    assert set(FOUR[:2]) < set(asked)


def test_the_seed_decides_which_addresses_are_drawn() -> None:
    """Control and vantages share it, and it changes each week."""
    drawn = [connects(Dialogue(plan_for(parse(RANGE), knowing(seed=seed)))) for seed in (1, 1, 2)]

    assert drawn[0] == drawn[1] != drawn[2]


def test_connections_go_to_the_port_of_the_range() -> None:
    """A port other than 443 gets no ClientHello."""
    dialogue = Dialogue(plan_for(parse(f"{RANGE}:5222"), knowing(*FOUR)))
    asked = dialogue.asks()

    assert asked == [f"connect {address}:5222" for address in FOUR]
    for step in asked:
        dialogue.tell(step, "ok")
    assert dialogue.asks() == []


def test_a_hit_that_fails_is_tried_again_and_the_first_answered_hello_ends_the_plan() -> None:
    """The second connection has a new source port."""
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


def test_hellos_without_an_answer_are_repeated_then_sent_elsewhere_then_with_an_allowed_name() -> None:
    """They follow one another, because some filters freeze many at once."""
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


def test_hits_that_answered_no_hello_at_control_get_none() -> None:
    """Servers of another protocol on port 443 (Telegram's) accept a connection and answer no ClientHello."""
    dialogue = Dialogue(plan_for(parse(RANGE), knowing(*FOUR, how="tcp")))
    for step in dialogue.asks():
        dialogue.tell(step, "ok")

    assert dialogue.asks() == []


def test_two_that_were_silent_at_control_are_contacted_too_and_an_unrouted_address_once_one_answers() -> None:
    """A relay that accepts them accepts every connection; what is silent needs no unrouted address."""
    context = knowing(*FOUR, misses=("151.101.1.7", "151.101.1.8", "151.101.1.9"), relay_address="198.18.7.7")
    dialogue = Dialogue(plan_for(parse(RANGE), context))
    asked = dialogue.asks()
    own = [step for step in asked if not step.endswith("relay")]

    assert len(asked) - len(own) == 2
    assert dialogue.tell(own[0], "tcp.timeout").asks() == [f"{own[0]} try 1"]
    assert dialogue.tell(own[1], "ok").asks() == ["connect 198.18.7.7:443 relay"]
    assert dialogue.tell(own[2], "ok").asks() == []


def test_other_hits_of_a_block_that_fails_are_contacted_while_the_rest_answers() -> None:
    """The verdict can then name the /24 and not one machine."""
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


def test_a_retest_contacts_other_addresses_or_none() -> None:
    """No address is contacted twice in an hour."""
    hits = [f"151.101.1.{n}" for n in range(1, 40)]
    first, second = (connects(Dialogue(plan_for(parse(RANGE), knowing(*hits, sample_index=index)))) for index in (0, 1))

    assert len(first) == len(second) == 16
    assert not set(first) & set(second)
    assert Dialogue(plan_for(parse(RANGE), knowing(*FOUR, sample_index=1))).asks() == []
    assert Dialogue(plan_for(parse(RANGE), knowing(*hits[:18], sample_index=1))).asks() == [], (
        "two do not speak for a range"
    )
    assert Dialogue(plan_for(parse(RANGE), replace(CONTEXT, sample_index=1))).asks() == []


def test_the_search_of_an_unknown_range_ends_after_four_samples() -> None:
    """Drawn addresses come first, then low ones, then more; none twice."""
    dialogue = Dialogue(plan_for(parse(RANGE), CONTEXT))
    batches: list[list[str]] = []
    while asked := dialogue.asks():
        batches.append(asked)
        for step in asked:
            dialogue.tell(step, "tcp.timeout")

    seen = [step for batch in batches for step in batch]
    assert 48 < len(seen) == len(set(seen)) <= 64
    drawn, low, more = batches
    assert set(low) == {f"connect 151.101.1.{n}:443" for n in range(1, 17)} - set(drawn)
    assert len(more) > len(low)


def test_the_search_of_an_unknown_range_ends_once_addresses_answer() -> None:
    """Four of those that accept a connection get a hello, so that the control's hit list has their answers."""
    dialogue = Dialogue(plan_for(parse(RANGE), CONTEXT))
    for step in dialogue.asks():
        dialogue.tell(step, "ok")
    heard = []
    while asked := dialogue.asks():
        heard += asked
        dialogue.tell(asked[0], "ok")

    assert len(heard) == 4


def test_in_a_wide_unknown_range_neighbours_of_those_that_answer_are_contacted() -> None:
    """Four hits of one /24 suffice to judge it by itself."""
    dialogue = Dialogue(plan_for(parse(WIDE), CONTEXT))
    first = dialogue.asks()
    for step in first:
        dialogue.tell(step, "ok")
    more = dialogue.asks()

    assert (len(first), len(more)) == (64, 192)


def test_a_silent_ipv6_range_causes_a_connection_to_a_known_name_over_ipv6() -> None:
    """The first trusted resolver gives the address."""
    context = knowing(
        "2a04:4e42::1", "2a04:4e42::2", "2a04:4e42::3", trusted_resolvers=(DOH, "https://1.1.1.1/dns-query")
    )
    dialogue = Dialogue(plan_for(parse("2a04:4e42::/32"), context))
    for _ in range(2):
        for step in dialogue.asks():
            dialogue.tell(step, "tcp.timeout")
    assert dialogue.asks() == ["AAAA www.wikipedia.org @trusted allowed"]
    dialogue.tell("AAAA www.wikipedia.org @trusted allowed", ("2620:0:860::1",))

    assert dialogue.asks() == ["connect 2620:0:860::1:443 allowed"]


def test_a_control_contacts_its_whole_hit_list_and_some_new_addresses() -> None:
    """Another search seed draws other new addresses."""
    known = tuple(f"151.101.1.{n}" for n in range(1, 31))
    first, second = (
        set(connects(Dialogue(plan_for(parse(RANGE), replace(CONTEXT, hit_list=known, search_seed=seed)))))
        for seed in (1, 2)
    )

    assert set(known) <= first & second
    assert 0 < len(first - set(known)) <= 4
    assert first != second


def test_a_control_whose_sample_uses_all_connections_searches_no_further() -> None:
    """The hit list and the new addresses are four samples of 64, the most that one measurement contacts."""
    hits = tuple(f"151.101.{block}.{n}" for block in (1, 2, 3) for n in range(1, 101))
    plan = plan_for(parse(WIDE), replace(CONTEXT, hit_list=hits, search_seed=1))
    contacted = {step for step in plan.pending() if isinstance(step, Connect)}
    assert len(contacted) == 4 * 64
    for step in contacted:
        plan.observe(step, Connection(address=step.address, port=step.port, failure=Failure.TIMEOUT))
        plan.finish(step)

    assert plan.pending() == ()


def test_the_first_addresses_are_those_a_measurement_begins_with() -> None:
    """Those of the relay check are not among them."""
    context = knowing(*FOUR, relay_address="198.18.7.7")

    assert sorted(first_addresses(parse(RANGE), context)) == sorted(FOUR)  # type: ignore[arg-type]


def test_a_hello_without_an_observation_is_not_repeated() -> None:
    """No time was left for it; the next address gets one."""
    dialogue = Dialogue(plan_for(parse(RANGE), knowing(*FOUR)))
    for step in dialogue.asks():
        dialogue.tell(step, "ok")
    (hello,) = dialogue.asks()
    dialogue.end(hello)
    (following,) = dialogue.asks()

    assert following != hello
    assert "try" not in following


def test_a_known_name_without_an_ipv6_address_ends_the_plan() -> None:
    """The evidence then does not show whether IPv6 works here."""
    context = knowing("2a04:4e42::1", "2a04:4e42::2", "2a04:4e42::3")
    dialogue = Dialogue(plan_for(parse("2a04:4e42::/32"), context))
    for _ in range(2):
        for step in dialogue.asks():
            dialogue.tell(step, "tcp.timeout")
    dialogue.asks()

    assert dialogue.tell("AAAA www.wikipedia.org @trusted allowed", Failure.NODATA).asks() == []


def test_a_range_with_too_few_hits_is_not_searched() -> None:
    """More silent addresses would show nothing."""
    dialogue = Dialogue(plan_for(parse(RANGE), knowing(*FOUR[:2])))
    while asked := dialogue.asks():
        assert all(step.startswith("connect") for step in asked)
        assert len(asked) <= 16
        for step in asked:
            dialogue.tell(step, "tcp.timeout")


def test_a_range_with_too_few_hits_gets_hellos() -> None:
    """Answers to them show that a range is not blocked, although its hits are too few to show that it is."""
    dialogue = Dialogue(plan_for(parse(RANGE), knowing(*FOUR[:2])))
    for step in dialogue.asks():
        dialogue.tell(step, "ok" if step == f"connect {FOUR[0]}:443" else "tcp.timeout")
    again = f"connect {FOUR[1]}:443 try 1"
    assert dialogue.asks() == [again]
    dialogue.tell(again, "tcp.timeout")

    assert dialogue.asks() == [HELLO.format(FOUR[0])]


def test_a_hello_whose_connection_fails_is_repeated() -> None:
    """As one that fails in the handshake."""
    dialogue = Dialogue(plan_for(parse(RANGE), knowing(*FOUR[:3])))
    for step in dialogue.asks():
        dialogue.tell(step, "ok")
    (hello,) = dialogue.asks()
    dialogue.tell(hello, "tcp.timeout")

    assert dialogue.asks() == [f"{hello} try 1"]


def sweeps(plan: Plan) -> list[tuple[str, ...]]:
    """Return the addresses of the sweeps that the plan asks for now; a relay check may stand beside them."""
    return [step.addresses for step in plan.pending() if isinstance(step, ConnectEach)]


def test_where_syns_may_be_sent_the_sample_is_one_step() -> None:
    """A hit that fails is tried again at once, by a connection."""
    plan = plan_for(parse(f"{RANGE}:80"), knowing(*FOUR[:3], send_syns=True))
    (step,) = plan.pending()

    assert isinstance(step, ConnectEach)
    assert (sorted(step.addresses), step.port) == (list(FOUR[:3]), 80)
    plan.observe(step, Connection(address=FOUR[0], port=80))
    plan.observe(step, Connection(address=FOUR[1], port=80, failure=Failure.TIMEOUT))
    assert plan.pending() == (Connect(address=FOUR[1], port=80, position=StepPosition(attempt=1)),)


def test_a_search_goes_on_with_syns_only_where_one_was_answered() -> None:
    """SYNs may be lost on this host, so that after silence connections are tried."""
    for answers in (True, False):
        plan = plan_for(parse(f"{RANGE}:80"), replace(CONTEXT, send_syns=True))
        (step,) = plan.pending()
        assert isinstance(step, ConnectEach)
        for number, address in enumerate(step.addresses):
            failure = None if answers and not number else Failure.TIMEOUT
            plan.observe(step, Connection(address=address, port=80, failure=failure))
        plan.finish(step)
        assert bool(sweeps(plan)) is answers


def test_without_the_privilege_a_plan_has_the_same_addresses_as_connections() -> None:
    asked = connects(Dialogue(plan_for(parse(RANGE), CONTEXT)))
    (swept,) = sweeps(plan_for(parse(RANGE), replace(CONTEXT, send_syns=True)))

    assert set(swept) == set(asked)
    assert len(swept) == len(asked)
