"""Traffic budgets of the settings, divided among rounds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from probe.agent.cost import Cost
from probe.agent.outbox import Outbox
from probe.agent.traffic_budget import (
    AHEAD,
    METERED_DAY,
    METERED_MONTH,
    NOTE,
    ahead,
    allowance,
    limits,
    open_account,
    read_record,
    said_budgets,
    said_use,
    use_of,
)
from probe.clock import Clock
from probe.settings import Settings, load
from probe.settings.options import BudgetSettings
from probe.traffic_account import MEASURING_SHARE, TrafficAccount, TrafficRecord, WireTraffic

BASE = load(None, {"XDG_CONFIG_HOME": "/nonexistent"})
EVENING = datetime(2026, 11, 30, 22, tzinfo=UTC)


def budget(**changes: object) -> BudgetSettings:
    return msgspec.structs.replace(BASE.budget, **changes)


def settings(**changes: object) -> Settings:
    return msgspec.structs.replace(BASE, budget=budget(**changes))


def test_there_is_no_budget_by_default_and_own_numbers_go_before_the_presets() -> None:
    assert limits(BASE.budget) == (WireTraffic(), WireTraffic())
    assert limits(budget(preset="metered")) == (METERED_DAY, METERED_MONTH)
    assert limits(budget(preset="metered", day_bytes=5))[0] == METERED_DAY._replace(octets=5)


def test_the_account_of_a_state_file_goes_on_with_what_was_written(tmp_path: Path) -> None:
    chosen = settings(day_bytes=1_000_000)
    with Outbox(tmp_path / "state.sqlite") as outbox:
        first = open_account(chosen, outbox, Clock(EVENING))
        assert first.reserve(WireTraffic(octets=40_000))
        killed = open_account(chosen, outbox, Clock(EVENING))
        first.settle(WireTraffic(octets=40_000), WireTraffic(octets=7))
        outbox.write_notes(**{NOTE: msgspec.to_builtins(first.record(None))})
        stopped = open_account(chosen, outbox, Clock(EVENING))

    assert killed.used_today().octets >= 40_000
    assert stopped.used_today() == WireTraffic(octets=7)


def test_a_record_that_cannot_be_read_begins_a_new_account() -> None:
    assert read_record({}) is None
    assert read_record({NOTE: {"day": 3}}) is None
    record = TrafficRecord(day="2026-11-30", day_used=WireTraffic(1, 2, 3), spent_at=EVENING)
    assert read_record({NOTE: msgspec.to_builtins(record)}) == record


def test_a_round_asks_for_a_little_more_than_the_last_one_cost() -> None:
    assert ahead(WireTraffic(1, 10, 100), WireTraffic(5, 50, 500)) == WireTraffic(5, 50, int(AHEAD * 400))


@pytest.mark.parametrize(("month", "octets"), [(0, 950_000 / 24), (3_000_000, 950_000 / 24), (480_000, 456_000 / 24)])
def test_a_round_gets_an_even_share_of_what_is_left_of_the_day_and_the_month(month: int, octets: float) -> None:
    """Two hours before the end of both, with a round every five minutes."""
    account = TrafficAccount(WireTraffic(octets=1_000_000), WireTraffic(octets=month), lambda: EVENING)

    found = allowance(account, 300.0, EVENING)

    assert found is not None
    assert found.octets == pytest.approx(octets)
    assert found.packets == float("inf")


def test_early_in_the_month_its_budget_is_spread_over_all_its_days() -> None:
    noon = datetime(2026, 12, 1, 12, tzinfo=UTC)
    account = TrafficAccount(WireTraffic(), WireTraffic(octets=305_000), lambda: noon)

    found = allowance(account, 86_400.0, noon)

    assert found is not None
    assert found.octets == pytest.approx(305_000 * MEASURING_SHARE / 30.5)


def test_without_a_budget_nothing_is_divided() -> None:
    assert allowance(TrafficAccount(WireTraffic(), WireTraffic(), lambda: EVENING), 300.0, EVENING) is None


def test_what_was_used_is_said_against_the_budget_and_yesterdays_use_is_not_todays() -> None:
    record = TrafficRecord(
        day="2026-11-30",
        month="2026-11",
        day_used=WireTraffic(90, 1200, 3_100_000),
        month_used=WireTraffic(900, 12_000, 31_000_000),
    )
    chosen = budget(day_bytes=20_000_000)

    day, month = use_of(record, chosen, EVENING)
    assert said_use(day) == "3.1 of 20.0 MB, 1,200 packets, 90 connections"
    assert said_use(month) == "31.0 MB, 12,000 packets, 900 connections"
    assert use_of(record, chosen, EVENING + timedelta(hours=3))[0].used == WireTraffic()


def test_a_dry_run_says_how_much_of_a_day_fits_into_the_budget() -> None:
    cost = Cost(100_000, 40_000_000, 9000)

    assert list(said_budgets(BASE, cost)) == []
    day, month = said_budgets(settings(day_bytes=20_000_000, month_bytes=10**10), cost)
    numbers = "40.0 of 20.0 MB, 100,000 packets, 9,000 connections"
    assert day == f"budget\ta day\twith a margin of a half, {numbers}: about 50 % of the looks fit"
    assert month.endswith("1,200.0 of 10,000.0 MB, 3,000,000 packets, 270,000 connections: all of it fits")
