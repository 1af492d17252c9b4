"""What is counted without a control; no lab is raised."""

from __future__ import annotations

from tests.lab.alone import Count, document, far, interfered
from tests.lab.records import Act, Expect, Scenario, Vantage


def scenario(status: str, *causes: str, name: str = "one") -> Scenario:
    """A scenario with this expectation."""
    return Scenario(
        name=name, family="x", target="https://{host}/", expect=Expect(status=status, causes=causes), checks=()
    )


def test_only_scenarios_that_must_be_blocked_or_throttled_count() -> None:
    """Not those of which little is known."""
    assert interfered(scenario("blocked", "tls.reset"))
    assert interfered(scenario("throttled", "throttle.rate"))
    assert not interfered(scenario("blocked|unreachable"))
    assert not interfered(scenario("reachable"))


def test_a_line_gets_its_servers_far_away_once() -> None:
    """A line with a delay of its own, or a tunnel past the middlebox, stays as it is."""
    made = far(Vantage(name="a"))

    assert [one.act for one in made.core] == [Act.DELAY]
    assert far(made) == made
    assert far(Vantage(name="vpn", through="tun0")).core == ()


def test_the_table_has_the_share_that_is_proven_and_names_what_is_missed_and_accused() -> None:
    """By the layer of the expected cause."""
    count = Count()
    count.add(scenario("blocked", "http.reset"), {"status": "blocked", "rule": "http.reset.near"})
    count.add(scenario("blocked", "tls.reset"), {"status": "unreachable", "rule": "tls.ambiguous"})
    count.add(scenario("blocked", "http.blockpage", name="page"), {"status": "reachable", "rule": "served"})
    count.add(scenario("reachable", name="fine"), {"status": "blocked", "rule": "tls.reset.near"})
    text = document(count)

    assert "Interfered, without a control: 3. Proven all the same: 1 (33.3%)." in text
    assert "Harmless: 1. Accused: 1." in text
    assert "| http | 1 | 0 | 0 | 0 | 1 | 0 |" in text
    assert "- missed: page: reachable by served" in text
    assert "- accused: fine: tls.reset.near" in text
