"""The lookup of a name: its queries, their repetitions, and queries for other names."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest

from probe.model.address import Family
from probe.model.failure import Failure
from probe.model.hop import Purpose, StepPosition
from probe.model.nat64 import synthesised
from probe.model.observation import Connection
from probe.model.resolver import Trust
from probe.model.step import Fetch, Resolve, Step
from probe.model.target import parse
from probe.model.verdict import ControlFacts, Status
from probe.plan import PlanContext, plan_for
from probe.plan.context import HopLimits
from probe.plan.lookup import Lookup, addresses_within_limits, choose_addresses
from probe.plan.plan import StepQueue
from tests.unit.plan.dialogue import CONTEXT, DOH, FORGED, ISP, NAME, A, B, Dialogue, answer, late

OTHER = "A www.wikipedia.org @network other"
GHOST = "A zq7w0v5xk2md.com @network ghost"
SYSTEM, NETWORK, TRUSTED = (f"A {NAME} @{who}" for who in ("system", "network", "trusted"))
HOP = StepPosition(chain=1, hop=2)
FEW = PlanContext(limits=HopLimits(ipv4=2, ipv6=1))
CONTROL = ControlFacts(time=datetime(2026, 10, 1, tzinfo=UTC), statuses=(Status.REACHABLE,))


def started(context: PlanContext = CONTEXT) -> Dialogue:
    """Return a plan for `dns://` whose first queries are under way."""
    dialogue = Dialogue(plan_for(parse(f"dns://{NAME}"), context))
    dialogue.asks()
    return dialogue


def changed(**fields: object) -> PlanContext:
    """Return the usual context with changes."""
    return msgspec.structs.replace(CONTEXT, **fields)


def test_every_resolver_is_asked_for_every_family_of_the_host() -> None:
    """System, network and trusted resolvers are asked for A and AAAA."""
    context = PlanContext(network_resolvers=(ISP,), trusted_resolvers=(DOH,))

    asked = Dialogue(plan_for(parse(f"dns://{NAME}"), context)).asks()

    assert asked == sorted(f"{t} {NAME} @{who}" for t in ("A", "AAAA") for who in ("system", "network", "trusted"))


def test_the_system_is_not_asked_where_it_would_only_ask_the_same_resolver() -> None:
    """The plan asks the one network resolver directly, and the hosts file has no such name."""
    dialogue = Dialogue(plan_for(parse(f"dns://{NAME}"), changed(hosts_file_names=frozenset())))

    assert dialogue.asks() == [NETWORK, TRUSTED]


@pytest.mark.parametrize("said", [Failure.NXDOMAIN, Failure.NODATA, Failure.REFUSED, Failure.UNREACHABLE])
def test_a_resolver_that_denies_the_name_is_asked_for_another_name(said: Failure) -> None:
    """The other name shows whether it denies every name. The first query is not repeated.

    A forwarder that has lost its upstream may refuse what is not in its cache: only then a random name is asked for.
    """
    dialogue = started().tell(NETWORK, said)

    assert dialogue.asks() == ([OTHER, GHOST] if said is Failure.REFUSED else [OTHER])


def test_a_resolver_silent_about_this_name_only_is_asked_five_times() -> None:
    """All further queries are sent at once, after two time-outs and an answer for another name."""
    dialogue = started().tell(SYSTEM, (A,)).tell(NETWORK, Failure.TIMEOUT)
    assert dialogue.asks() == sorted([OTHER, GHOST, f"{NETWORK} try 1"])

    assert dialogue.tell(OTHER, (B,)).asks() == []
    assert dialogue.tell(f"{NETWORK} try 1", Failure.TIMEOUT).asks() == [f"{NETWORK} try {n}" for n in (2, 3, 4)]
    for number in (2, 3, 4):
        assert dialogue.tell(f"{NETWORK} try {number}", Failure.TIMEOUT).asks() == []


def test_both_record_types_of_a_silent_name_are_asked_until_five_time_outs_in_all() -> None:
    """Two of each type come first; one more query of each type makes six."""
    both = changed(families=frozenset(("ipv4", "ipv6")), hosts_file_names=frozenset())
    types = (NETWORK, f"AAA{NETWORK}")
    silent = started(both)
    for query in types:
        silent.tell(query, Failure.TIMEOUT)
    silent.asks()
    silent.tell(OTHER, (B,))
    for query in types:
        silent.tell(f"{query} try 1", Failure.TIMEOUT)

    assert silent.asks() == [f"{query} try 2" for query in types]


def test_a_repeated_query_has_the_chain_and_hop_of_the_first() -> None:
    """A name of a redirect is looked up under the position of its hop."""
    queue = StepQueue()
    Lookup(NAME, changed(trusted_resolvers=(), hosts_file_names=frozenset()), queue, HOP, lambda: None)
    (step,) = queue.take()
    assert isinstance(step, Resolve)
    queue.observe(step, answer(step, (), Failure.TIMEOUT))

    positions = {(one.position.purpose, one.position.attempt): one.position for one in queue.take()}
    assert positions[Purpose.SUBJECT, 1] == StepPosition(chain=1, hop=2, attempt=1)
    assert positions[Purpose.OTHER, 0] == StepPosition(chain=1, hop=2, purpose=Purpose.OTHER)


def test_a_resolver_silent_about_every_name_gets_no_further_queries() -> None:
    """Nor does one that answered for the other type, because then one answer was lost."""
    dead = started().tell(SYSTEM, (A,)).tell(NETWORK, Failure.TIMEOUT)
    dead.asks()
    assert dead.tell(OTHER, Failure.TIMEOUT).tell(f"{NETWORK} try 1", Failure.TIMEOUT).asks() == []

    both = changed(families=frozenset(("ipv4", "ipv6")), hosts_file_names=frozenset())
    lossy = started(both).tell(NETWORK, Failure.TIMEOUT).tell(f"AAA{NETWORK}", Failure.NODATA)
    lossy.asks()
    assert lossy.tell(OTHER, (B,)).tell(f"{NETWORK} try 1", Failure.TIMEOUT).asks() == []


@pytest.mark.parametrize("said", [Failure.TIMEOUT, Failure.SERVFAIL, Failure.GARBAGE])
def test_a_resolver_without_a_valid_answer_is_asked_again_and_for_another_name(said: Failure) -> None:
    """The query is repeated once. The random name, in no cache, shows whether the resolver still has an upstream."""
    dialogue = started().tell(NETWORK, said)

    assert dialogue.asks() == [f"{NETWORK} try 1", OTHER, GHOST]
    assert dialogue.tell(f"{NETWORK} try 1", said).asks() == []


def test_a_resolver_that_gives_a_private_address_is_asked_for_a_name_that_does_not_exist() -> None:
    """And for one that exists: a proxy on this host answers every name with such an address."""
    dialogue = started().tell(NETWORK, ("10.1.1.1",))

    assert dialogue.asks() == [OTHER, GHOST]


def test_a_name_without_ipv6_causes_no_further_query() -> None:
    """NODATA for AAAA is ordinary where A is answered."""
    dialogue = started(PlanContext(network_resolvers=(ISP,), trusted_resolvers=()))
    dialogue.tell(NETWORK, (A,)).tell(f"AAAA {NAME} @network", Failure.NODATA)

    assert dialogue.asks() == []


def test_an_address_for_a_name_denied_elsewhere_causes_a_query_for_the_ghost_name() -> None:
    """Whether a trusted resolver denies it before or after the network's answer."""
    for order in ((NETWORK, TRUSTED), (TRUSTED, NETWORK)):
        dialogue = started()
        told = {NETWORK: (FORGED,), TRUSTED: Failure.NXDOMAIN}
        for who in order:
            dialogue.tell(who, told[who])  # type: ignore[arg-type]

        assert GHOST in dialogue.asks()


