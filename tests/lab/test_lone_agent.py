"""A lone agent with a collector's own control and without one (the long run with its table: `lone_agent.py`)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.lab.ledger import RecordedSpan
from tests.lab.lone_agent import MECHANISMS, PACE, Saying, accused, document, perform, sayings
from tests.lab.ordinary import BEGIN, VANTAGE

PROVES_ITSELF = next(one for one in MECHANISMS if one.name == "SNI RST")
NEEDS_A_CONTROL = next(one for one in MECHANISMS if one.name == "RST to the SYN")


@pytest.mark.lab
@pytest.mark.xdist_group("lone_agent")
@pytest.mark.parametrize("control", [True, False])
def test_a_control_at_the_collector_tells_resets_from_a_dead_site(control: bool) -> None:
    """What proves itself at the address is said either way; what does not is never called blocked without a control."""
    chosen = (PROVES_ITSELF, NEEDS_A_CONTROL)

    said = perform(9, control=control, standing=False, mechanisms=chosen, ordinary=10, pace=PACE)

    last = {one.name: said[one.target][-1].status for one in chosen if said[one.target]}
    assert last["SNI RST"] == "blocked"
    assert last.get("RST to the SYN", "unreachable") == ("blocked" if control else "unreachable")
    assert accused(said, chosen) == []


def span(minutes: float, target: str, status: str, causes: str = "") -> RecordedSpan:
    """A span known so many minutes after the start."""
    known = BEGIN + timedelta(minutes=minutes)
    return RecordedSpan(VANTAGE, target, "s", known - timedelta(minutes=2), known, status, causes)


def test_what_is_said_is_counted_from_the_block_and_repeated_once() -> None:
    """What was said before the block does not count; a block that goes on by the same cause is one saying."""
    target = "https://a.example/"
    spans = [
        span(1, target, "reachable"),
        span(2, target, "unreachable", "tcp.timeout"),
        span(11, target, "unreachable", "tcp.reset"),
        span(30, target, "blocked", "tcp.reset tls.sni"),
        span(40, target, "blocked", "tcp.reset"),
        span(6, "https://b.example/", "reachable"),
    ]

    assert sayings(spans, BEGIN + timedelta(minutes=5)) == {
        target: [Saying(6, "unreachable", "tcp.reset"), Saying(25, "blocked", "tcp.reset")],
        "https://b.example/": [],
    }


def test_an_accused_site_that_nobody_touched_is_named() -> None:
    said = {"https://ordinary/": [Saying(1, "blocked", "tcp.reset")], MECHANISMS[0].target: [Saying(1, "blocked", "")]}

    assert accused(said) == ["https://ordinary/: blocked tcp.reset after 1 min"]


def test_the_table_has_a_row_for_each_mechanism_and_a_column_for_each_run() -> None:
    runs = {
        (True, False): {MECHANISMS[0].target: [Saying(3, "unreachable", "x"), Saying(6, "blocked", "dns.nxdomain")]},
        (False, True): {},
    }

    lines = document(runs).splitlines()

    assert lines[0] == "| mechanism | with a control, begins | without a control, standing at the start |"
    assert lines[2] == "| NXDOMAIN | unreachable x after 3 min, then blocked dns.nxdomain after 6 min | nothing |"
    assert len(lines) == 2 + len(MECHANISMS)
