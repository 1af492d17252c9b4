"""Which targets a short round looks at, and in which order."""

from __future__ import annotations

from random import Random

from probe.agent.cost import Cost
from probe.agent.round_choice import COST_MARGIN, RoundChoice, TargetRanks, affordable, choose
from probe.model.target import TargetText, parse
from probe.session.pass_glances import RoundLooks

NOW = 1_000_000.0
TARGETS: list[TargetText] = [(text, parse(text)) for text in (f"tcp://192.0.2.{last}:80" for last in range(1, 9))]
TEXTS = [text for text, _ in TARGETS]
LOOKED = {text: int(NOW) - 600 + 10 * number for number, text in enumerate(TEXTS)}
LOOKS = RoundLooks(glance=dict.fromkeys(TEXTS, ()))
ANCHORS = Cost(162, 44_400, 24)
ENOUGH = Cost(10**9, 10**9, 10**9)


def chosen(
    allowance: Cost | None = None, *, timed: bool = False, failing: tuple[str, ...] = (), **changes: int
) -> RoundChoice:
    services = {text: "second" if text in TEXTS[:4] else "first" for text in TEXTS}
    ranks = TargetRanks(frozenset(failing), services, {**LOOKED, **changes})
    return choose(
        [*TARGETS[4:], *TARGETS[:4]],
        LOOKS,
        ranks,
        allowance=allowance,
        timed=timed,
        now=NOW,
        random=Random(1),
        anchors=ANCHORS,
        samples={},
    )


def test_a_round_without_limits_looks_at_everything_in_random_order() -> None:
    found = chosen()

    assert (len(found.targets), found.ordered, found.left_out, found.looks) == (8, False, 0, LOOKS)
    assert chosen(ENOUGH).ordered is False


def test_a_round_with_a_time_limit_begins_with_what_fails_then_by_service_then_by_the_last_look() -> None:
    found = chosen(timed=True, failing=(TEXTS[2], TEXTS[7]))

    order = [text for text, _ in found.targets]
    assert order == [TEXTS[2], TEXTS[7], *TEXTS[4:7], TEXTS[0], TEXTS[1], TEXTS[3]]
    assert (found.ordered, found.looks.first) == (True, {TEXTS[2], TEXTS[7]})


def test_what_was_not_looked_at_for_a_day_goes_before_services() -> None:
    found = chosen(timed=True, **{TEXTS[3]: int(NOW) - 90_000})

    assert found.targets[0][0] == TEXTS[3]


def test_what_the_allowance_does_not_cover_is_left_out_and_counted() -> None:
    """A glance over TCP costs four packets; there is room for three targets."""
    allowance = Cost(ANCHORS.packets + 3.5 * 4 * COST_MARGIN, 10**9, 10**9)

    found = chosen(allowance, failing=(TEXTS[0],))

    assert [text for text, _ in found.targets] == [TEXTS[0], TEXTS[4], TEXTS[5]]
    assert found.left_out == 5
    assert set(found.looks.glance) == {TEXTS[0], TEXTS[4], TEXTS[5]}


def test_a_round_must_be_worth_its_anchors() -> None:
    assert affordable(None, ANCHORS)
    assert affordable(ENOUGH, ANCHORS)
    assert not affordable(ANCHORS, ANCHORS)