def test_an_address_for_a_name_denied_at_control_causes_a_query_for_the_ghost_name() -> None:
    """The control's NXDOMAIN is enough."""
    gone = msgspec.structs.replace(CONTROL, statuses=(Status.DOWN,), failures=("dns.nxdomain",))
    dialogue = started(changed(control=gone, trusted_resolvers=())).tell(NETWORK, (FORGED,))

    assert GHOST in dialogue.asks()


def test_the_system_is_asked_for_other_names_only_where_no_network_resolver_is_known() -> None:
    """It asks the network's resolvers, which get the same queries directly."""
    assert started().tell(SYSTEM, Failure.NXDOMAIN).asks() == []
    alone = started(changed(network_resolvers=())).tell(SYSTEM, Failure.NXDOMAIN)
    assert alone.asks() == ["A www.wikipedia.org @system other"]


def test_a_trusted_resolver_that_fails_is_not_asked_again() -> None:
    """Its failure is no evidence."""
    assert started().tell(TRUSTED, Failure.TIMEOUT).asks() == []


def test_answers_for_other_names_cause_no_steps() -> None:
    """Only the judge reads them, and their failures."""
    dialogue = started().tell(NETWORK, ("10.1.1.1",))
    dialogue.asks()

    assert dialogue.tell(OTHER, Failure.TIMEOUT).tell(GHOST, ("10.1.1.1",)).asks() == []


