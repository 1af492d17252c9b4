"""What a volunteer is told has the figures of the dry run."""

from __future__ import annotations

from pathlib import Path

import pytest

from probe.agent import watchlist
from probe.agent.cost import daily_costs, format_costs
from probe.cli.risk_texts import DayTotal, cost_text, day_total, explanation
from probe.settings import load_file

DEFAULTS = load_file(None, {})
WATCHED = watchlist.load(DEFAULTS)


def told(overrides: dict[str, object] | None = None, titles: tuple[str, ...] = ("LINE",)) -> str:
    settings = load_file(None, {}, overrides)
    return "\n".join(explanation(settings, watchlist.load(settings), titles, Path("/state")))


def test_the_cost_is_that_of_the_dry_run() -> None:
    total = day_total(DEFAULTS, WATCHED)

    last = list(format_costs(daily_costs(DEFAULTS, WATCHED)))[-1]
    assert f"{total.connections:,.0f} connections" in last
    assert f"{total.megabytes:,.1f} MB" in last


def test_a_month_has_thirty_days() -> None:
    assert DayTotal(100, 1).gigabytes_a_month == pytest.approx(3.0)
    assert "100 MB and 1 connections a day, 3.0 GB a month" in cost_text(DayTotal(100, 1))


def test_it_names_who_is_asked_for_the_names() -> None:
    assert "Cloudflare, Quad9, Google are asked" in told()
    assert "192.0.2.1 are asked" in told({"measure.trusted_resolvers": ["https://192.0.2.1/dns-query"]})
    assert "are asked" not in told({"measure.trusted_resolvers": []})


def test_it_says_how_often_and_how_much_is_contacted() -> None:
    text = told({"agent.interval": 900, "targets.services": ["line"]}, ("A", "B", "C", "D", "E", "F"))

    assert "Every 15 minutes" in text
    assert "A, B, C, D +2" in text


def test_no_line_is_wider_than_a_terminal() -> None:
    """The examples and the folder may be long; nothing else is."""
    assert max(map(len, told().splitlines())) <= 88
