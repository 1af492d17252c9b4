"""The estimated traffic of a day of watching."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from probe.agent import watchlist
from probe.agent.cost import (
    ANCHOR_COST,
    COST_PER_LOOK,
    GLANCE_COST,
    RANGE_ADDRESS_COST,
    SEND_COST,
    TRUSTED_COST,
    Cost,
    DailyCost,
    daily_costs,
    format_costs,
    format_failing,
    kind_of,
)
from probe.agent.watchlist import Watchlist
from probe.model.target import parse
from probe.settings import Settings, load

BASE = load(None, {"XDG_CONFIG_HOME": "/nonexistent", "PROBE_MEASURE_ANCHORS": ""})
VOLUNTEERS, PERFORMANCE = (
    (Path(__file__).parents[3] / "docs" / name).read_text("utf-8") for name in ("volunteers.md", "performance.md")
)


def watched(*texts: str, **samples: int) -> Watchlist:
    """A list of these."""
    return Watchlist(targets=tuple((text, parse(text)) for text in texts), samples=samples)


def only_full(chosen: Settings) -> Settings:
    """Settings without glances."""
    return msgspec.structs.replace(chosen, agent=msgspec.structs.replace(chosen.agent, full_every=0.0))


def settings(
    interval: float = 300.0,
    anchors: tuple[str, ...] = (),
    blocked_every: float = BASE.agent.blocked_every,
    trusted: tuple[str, ...] = (),
) -> Settings:
    """The defaults, with another rhythm, other anchors and other trusted resolvers."""
    agent = msgspec.structs.replace(BASE.agent, interval=interval, blocked_every=blocked_every)
    measure = msgspec.structs.replace(BASE.measure, anchors=anchors, trusted_resolvers=trusted)
    return msgspec.structs.replace(BASE, agent=agent, measure=measure)


def test_each_round_measures_every_target_once_and_some_anchors() -> None:
    """An interval of 300 s makes 288 rounds a day, all of full looks where nothing is glanced at."""
    chosen = only_full(settings(anchors=("https://a.example/",)))
    found = list(daily_costs(chosen, watched("dns://a.example", "dns://b.example")))

    assert found == [
        DailyCost("dns", 2, 576, COST_PER_LOOK["dns"].times(576)),
        DailyCost("anchor https", 1, 576, ANCHOR_COST["https"].times(576)),
    ]


def test_a_target_is_glanced_at_in_every_round_and_looked_at_in_full_once_an_hour() -> None:
    """The glance of a round with a full look is the reference glance. Eleven rounds lie between two full looks."""
    full, glance = daily_costs(settings(), watched("tcp://192.0.2.1:80"))

    assert (full.what, full.looks) == ("tcp", pytest.approx(288 / 11))
    assert glance == DailyCost("glance tcp", 1, 288, GLANCE_COST["tcp"].times(288))


def test_rounds_that_are_an_hour_apart_are_full_looks() -> None:
    full, _ = daily_costs(settings(interval=3600), watched("tcp://192.0.2.1:80"))

    assert full.looks == 24


def test_a_blocked_target_is_looked_at_seldom() -> None:
    """Every 900 s, 96 times a day."""
    assert "96 looks: " in format_failing(settings())
    assert "288 looks: " in format_failing(settings(interval=300, blocked_every=0))


def test_every_kind_that_has_a_full_look_has_a_glance() -> None:
    """A glance is cheaper in every respect."""
    assert GLANCE_COST.keys() == COST_PER_LOOK.keys()
    for kind, glance in GLANCE_COST.items():
        assert all(mine < theirs for mine, theirs in zip(glance, COST_PER_LOOK[kind], strict=True)), kind


def test_one_trusted_resolver_is_connected_to_in_each_round_with_full_looks() -> None:
    """A control asks all of them. No name, no question."""
    many = watched(*(f"dns://{number}.example" for number in range(20)))
    chosen = settings(trusted=("https://9.9.9.9/dns-query", "tls://1.1.1.1:853"))
    control = msgspec.structs.replace(chosen, agent=msgspec.structs.replace(chosen.agent, role="control"))

    assert list(daily_costs(chosen, many))[-1] == DailyCost("trusted resolver", 1, 288, TRUSTED_COST.times(288))
    assert list(daily_costs(control, many))[-1] == DailyCost("trusted resolver", 2, 576, TRUSTED_COST.times(576))
    (few, _, one) = daily_costs(chosen, watched("dns://a.example"))
    assert one.looks == few.looks
    assert "trusted resolver" not in [item.what for item in daily_costs(chosen, watched("tcp://192.0.2.1:80"))]


def test_the_estimate_of_the_default_list_is_what_a_day_of_it_cost_in_the_laboratory() -> None:
    """Within 10 % of each figure that docs/performance.md states."""
    defaults = load(None, {"XDG_CONFIG_HOME": "/nonexistent"})
    costs = [item.cost for item in daily_costs(defaults, watchlist.load(defaults))]
    rows = re.findall(r"^\| (MB|packets|connections) \|.*\| \*\*([\d.,]+)\*\* \|$", PERFORMANCE, re.MULTILINE)
    measured = {what: float(number.replace(",", "")) for what, number in rows}

    assert sum(cost.octets for cost in costs) / 1e6 == pytest.approx(measured["MB"], rel=0.1)
    assert sum(cost.packets for cost in costs) == pytest.approx(measured["packets"], rel=0.1)
    assert sum(cost.connections for cost in costs) == pytest.approx(measured["connections"], rel=0.1)


def test_the_default_anchors_cost_a_day_less_than_six_megabytes() -> None:
    """And less than 31,000 packets, on a line where nothing fails."""
    defaults = load(None, {"XDG_CONFIG_HOME": "/nonexistent"})
    costs = [item.cost for item in daily_costs(defaults, watched()) if item.what.startswith("anchor")]

    assert len(costs) == 2
    assert sum(cost.octets for cost in costs) < 6e6
    assert sum(cost.packets for cost in costs) < 31_000


def test_uploads_are_counted_where_the_settings_ask_for_them() -> None:
    """Domains and URLs over https have uploads. By default there are none."""
    chosen = only_full(settings())
    asked = msgspec.structs.replace(chosen, measure=msgspec.structs.replace(chosen.measure, send="always"))
    texts = watched("https://a.example/", "b.example", "http://c.example/", "dns://d.example")

    assert "send" not in [item.what for item in daily_costs(chosen, texts)]
    assert [item for item in daily_costs(asked, texts) if item.what == "send"] == [
        DailyCost("send", 2, 576, SEND_COST.times(576))
    ]
    assert "send" not in [item.what for item in daily_costs(asked, watched("dns://d.example"))]


def test_a_range_is_measured_hourly_whatever_the_interval_and_the_number_of_ports() -> None:
    """Each sampled address costs the same. Ports of one prefix take turns. The sample of a wide range is larger."""
    texts = ("203.0.113.0/24", "203.0.113.0/24:80", "198.18.0.0/19")
    (item,) = daily_costs(settings(), watched(*texts))
    (rare,) = daily_costs(settings(interval=7200), watched(*texts))

    assert item == DailyCost("range", 3, 48, RANGE_ADDRESS_COST.times(24 * (16 + 32)))
    assert rare.looks == 24
    (own,) = daily_costs(settings(), watched("203.0.113.0/24", **{"203.0.113.0/24": 64}))
    assert own.cost == RANGE_ADDRESS_COST.times(24 * 64)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("https://a.example/", "https"),
        ("http://a.example/", "http"),
        ("a.example", "domain"),
        ("dns://a.example", "dns"),
        ("tcp://192.0.2.1:80", "tcp"),
        ("tls://192.0.2.1:443/a.example", "tls"),
        ("quic://a.example:443", "quic"),
        ("203.0.113.0/24", "range"),
    ],
)
def test_every_kind_of_target_has_a_cost(text: str, kind: str) -> None:
    """A page is the most expensive kind."""
    assert kind_of(parse(text)) == kind
    assert next(iter(daily_costs(settings(), watched(text)))).what == kind


def test_costs_are_printed_as_one_line_for_each_kind_and_a_sum() -> None:
    """Numbers are rounded, and the assumptions of the estimate are printed below."""
    *kinds, whole = format_costs(
        iter([DailyCost("dns", 1, 2, Cost(1000, 2e6, 3)), DailyCost("tcp", 1, 2, Cost(1, 1e5, 1))])
    )

    assert kinds[0] == "a day\tdns\t1 of them, 2 looks: 3 connections, 1,000 packets, 2.0 MB"
    assert whole.startswith("a day\tall\t4 looks: 4 connections, 1,001 packets, 2.1 MB. An estimate: ")


def test_the_page_for_volunteers_states_the_cost_of_the_default_set() -> None:
    """The page has the numbers that `probe run --dry-run` prints."""
    base = load(None, {"XDG_CONFIG_HOME": "/nonexistent"})
    *_, whole = format_costs(daily_costs(base, watchlist.load(base)))
    numbers = re.search(r"([\d,]+) looks: ([\d,]+) connections, ([\d,]+) packets, ([\d.,]+) MB", whole)

    assert numbers is not None
    assert f"{numbers[1]} looks, {numbers[2]} connections, {numbers[3]} packets, {numbers[4]} MB" in VOLUNTEERS
