"""Budgets of traffic per day and month: never exceeded, also where the process is killed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from probe.errors import StorageError
from probe.traffic_account import (
    ANSWER_BYTES,
    MEASURING_SHARE,
    NOTHING,
    QUERY_TRAFFIC,
    BudgetSpentError,
    TrafficAccount,
    TrafficRecord,
    WireTraffic,
    connection_traffic,
    current_account,
    demand,
    note_answer,
    payload_traffic,
    spend,
    worst_connection,
)

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)
BYTES_A_DAY = WireTraffic(0, 0, 1_000_000)


class Calendar:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.wall = NOON

    def now(self) -> datetime:
        """The date and time."""
        return self.wall


def account(
    day: WireTraffic = BYTES_A_DAY, month: WireTraffic = NOTHING, record: TrafficRecord | None = None
) -> tuple[TrafficAccount, list[TrafficRecord], Calendar]:
    """An account, what it has written down, and its clock."""
    written: list[TrafficRecord] = []
    clock = Calendar()
    return TrafficAccount(day, month, clock.now, record=record, store=written.append), written, clock


def octets(number: int) -> WireTraffic:
    return WireTraffic(0, 0, number)


def test_what_a_reservation_did_not_use_can_be_used_again() -> None:
    own, _, _ = account()

    for _ in range(100):
        assert own.reserve(octets(800_000))
        own.settle(octets(800_000), octets(1000))

    assert own.used_today() == octets(100_000)


def test_a_reservation_beyond_the_budget_is_refused_and_named() -> None:
    own, _, _ = account()
    own.charge(octets(200_000))

    with pytest.raises(BudgetSpentError, match="the day's budget of bytes is spent"):
        own.reserve(octets(800_000))
    assert own.refused == 1


def test_while_others_are_open_a_reservation_waits() -> None:
    own, _, _ = account()

    assert own.reserve(octets(30_000))
    assert not own.reserve(octets(30_000)), "together they are more than a kill may cost"
    own.settle(octets(30_000), octets(10))
    assert own.reserve(octets(30_000))


def test_the_month_has_a_budget_of_its_own() -> None:
    own, _, clock = account(NOTHING, octets(1_000_000))
    own.charge(octets(900_000))
    clock.wall += timedelta(hours=11)

    with pytest.raises(BudgetSpentError, match="the month's budget of bytes is spent"):
        own.reserve(octets(100_000))
    clock.wall += timedelta(hours=1)
    assert own.reserve(octets(100_000)), "in December there is a new one"


def test_a_part_of_each_budget_is_left_for_reports() -> None:
    own, _, _ = account()
    own.charge(octets(int(1_000_000 * MEASURING_SHARE)))

    assert not own.try_charge(octets(10))
    assert own.try_charge(octets(10), share=1.0)


def test_a_new_day_begins_at_midnight_in_utc() -> None:
    own, _, clock = account()
    own.charge(octets(940_000))
    clock.wall = datetime(2026, 11, 30, 23, 59, 59, tzinfo=UTC)
    assert not own.try_charge(octets(20_000))

    clock.wall += timedelta(seconds=1)

    assert own.try_charge(octets(20_000))
    assert own.used_today() == octets(20_000)


def test_a_clock_that_is_set_back_gives_no_new_budget() -> None:
    own, _, clock = account()
    own.charge(octets(940_000))

    clock.wall -= timedelta(days=3)

    assert not own.try_charge(octets(20_000))


@pytest.mark.parametrize("days", [[-3, 3], [-3, 1, 2], [-40, 40], [-40, 1, -2, 41]])
@pytest.mark.parametrize("restarts", [False, True])
def test_a_clock_that_is_set_back_and_right_again_gives_no_new_budget(days: list[int], *, restarts: bool) -> None:
    """A Raspberry Pi has no clock of its own: after each start it is in the past until it has asked for the time."""
    own, written, clock = account(octets(1_000_000), octets(1_000_000))
    assert own.try_charge(octets(900_000))

    for step in days:
        clock.wall += timedelta(days=step)
        own.left()
        if restarts:
            record = own.record(None)
            own = TrafficAccount(BYTES_A_DAY, BYTES_A_DAY, clock.now, record=record, store=written.append)

    assert not own.try_charge(octets(100_000))
    clock.wall += timedelta(days=1)
    assert own.try_charge(octets(900_000))


def test_a_day_that_was_dated_years_ahead_ends_once_the_clock_is_right_again() -> None:
    record = TrafficRecord(day="2036-01-01", month="2036-01", day_granted=octets(950_000))
    own, _, clock = account(record=record)
    assert not own.try_charge(octets(20_000))

    clock.wall += timedelta(days=1)

    assert own.try_charge(octets(20_000))


def test_what_was_granted_counts_as_spent_after_a_kill_and_what_was_used_after_a_stop() -> None:
    own, written, _ = account()
    assert own.reserve(octets(50_000))
    own.settle(octets(50_000), octets(1000))

    killed, _, _ = account(record=written[-1])
    stopped, _, _ = account(record=own.record(None))

    assert killed.used_today().octets >= 50_000
    assert stopped.used_today() == octets(1000)


def test_a_kill_costs_a_bounded_part_of_a_large_budget() -> None:
    own, written, _ = account(octets(10**12))
    while own.reserve(octets(1_000_000)):
        assert len(written) < 100

    killed, _, _ = account(octets(10**12), record=written[-1])

    assert killed.used_today().octets <= 17_000_000


def test_nothing_is_granted_that_cannot_be_written_down() -> None:
    def full(record: TrafficRecord) -> None:
        del record
        raise StorageError("the disk is full")

    own = TrafficAccount(BYTES_A_DAY, NOTHING, Calendar().now, store=full)

    with pytest.raises(BudgetSpentError, match="cannot be written down"):
        own.reserve(octets(1000))
    assert not own.try_charge(octets(10))


def test_a_round_writes_nothing_where_the_last_one_granted_enough() -> None:
    own, written, _ = account()
    own.record(octets(200_000))

    for _ in range(10):
        assert own.reserve(octets(10_000))
        own.settle(octets(10_000), octets(10_000))

    assert written == []


def test_without_a_budget_nothing_is_refused_and_nothing_written() -> None:
    own, written, _ = account(NOTHING)

    assert own.reserve(octets(10**12))
    own.settle(octets(10**12), octets(5))

    assert (own.used_today(), written) == (octets(5), [])


actions = st.lists(
    st.tuples(st.sampled_from(["begin", "end", "small", "kill", "hour"]), st.integers(1, 60_000)), max_size=60
)


@settings(max_examples=200)
@given(actions)
def test_no_day_ever_costs_more_than_its_budget(steps: list[tuple[str, int]]) -> None:
    """Whatever is begun, ended, killed and begun anew; everything open costs its worst at the kill."""
    limit = 200_000
    own, written, clock = account(octets(limit))
    truth: dict[str, int] = {}
    open_ones: list[int] = []

    def cost(number: int) -> None:
        label = clock.wall.strftime("%Y-%m-%d")
        truth[label] = truth.get(label, 0) + number

    for action, number in steps:
        if action == "begin":
            try:
                if own.reserve(octets(number)):
                    open_ones.append(number)
            except BudgetSpentError:
                continue
        elif action == "end" and open_ones:
            worst = open_ones.pop()
            own.settle(octets(worst), octets(worst // 2))
            cost(worst // 2)
        elif action == "small" and own.try_charge(octets(number // 10)):
            cost(number // 10)
        elif action == "kill":
            for worst in open_ones:
                cost(worst)
            open_ones.clear()
            before = written[-1] if written else None
            own = TrafficAccount(octets(limit), NOTHING, clock.now, record=before, store=written.append)
        elif action == "hour" and not open_ones:
            clock.wall += timedelta(hours=7)

    assert all(spent <= limit for spent in truth.values())


def test_a_connection_costs_more_the_longer_it_is_open() -> None:
    assert connection_traffic(0.1) == WireTraffic(1, 7, 560)
    assert connection_traffic(10.0).packets == 7 + 2 * 6, "sent again after 0.2, 0.6, 1.4, 3, 6.2 s, and once more"


@given(st.integers(0, 10**6), st.integers(1, 300), st.floats(0, 60))
def test_the_worst_connection_covers_whatever_it_reads(read: int, reads: int, seconds: float) -> None:
    worst = worst_connection(read, reads, 60.0)
    size = read // reads
    actual = connection_traffic(seconds)
    for _ in range(reads):
        actual = actual.plus(payload_traffic(size))

    assert actual.fits(worst)


def test_a_question_counts_its_answer_before_it_comes_and_returns_what_it_did_not_take() -> None:
    own, _, _ = account()
    token = current_account.set(own)
    try:
        demand(QUERY_TRAFFIC)
        note_answer(100)
        note_answer(ANSWER_BYTES + 1)
        spend(octets(7))
        assert own.used_today() == WireTraffic(1, 2, QUERY_TRAFFIC.octets - ANSWER_BYTES + 100 + 7)
        own.charge(octets(950_000))
        with pytest.raises(OSError, match="the traffic budget is spent"):
            demand(QUERY_TRAFFIC)
    finally:
        current_account.reset(token)


def test_without_an_account_nothing_is_counted() -> None:
    demand(QUERY_TRAFFIC)
    note_answer(10)
    spend(octets(7))
    assert current_account.get() is None


def test_what_is_left_of_both_budgets_is_for_measurements() -> None:
    own, _, _ = account(octets(1_000_000), octets(2_000_000))
    own.charge(octets(50_000))

    assert own.left() == (octets(900_000), octets(1_850_000))
    assert own.has_room(octets(900_000))
    assert not own.has_room(octets(900_001))
