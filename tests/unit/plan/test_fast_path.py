"""The fast path asks for the steps that the full plan asks for, whatever is observed."""

from __future__ import annotations

from datetime import UTC, datetime
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from probe.model.failure import Failure
from probe.model.flow import Flow
from probe.model.hop import StepPosition
from probe.model.observation import Connection, Exchange, LateAnswer, Observation, TlsHandshake
from probe.model.step import Connect, Fetch, Handshake, Resolve, Step
from probe.model.target import Target, parse
from probe.model.verdict import ControlFacts, Status
from probe.plan import Plan, PlanContext, plan_for
from probe.plan.fast_path import FastPathPlan, fast_plan
from probe.plan.relay_memory import RelayFinding
from tests.unit.plan.dialogue import DOH, FOUR, ISP, NAME, A, B, answer, page

NOON = datetime(2017, 5, 4, 12, tzinfo=UTC)
SIX, PRIVATE, OTHER_ISP, DOT = "2a04:4e42::10", "192.168.1.1", "udp:95.165.1.2:53", "tls://8.8.8.8:853"
TARGETS = [f"http://{NAME}/", f"https://{NAME}/", f"http://{NAME}:8080/a?b=c", f"https://{A}/", f"tcp://{A}:443"]
CONTEXTS = [
    {"network_resolvers": (ISP,), "families": FOUR},
    {"network_resolvers": (ISP,)},
    {"network_resolvers": (ISP,), "trusted_resolvers": (DOH,), "families": FOUR},
    {"network_resolvers": (ISP,), "trusted_resolvers": (DOH, DOT)},
    {"network_resolvers": (ISP, OTHER_ISP), "dead_resolvers": frozenset({ISP}), "rotates": True},
    {"network_resolvers": (ISP, OTHER_ISP), "dead_resolvers": frozenset({"gone"}), "trusted_resolvers": (DOH,)},
    {"network_resolvers": (ISP,), "trusted_resolvers": (DOH, DOT), "spares_resolvers": True, "families": FOUR},
    {"network_resolvers": (ISP,), "trusted_resolvers": (DOH, DOT), "spares_resolvers": True},
]
RELAYS: list[dict[str, object]] = [
    {"relay_address": ""},
    {"relay_address": "198.18.0.1"},
    {"relay_known": RelayFinding("198.18.0.1", 443, Failure.TIMEOUT, 1_000.0, 9_000.0, {A: 40_000})},
    {"relay_known": RelayFinding("198.18.0.1", 443, Failure.TIMEOUT, 1_000.0, 9_000.0, {A: 90_000})},
    {"relay_known": RelayFinding("198.18.0.1", 443, None, 1_000.0, 9_000.0)},
    {"relay_known": RelayFinding("198.18.0.1", 443, Failure.TIMEOUT, 1_000.0, 9_000.0, {A: 1}), "failed_before": True},
    {"relay_known": RelayFinding("198.18.0.1", 443, Failure.TIMEOUT, 1_000.0, 1_500.0)},
]


def context(number: int, **more: object) -> PlanContext:
    """A context in which the resolver alone finds names, and one page has a fingerprint."""
    fields = {
        "relay_address": "198.18.0.1",
        "now": 2_000.0,
        "hosts_file_names": frozenset(),
        "has_fingerprint": lambda one: one.title == "Forbidden",
    }
    return PlanContext(**(CONTEXTS[number] | fields | more))  # type: ignore[arg-type]


def fast_plan_for(target: Target, where: PlanContext) -> Plan | FastPathPlan:
    """The plan with which a measurement begins."""

    def full() -> Plan:
        return plan_for(target, where)

    return fast_plan(target, where, full) or full()


ODD_PAGES: list[dict[str, object]] = [
    {"status": 302, "location": f"https://{NAME}/b"},
    {"status": 302, "location": "https://www.example.net/", "sets_cookie": True},
    {"title": "Forbidden"},
    {"wait": 1_000},
    {"flow": Flow(bytes=100_000, took=9_000)},
    {"flow": Flow(bytes=20_000, took=100, quiet=9_000), "failure": Failure.TIMEOUT, "complete": False},
    {"failure": Failure.RESET, "complete": False},
    {"status": 0, "failure": Failure.EOF},
    {"status": 0, "failure": Failure.LOCAL},
    {"status": 451},
]