def test_a_resolver_given_twice_is_asked_once() -> None:
    """The plan does not wait for an answer to the second query."""
    dialogue = Dialogue(plan_for(parse(f"dns://{NAME}"), changed(network_resolvers=(ISP, ISP))))

    assert len(dialogue.plan.pending()) == 3


def test_names_of_the_targets_own_domain_are_no_other_names() -> None:
    """Whoever blocks the target blocks them too; a reserved name stands in where there is no other."""
    for context in (changed(allowed_name=NAME), changed(other_names=(NAME, f"www.{NAME}", "example.org"))):
        assert started(context).tell(NETWORK, Failure.NXDOMAIN).asks() == ["A example.com @network other"]


def test_a_resolver_is_asked_for_several_names_that_work_here() -> None:
    """One of them may be blocked too. The number is bounded."""
    names = ("one.example", "two.example.net", "three.example.com", "four.example.edu")
    dialogue = started(changed(other_names=names)).tell(NETWORK, Failure.NXDOMAIN)

    assert dialogue.asks() == sorted(f"A {name} @network other" for name in names[:3])


SECOND = "udp:95.165.1.2:53"


def resolvers_of(dialogue: Dialogue) -> list[tuple[str, str, int]]:
    """The network's resolvers that the plan asks now: resolver, record type, rank."""
    steps = [step for step in dialogue.plan.pending() if isinstance(step, Resolve)]
    return [(step.resolver, step.rrtype, step.rank) for step in steps if step.trust is Trust.NETWORK]


def test_a_dead_resolver_is_asked_last_and_only_where_no_other_gives_an_address() -> None:
    """It keeps its rank in the system's order. Connections do not wait for it; getaddrinfo would."""
    names: frozenset[str] = frozenset()
    context = changed(
        network_resolvers=(ISP, SECOND), dead_resolvers=frozenset({ISP}), hosts_file_names=names, trusted_resolvers=()
    )
    for told, wanted in (((A,), []), (Failure.NXDOMAIN, [(ISP, "A", 1)])):
        dialogue = Dialogue(plan_for(parse(f"dns://{NAME}"), context))
        (step,) = dialogue.plan.pending()
        assert isinstance(step, Resolve)
        assert (step.resolver, step.rank) == (SECOND, 2)
        dialogue.open["first"] = step
        dialogue.tell("first", told)
        assert [one for one in resolvers_of(dialogue) if one[0] == ISP] == wanted


def test_where_every_resolver_is_dead_all_are_asked_at_once() -> None:
    """As if nothing were known."""
    context = changed(network_resolvers=(ISP, SECOND), dead_resolvers=frozenset({ISP, SECOND}))
    asked = resolvers_of(Dialogue(plan_for(parse(f"dns://{NAME}"), context)))

    assert asked == [(ISP, "A", 1), (SECOND, "A", 2)]


SIX = frozenset({Family.IPV6})
PREFIX = "2001:db8:64::/96"


