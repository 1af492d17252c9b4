"""Events of networks that make one of a country."""

from __future__ import annotations

from probe.fuse.country import country_events
from probe.fuse.fusion import fuse
from probe.model.event import Confidence, Event, Network, Scope, Span
from tests.unit.fuse.made import BEELINE, MEGAFON, MTS, TTK, WECHAT, at, ok, span, sponsored, there

NETWORKS = (MTS, BEELINE, MEGAFON)


def wide(spans: list[Span], **sponsors: str) -> list[Event]:
    """The countries' events."""
    found = fuse(spans, [], at(300), {WECHAT: "WeChat"}, sponsored(**sponsors))
    return [event for event in found if event.scope is Scope.COUNTRY]


def test_three_networks_make_an_event_of_the_country() -> None:
    """With the onset of the first of them, and confirmed by their number."""
    (event,) = wide([span(f"v{n.asn}", 10 + n.asn - MTS.asn, None, network=n) for n in NETWORKS])

    assert (event.network, event.networks, event.vantages) == (Network(country="RU"), 3, 3)
    assert (event.onset, event.lifted, event.confidence) == (at(10), None, Confidence.CONFIRMED)


def test_a_country_s_event_stood_before_where_its_first_network_found_it_standing() -> None:
    """Where a network saw it begin before another found it, that is its onset."""
    stood = [span(f"v{n.asn}", n.asn - MTS.asn, None, network=n, before_watch=n is MTS) for n in NETWORKS]
    began = [span(f"v{n.asn}", n.asn - MTS.asn, None, network=n, before_watch=n is MEGAFON) for n in NETWORKS]

    (undated,), (dated,) = wide(stood), wide(began)

    assert (undated.before_watch, undated.onset) == (True, at(0))
    assert (dated.before_watch, dated.onset) == (False, at(0))


def test_two_networks_make_no_event_of_the_country() -> None:
    """Three are needed."""
    assert wide([span("a", 10, None), span("b", 10, None, network=BEELINE)]) == []


def test_three_networks_at_different_times_make_no_event_of_the_country() -> None:
    """They must see interference at one moment."""
    turns = [
        each
        for n, network in enumerate(NETWORKS)
        for each in (
            span(f"v{n}", 10 * n, 10 * n + 10, network=network),
            ok(f"v{n}", 10 * n + 10, None, network=network),
        )
    ]

    assert wide(turns) == []


def test_three_of_seven_networks_make_no_event_of_the_country() -> None:
    """Half of those measured until then must see interference."""
    others = [ok(f"w{n}", 0, None, network=Network(asn=64600 + n, country="RU")) for n in range(4)]

    assert wide([*(span(f"v{n.asn}", 10, None, network=n) for n in NETWORKS), *others]) == []
    assert len(wide([*(span(f"v{n.asn}", 10, None, network=n) for n in NETWORKS), *others[:3]])) == 1


def test_a_country_s_event_lifts_with_its_last_network() -> None:
    """Not when the majority has lifted."""
    lifted = [
        each
        for n, network in enumerate((*NETWORKS, TTK))
        for each in (span(f"v{n}", 10, 50 + n, network=network), ok(f"v{n}", 50 + n, None, network=network))
    ]

    (event,) = wide(lifted)

    assert (event.onset, event.lifted, event.networks) == (at(10), at(53), 4)


def test_one_sponsor_in_all_networks_is_one_source() -> None:
    """The number of networks does not matter."""
    spans = [span(f"v{n}", 10, None, network=network) for n, network in enumerate(NETWORKS)]

    (event,) = wide(spans, v0="x", v1="x", v2="x")

    assert event.confidence is Confidence.ONE_SOURCE


def test_a_sponsor_of_more_than_a_third_of_the_networks_confirms_no_event() -> None:
    """One sponsor runs two of the three vantages; with a fourth network it has half."""
    spans = [span(f"v{n}", 10, None, network=network) for n, network in enumerate((*NETWORKS, TTK))]

    (of_three,), (of_four,) = wide(spans[:3], v0="x", v1="x"), wide(spans, v0="x", v1="x")
    (divided,) = wide([*spans, span("a", 10, None), span("b", 10, None, network=BEELINE)], v0="x", v1="x")

    assert (of_three.confidence, of_four.confidence) == (Confidence.ONE_SOURCE, Confidence.ONE_SOURCE)
    assert divided.confidence is Confidence.CONFIRMED  # it has half of two networks of four


def test_networks_whose_own_events_are_disputed_confirm_none_of_the_country() -> None:
    """In each of three networks one vantage sees a block and another reaches the target."""
    spans = [span(f"v{n}", 10, None, network=network) for n, network in enumerate(NETWORKS)]
    spans += [ok(f"w{n}", 0, None, network=network) for n, network in enumerate(NETWORKS)]
    presences = [there(f"{letter}{n}", 0, 300, network) for letter in "vw" for n, network in enumerate(NETWORKS)]

    found = fuse(spans, presences, at(300), {WECHAT: "WeChat"}, sponsored())

    assert {(event.scope, event.confidence) for event in found} == {
        (Scope.NETWORK, Confidence.DISPUTED),
        (Scope.COUNTRY, Confidence.DISPUTED),
    }


def test_half_of_the_networks_dispute_an_event_and_more_than_half_confirm_it() -> None:
    """Three of six, then three of five."""
    others = [ok(f"w{n}", 0, None, network=Network(asn=64600 + n, country="RU")) for n in range(3)]
    spans = [span(f"v{n}", 10, None, network=network) for n, network in enumerate(NETWORKS)]

    (half,), (more,) = wide([*spans, *others]), wide([*spans, *others[:2]])

    assert (half.confidence, more.confidence) == (Confidence.DISPUTED, Confidence.CONFIRMED)


def test_one_network_with_many_vantages_does_not_outweigh_the_others() -> None:
    """It weighs as much as two sponsors."""
    crowd = [ok(f"w{n}", 0, None, network=TTK) for n in range(9)]
    spans = [span(f"v{n}", 10, None, network=network) for n, network in enumerate(NETWORKS)]

    (event,) = wide([*spans, *crowd])

    assert event.confidence is Confidence.CONFIRMED


def test_networks_without_a_known_country_make_no_event_of_a_country() -> None:
    """The empty country code is no country."""
    nowhere = [span(f"v{n}", 10, None, network=Network(asn=64500 + n)) for n in range(4)]

    assert wide(nowhere) == []


def test_interference_after_a_lift_is_another_event_of_the_country() -> None:
    """With another id."""
    spans = [
        each
        for n, network in enumerate(NETWORKS)
        for each in (
            span(f"v{n}", 10, 20, network=network),
            ok(f"v{n}", 20, 50, network=network),
            span(f"v{n}", 50, None, network=network),
        )
    ]

    first, second = wide(spans)

    assert (first.onset, first.lifted, second.onset, second.lifted) == (at(10), at(20), at(50), None)
    assert first.id != second.id


def test_without_network_events_there_is_no_event_of_the_country() -> None:
    """For any country."""
    assert country_events("WeChat", "RU", [], {}, {}) == []