class Network:
    """Draws what is observed of a step: as it should be, but for one observation in `oddity`."""

    def __init__(self, seed: int, oddity: int, odd_page: dict[str, object] | None = None) -> None:
        self._odd_page = odd_page
        self._random = Random(seed)
        self._oddity = oddity
        self._given = self._random.choice([(A,), (A,), (A, B), (A, B, "1.1.1.1", "9.9.9.9", "8.8.4.4")])

    def choose(self, steps: list[Step]) -> Step:
        """The step of which something is observed next."""
        return self._random.choice(steps)

    def seen(self, step: Step) -> list[Observation]:
        """All observations of a step."""
        if self._is_odd(4):
            return []
        if isinstance(step, Resolve):
            return self._answers(step)
        where = step.address  # type: ignore[union-attr]
        seen: list[Observation] = [Connection(address=where, port=443, rtt=40_000, failure=self._failure())]
        encrypted = isinstance(step, Handshake) or (isinstance(step, Fetch) and step.url.startswith("https"))
        if seen[-1].failure is None and encrypted:
            seen.append(TlsHandshake(address=where, port=443, sni=NAME, verified=True, failure=self._failure()))
        if seen[-1].failure is None and isinstance(step, Fetch) and not self._is_odd(3):
            seen.append(self._page(step))
        return seen

    def _is_odd(self, less: int = 1) -> bool:
        return self._random.randrange(self._oddity * less) == 0

    def _failure(self) -> Failure | None:
        return self._random.choice(list(Failure)) if self._is_odd() else None

    def _answers(self, step: Resolve) -> list[Observation]:
        given = self._given if step.rrtype == "A" else self._random.choice([(), (SIX,)])
        if self._is_odd():
            given = self._random.choice([(), (PRIVATE,), (B,), (A, PRIVATE), ("198.18.0.4",)])
        failed = None if given else self._random.choice([Failure.NODATA, Failure.NODATA, *Failure])
        seen: list[Observation] = [answer(step, given, failed)]
        if self._is_odd():
            late = self._random.choice([(), (B,), (PRIVATE,)])
            seen.append(
                LateAnswer(
                    name=step.name, rrtype=step.rrtype, resolver=step.resolver, trust=step.trust, gap=9, addresses=late
                )
            )
        return seen

    def _page(self, step: Fetch) -> Exchange:
        if self._odd_page is not None:
            return page(step, **{"wait": 45_000, **self._odd_page})  # type: ignore[arg-type]
        if not self._is_odd():
            return page(step, wait=45_000)
        return page(step, **{"wait": 45_000, **self._random.choice(ODD_PAGES)})  # type: ignore[arg-type]


def compare(text: str, where: PlanContext, network: Network, events: int = 400) -> None:
    """Drive both plans with the same observations; both ask for the same steps at each."""
    target = parse(text)
    full, fast = plan_for(target, where), fast_plan_for(target, where)
    waiting: dict[Step, list[Observation]] = {}
    for _ in range(events):
        wanted, asked = full.pending(), fast.pending()
        assert set(asked) == set(wanted)
        assert len(asked) == len(wanted)
        waiting |= {step: network.seen(step) for step in wanted}
        if not waiting:
            return
        step = network.choose(list(waiting))
        if waiting[step]:
            one = waiting[step].pop(0)
            full.observe(step, one)
            fast.observe(step, one)
        else:
            del waiting[step]
            full.finish(step)
            fast.finish(step)
    raise AssertionError("the plans do not end")


@given(
    st.sampled_from(TARGETS),
    st.integers(0, len(CONTEXTS) - 1),
    st.integers(0, 2**32),
    st.sampled_from([2, 6, 20, 10_000]),
    st.sampled_from(RELAYS),
)
@settings(max_examples=400, deadline=None)
def test_both_plans_ask_for_the_same_steps_at_each_observation(
    text: str, number: int, seed: int, oddity: int, relay: dict[str, object]
) -> None:
    compare(text, context(number, **relay), Network(seed, oddity))


@pytest.mark.parametrize("odd", ODD_PAGES)
@pytest.mark.parametrize("text", TARGETS[:4])
@pytest.mark.parametrize("number", [0, 1, 3])
def test_both_plans_ask_for_the_same_steps_after_an_odd_page(odd: dict[str, object], text: str, number: int) -> None:
    """Of a slow page, a redirect, a notice, a page that came too soon, a page that stops."""
    for seed in range(4):
        compare(text, context(number), Network(seed, 10_000, odd))


@pytest.mark.parametrize("relay", RELAYS)
@pytest.mark.parametrize("odd", [False, True])
def test_both_plans_ask_for_a_trial_where_a_connection_leaves_a_doubt(relay: dict[str, object], odd: bool) -> None:
    """An older trial counts only for a while, and for a target that worked."""
    for seed in range(4):
        compare(f"tcp://{A}:443", context(0, **relay), Network(seed, 2 if odd else 10_000))