def test_without_ipv4_a_trusted_resolver_is_asked_for_the_address_that_dns64_writes() -> None:
    """Its IPv4 address becomes the network's IPv6 address for it, which the network's own answer is compared with."""
    context = changed(families=SIX, nat64=(PREFIX,))
    dialogue = Dialogue(plan_for(parse(f"https://{NAME}/"), context))
    dialogue.asks()
    network, system, trusted = (f"AAAA {NAME} @{source}" for source in ("network", "system", "trusted"))
    here = synthesised(A, PREFIX)
    dialogue.tell(network, (here,)).tell(system, (here,)).tell(trusted, Failure.NODATA)

    assert dialogue.asks() == [f"A {NAME} @trusted"]
    assert dialogue.tell(f"A {NAME} @trusted", (A,)).asks() == [f"get https://{NAME}/ at {here}"]


def test_without_ipv4_the_true_address_is_tried_beside_a_forged_one() -> None:
    """The gateway leads to it; the control's addresses are written likewise."""
    for change in ({}, {"trusted_resolvers": (), "control": msgspec.structs.replace(CONTROL, addresses={NAME: (A,)})}):
        dialogue = Dialogue(plan_for(parse(f"https://{NAME}/"), changed(families=SIX, nat64=(PREFIX,), **change)))
        dialogue.asks()
        forged = synthesised(FORGED, PREFIX)
        dialogue.tell(f"AAAA {NAME} @network", (forged,)).tell(f"AAAA {NAME} @system", (forged,))
        if not change:
            dialogue.tell(f"AAAA {NAME} @trusted", Failure.NODATA)
            dialogue.asks()
            dialogue.tell(f"A {NAME} @trusted", (A,))
        asked = [what for what in dialogue.asks() if NAME in what and ":64:" in what]
        assert {what.rpartition(" at ")[2].split()[0] for what in asked} == {forged, synthesised(A, PREFIX)}


@pytest.mark.parametrize(("nat64", "failure"), [((), Failure.NODATA), ((PREFIX,), Failure.NXDOMAIN)])
def test_the_ipv4_address_is_asked_for_only_where_it_can_be_reached(nat64: tuple[str, ...], failure: Failure) -> None:
    """Without NAT64 nothing follows from it; a name that does not exist has none."""
    dialogue = Dialogue(plan_for(parse(f"dns://{NAME}"), changed(families=SIX, nat64=nat64)))
    dialogue.asks()

    assert dialogue.tell(f"AAAA {NAME} @trusted", failure).asks() == []


def test_connections_wait_for_all_resolvers_but_the_slower_trusted_ones() -> None:
    """One trusted answer is enough. A query that ends without an observation is not waited for either."""
    context = changed(trusted_resolvers=(DOH, "tls://dns.quad9.net"))
    dialogue = Dialogue(plan_for(parse(f"https://{NAME}/"), context))
    steps = {step.resolver: step for step in dialogue.plan.pending()}  # type: ignore[union-attr]
    plan = dialogue.plan
    from tests.unit.plan.dialogue import answer  # noqa: PLC0415 - used here alone

    plan.observe(steps["system"], answer(steps["system"], (A,)))  # type: ignore[arg-type]
    plan.finish(steps[ISP])
    assert dialogue.asks() == []
    plan.observe(steps[DOH], answer(steps[DOH], (A,)))  # type: ignore[arg-type]
    assert dialogue.asks() == [f"get https://{NAME}/ at {A}"]


def test_connections_do_not_wait_for_a_repeated_query_once_an_address_is_known() -> None:
    """The trusted addresses are tried while the dead resolver is asked again."""
    dialogue = Dialogue(plan_for(parse(f"https://{NAME}/"), CONTEXT))
    dialogue.asks()
    dialogue.tell(SYSTEM, Failure.TIMEOUT).tell(NETWORK, Failure.TIMEOUT).tell(TRUSTED, (A,))

    assert f"get https://{NAME}/ at {A}" in dialogue.asks()


def test_connections_wait_for_a_repeated_query_while_no_address_is_known() -> None:
    """Its answer contains the first address."""
    dialogue = Dialogue(plan_for(parse(f"https://{NAME}/"), changed(trusted_resolvers=())))
    dialogue.asks()
    dialogue.tell(SYSTEM, Failure.NXDOMAIN).tell(NETWORK, Failure.TIMEOUT)
    assert not any(line.startswith("get") for line in dialogue.asks())
    dialogue.tell(f"{NETWORK} try 1", (A,))

    assert dialogue.asks() == [f"get https://{NAME}/ at {A}"]


def test_late_answers_give_candidates_and_make_the_first_answer_unconfirmed() -> None:
    """The second holds where no other resolver is asked. The true address often comes later."""
    dialogue = Dialogue(plan_for(parse(f"https://{NAME}/"), changed(trusted_resolvers=())))
    dialogue.asks()
    dialogue.tell(SYSTEM, (FORGED,)).tell(NETWORK, (FORGED,), late((A, B)), late((A,)))

    assert dialogue.asks() == [
        f"get https://{NAME}/ at {FORGED}",
        f"hello {NAME} at {B}",
        f"hello {NAME} at {A}",
    ]


def test_each_source_gives_one_address_before_any_gives_a_second() -> None:
    """A forged answer of twenty addresses leaves room for the true one."""
    lies = [f"31.13.94.{number}" for number in range(1, 21)]

    assert choose_addresses((lies, ("151.101.1.10",)), FEW) == ("31.13.94.1", "151.101.1.10")


def test_each_family_has_its_own_limit() -> None:
    """Many IPv6 addresses take no room from IPv4."""
    source = ("2a04:4e42::1", "2a04:4e42::2", "151.101.1.10")

    assert choose_addresses((source,), FEW) == ("2a04:4e42::1", "151.101.1.10")


def test_bogons_and_families_without_a_route_are_left_out() -> None:
    """A forged answer must not make this host connect to machines of the volunteer's own network."""
    context = PlanContext(families=frozenset({"ipv4"}))  # type: ignore[arg-type]

    assert choose_addresses((("10.0.0.1", "127.0.0.1", "2a04:4e42::1", "151.101.1.10"),), context) == ("151.101.1.10",)


def test_late_addresses_are_allowed_beyond_the_limit() -> None:
    """The addresses already chosen count, and are not chosen again."""
    chosen = ("31.13.94.1", "31.13.94.2")

    assert addresses_within_limits(chosen, ("31.13.94.1", "151.101.1.10", "151.101.1.11"), FEW, beyond=1) == (
        "151.101.1.10",
    )
    assert addresses_within_limits(chosen, ("151.101.1.10",), FEW) == ()


def test_the_addresses_that_programs_get_are_the_systems_or_those_of_its_first_resolver_that_has_some() -> None:
    """The page is asked for at these first."""
    two = changed(network_resolvers=(ISP, "udp:95.165.1.2:53"))
    for system, first in (((FORGED,), (A,)), (Failure.TIMEOUT, (FORGED,)), (Failure.TIMEOUT, Failure.TIMEOUT)):
        queue = StepQueue()
        lookup = Lookup(NAME, two, queue, StepPosition(), lambda: None)
        for step in queue.take():
            said = {"system": system, ISP: first}.get(step.resolver, (FORGED if first == Failure.TIMEOUT else A,))
            addresses, failure = (said, None) if isinstance(said, tuple) else ((), said)
            if step.trust != "trusted":
                lookup.observed(step, answer(step, addresses, failure))
        assert lookup.used == (FORGED,)


SECOND, THIRD = "https://1.1.1.1/dns-query", "tls://8.8.8.8:853"
SPARING = msgspec.structs.replace(
    CONTEXT, hosts_file_names=frozenset(), trusted_resolvers=(DOH, SECOND, THIRD), spares_resolvers=True
)


class SparingTalk:
    """A plan that spares trusted resolvers, and the steps that are under way.

    Args:
        target: of the plan.
        context: with three trusted resolvers.
    """

    def __init__(self, target: str = f"https://{NAME}/", context: PlanContext = SPARING) -> None:
        self.plan = plan_for(parse(target), context)
        self.steps: list[Step] = []
        self.fetch()

    def fetch(self) -> None:
        """Take the steps that the plan asks for now."""
        self.steps += self.plan.pending()

    @property
    def trusted(self) -> set[str]:
        """The trusted resolvers that were asked for the name."""
        return {one.resolver for one in self.steps if isinstance(one, Resolve) and one.trust is Trust.TRUSTED}

    def answer(self, trust: Trust, **seen: object) -> None:
        """Let all open queries to resolvers of this kind be answered: with these fields of the observation."""
        for step in [one for one in self.steps if isinstance(one, Resolve) and one.trust is trust]:
            given = answer(step, seen.get("addresses", ()), seen.get("failure"))  # type: ignore[arg-type]
            self.plan.observe(step, msgspec.structs.replace(given, **seen))
            self.plan.finish(step)
        self.fetch()