@pytest.mark.parametrize("more", [{"truncated": True}, {"errors": (15,)}, {"recursion": False}])
@pytest.mark.parametrize("text", TARGETS[:2])
@pytest.mark.parametrize("number", [3, 7])
def test_both_plans_ask_spared_resolvers_after_an_odd_answer(more: dict[str, object], text: str, number: int) -> None:
    """Of the network's resolver, or of the trusted one, also once the page is asked for."""
    target, where = parse(text), context(number)
    for odd in range(4):
        full, fast = plan_for(target, where), fast_plan_for(target, where)
        steps, told = list(full.pending()), 0
        assert set(fast.pending()) == set(steps)
        while steps:
            step = steps.pop(0)
            if not isinstance(step, Resolve):
                continue
            given = answer(step, (A,) if step.rrtype == "A" else (), None if step.rrtype == "A" else Failure.NODATA)
            seen = replace(given, **(more if told == odd else {}))
            told += 1
            full.observe(step, seen)
            fast.observe(step, seen)
            wanted = full.pending()
            assert set(fast.pending()) == set(wanted)
            steps += wanted


def test_both_plans_ask_other_names_of_a_resolver_that_gives_no_address() -> None:
    """Another resolver gives one."""
    target, where = parse(f"http://{NAME}/"), context(5, trusted_resolvers=(), families=FOUR)
    full, fast = plan_for(target, where), fast_plan_for(target, where)
    first, second = full.pending()
    assert fast.pending() == (first, second)
    for plan in (full, fast):
        plan.observe(first, answer(first, (), Failure.NODATA))  # type: ignore[arg-type]

    assert set(fast.pending()) == set(full.pending()) != set()


@pytest.mark.parametrize("text", TARGETS)
@pytest.mark.parametrize("number", range(len(CONTEXTS)))
def test_a_target_at_which_everything_works_needs_no_full_plan(text: str, number: int) -> None:
    """The fast path would else cost more than it saves."""

    def full() -> object:
        raise AssertionError("made the full plan")

    target = parse(text)
    where = context(number, **RELAYS[2])
    fast = fast_plan_for(target, where)
    assert isinstance(fast, FastPathPlan)
    fast._make_full = full  # type: ignore[assignment]
    steps = list(fast.pending())
    while steps:
        step = steps.pop(0)
        if isinstance(step, Resolve):
            given = (A,) if step.rrtype == "A" else ()
            fast.observe(step, answer(step, given, None if given else Failure.NODATA))
            steps += fast.pending()
            if isinstance(step, Resolve) and step.rrtype == "AAAA" and step.resolver in {ISP, OTHER_ISP}:
                assert number in {1, 3, 4, 5, 7}
        else:
            for one in Network(1, 10_000).seen(step):
                fast.observe(step, one)
                steps += fast.pending()
        fast.finish(step)
        steps += fast.pending()


@pytest.mark.parametrize(
    ("text", "more"),
    [
        (NAME, {}),
        (f"dns://{NAME}", {}),
        (f"https://{NAME}/", {"suspected": True}),
        (f"https://{NAME}/", {"control": ControlFacts(time=NOON, statuses=(Status.REACHABLE,))}),
        (f"https://{NAME}/", {"nat64": ("64:ff9b::/96",)}),
        (f"https://{NAME}/", {"hosts_file_names": frozenset({NAME})}),
        (f"https://{NAME}/", {"hosts_file_names": None}),
    ],
)
def test_a_measurement_that_begins_otherwise_has_the_full_plan(text: str, more: dict[str, object]) -> None:
    """A control, a name in the hosts file or a suspicion changes the first steps, or what follows from them."""
    assert not isinstance(fast_plan_for(parse(text), context(0, **more)), FastPathPlan)


def test_steps_that_were_queued_and_not_taken_are_asked_for_after_the_hand_over() -> None:
    """The caller may give several observations before it asks for steps again."""
    fast = fast_plan_for(parse(f"http://{NAME}/"), context(0))
    (lookup,) = fast.pending()
    assert isinstance(lookup, Resolve)
    fast.observe(lookup, answer(lookup, (A,)))
    fast.observe(lookup, LateAnswer(name=NAME, rrtype="A", resolver=ISP, trust=lookup.trust, gap=9, addresses=(B,)))

    assert [step.address for step in fast.pending() if isinstance(step, Fetch)] == [A, B]


def test_a_step_without_its_last_observation_is_handed_over() -> None:
    """A connection whose page never came is no success."""
    fast = fast_plan_for(parse(f"https://{A}/"), context(0))
    (fetch,) = fast.pending()
    fast.observe(fetch, Connection(address=A, port=443))
    fast.finish(fetch)

    assert fast.pending() == plan_after_connection(fetch)


def plan_after_connection(fetch: Step) -> tuple[Step, ...]:
    """The full plan's steps after the same."""
    full = plan_for(parse(f"https://{A}/"), context(0))
    full.pending()
    full.observe(fetch, Connection(address=A, port=443))
    full.finish(fetch)
    return full.pending()


def test_the_fast_path_of_an_endpoint_is_one_connection() -> None:
    """It has the position of a first try."""
    fast = fast_plan_for(parse(f"tcp://{A}:80"), context(0))

    assert fast.pending() == (Connect(address=A, port=80, position=StepPosition()),)
    assert fast.pending() == ()