def test_one_trusted_resolver_is_asked_where_it_says_what_the_network_says() -> None:
    """The page is then fetched from that address; the other two are asked once that fails."""
    talk = SparingTalk()
    talk.answer(Trust.NETWORK, addresses=(A,))
    talk.answer(Trust.TRUSTED, addresses=(A, B))
    assert talk.trusted == {DOH}

    fetch = next(step for step in talk.steps if isinstance(step, Fetch))
    talk.plan.observe(fetch, Connection(address=A, port=443, failure=Failure.RESET))
    talk.plan.finish(fetch)
    talk.fetch()

    assert talk.trusted == {DOH, SECOND, THIRD}


@pytest.mark.parametrize(
    ("trust", "seen"),
    [
        (Trust.TRUSTED, {"failure": Failure.TIMEOUT}),
        (Trust.TRUSTED, {"failure": Failure.LOCAL}),
        (Trust.TRUSTED, {"failure": Failure.NXDOMAIN}),
        (Trust.TRUSTED, {"addresses": (A,), "errors": (15,)}),
        (Trust.TRUSTED, {"addresses": (A,), "recursion": False}),
        (Trust.TRUSTED, {"addresses": ("0.0.0.0",)}),
        (Trust.NETWORK, {"failure": Failure.NXDOMAIN}),
        (Trust.NETWORK, {"failure": Failure.TIMEOUT}),
        (Trust.NETWORK, {"addresses": ("10.10.34.34",)}),
        (Trust.NETWORK, {"addresses": (A,), "truncated": True}),
    ],
)
def test_an_odd_answer_is_asked_of_every_trusted_resolver_at_once(trust: Trust, seen: dict[str, object]) -> None:
    """The network's failure or bogon, the trusted one's failure, or its word that it filters."""
    talk = SparingTalk()

    talk.answer(trust, **seen)

    assert talk.trusted == {DOH, SECOND, THIRD}


@pytest.mark.parametrize(
    ("network", "trusted"), [((FORGED,), (A,)), ((A, FORGED), (A,)), ((), (A,)), ((A,), ()), ((), ())]
)
def test_answers_that_differ_are_asked_of_every_trusted_resolver(
    network: tuple[str, ...], trusted: tuple[str, ...]
) -> None:
    """An address that the first trusted resolver does not confirm, or no address from one side."""
    talk = SparingTalk()
    for trust, addresses in ((Trust.NETWORK, network), (Trust.TRUSTED, trusted)):
        talk.answer(trust, addresses=addresses, failure=None if addresses else Failure.NODATA)

    assert talk.trusted == {DOH, SECOND, THIRD}


def test_a_late_answer_is_asked_of_every_trusted_resolver() -> None:
    """Somebody on the path may have answered first."""
    talk = SparingTalk()
    talk.answer(Trust.TRUSTED, addresses=(A,))
    query = next(one for one in talk.steps if isinstance(one, Resolve) and one.trust is Trust.NETWORK)
    talk.plan.observe(query, answer(query, (A,)))
    talk.plan.observe(query, late((B,)))
    talk.fetch()

    assert talk.trusted == {DOH, SECOND, THIRD}


def test_a_page_in_clear_text_is_worth_every_trusted_resolver() -> None:
    """It does not prove itself; so a domain, whose second chain is in clear, spares none either."""
    for target in (f"http://{NAME}/", NAME):
        assert SparingTalk(target).trusted == {DOH, SECOND, THIRD}


def test_no_trusted_resolver_is_spared_unless_the_context_says_so() -> None:
    """A single check, a control and a re-test ask all of them at once."""
    talk = SparingTalk(context=msgspec.structs.replace(SPARING, spares_resolvers=False))

    assert talk.trusted == {DOH, SECOND, THIRD}
