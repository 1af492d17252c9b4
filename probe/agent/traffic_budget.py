"""The agent's traffic budgets: from the settings, kept in the state file, and divided among the rounds."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from math import inf

import msgspec

from probe.agent.cost import Cost
from probe.agent.outbox import Outbox
from probe.clock import Clock
from probe.settings import Settings
from probe.settings.options import BudgetSettings
from probe.traffic_account import TrafficAccount, TrafficRecord, WireTraffic

NOTE = "traffic"
"""Name of the note in the state file that has the record of the account."""
METERED_DAY = WireTraffic(12_000, 120_000, 20_000_000)
METERED_MONTH = WireTraffic(300_000, 3_000_000, 500_000_000)
"""Budgets of the preset `metered`: about a third of what the default list costs."""
LONGEST_CONNECTION_TIMEOUTS = 6.0
"""Step time-outs after which a connection has ended: TCP, TLS, HTTP, and an upload's requests."""
AHEAD = 1.25
"""What a round asks for the next one, as a factor on what it cost itself."""


def limits(chosen: BudgetSettings) -> tuple[WireTraffic, WireTraffic]:
    """The budgets of a day and of a month; 0 stands for none. A preset counts where nothing else is set."""
    day = WireTraffic(chosen.day_connections, chosen.day_packets, chosen.day_bytes)
    month = WireTraffic(chosen.month_connections, chosen.month_packets, chosen.month_bytes)
    if chosen.preset == "metered":
        day = WireTraffic(*(own or preset for own, preset in zip(day, METERED_DAY, strict=True)))
        month = WireTraffic(*(own or preset for own, preset in zip(month, METERED_MONTH, strict=True)))
    return day, month


def open_account(settings: Settings, outbox: Outbox, clock: Clock) -> TrafficAccount:
    """The account of the state file, under the budgets of the settings.

    Raises:
        StateError: the state cannot be read.
    """
    day, month = limits(settings.budget)

    def store(record: TrafficRecord) -> None:
        outbox.write_notes(**{NOTE: msgspec.to_builtins(record)})

    longest = LONGEST_CONNECTION_TIMEOUTS * settings.measure.timeout
    return TrafficAccount(day, month, clock.now, record=read_record(outbox.notes()), store=store, longest=longest)


def read_record(notes: dict[str, object]) -> TrafficRecord | None:
    """The record among the notes of a state file; None where there is none that can be read."""
    try:
        return msgspec.convert(notes[NOTE], TrafficRecord, strict=False) if NOTE in notes else None
    except msgspec.ValidationError:
        return None


def ahead(before: WireTraffic, after: WireTraffic) -> WireTraffic:
    """What to write down as granted for the next round, by what this one cost."""
    cost = after.minus(before)
    return WireTraffic(*(int(AHEAD * one) for one in cost))


def allowance(account: TrafficAccount, interval: float, now: datetime) -> Cost | None:
    """What a round that starts now may cost: an even share of what is left of the day and of the month; None: no limit.

    What rounds do not use is left for the later ones.
    """
    if not account.is_limited:
        return None
    midnight = datetime(now.year, now.month, now.day, tzinfo=UTC) + timedelta(days=1)
    first = (midnight.replace(day=1) if midnight.day == 1 else (midnight.replace(day=1) + timedelta(days=32))).replace(
        day=1
    )
    shares = [inf, inf, inf]
    for period, limit, end in zip(account.left(), account.limits, (midnight, first), strict=True):
        rounds = max(1.0, (end - now).total_seconds() / interval)
        for number, most in enumerate(limit):
            if most:
                shares[number] = min(shares[number], period[number] / rounds)
    connections, packets, octets = shares
    return Cost(packets, octets, connections)


class PeriodUse(msgspec.Struct, frozen=True):
    """What a period has cost so far, and its budget; 0 in the budget stands for none.

    Attributes:
        period: `day` or `month`.
    """

    period: str
    used: WireTraffic
    budget: WireTraffic


def use_of(record: TrafficRecord, chosen: BudgetSettings, now: datetime) -> tuple[PeriodUse, PeriodUse]:
    """What today and this month have cost so far.

    Args:
        record: as it was written last; what it says of an earlier day counts for nothing.
        chosen: the budgets.
        now: the date and time.
    """
    label = f"{now.astimezone(UTC):%Y-%m-%d}"
    day, month = limits(chosen)
    today = record.day_used if record.day >= label else WireTraffic()
    this_month = record.month_used if record.month >= label[:7] else WireTraffic()
    return PeriodUse("day", today, day), PeriodUse("month", this_month, month)


def said_use(one: PeriodUse) -> str:
    """`3.1 of 20.0 MB, 1,200 packets, 90 connections`."""
    numbers = one.used.octets / 1e6, one.used.packets, one.used.connections
    budgets = one.budget.octets / 1e6, one.budget.packets, one.budget.connections
    said = []
    for number, most, form, word in zip(
        numbers, budgets, (",.1f", ",d", ",d"), ("MB", "packets", "connections"), strict=True
    ):
        said.append(f"{number:{form}}{f' of {most:{form}}' if most else ''} {word}")
    return ", ".join(said)


def said_budgets(settings: Settings, cost: Cost) -> Iterator[str]:
    """Lines for `--dry-run`: what a day is expected to cost, against the budgets."""
    day, month = limits(settings.budget)
    for name, days, budget in (("day", 1, day), ("month", 30, month)):
        if not any(budget):
            continue
        whole = cost.times(days)
        estimate = WireTraffic(int(whole.connections), int(whole.packets), int(whole.octets))
        shares = [one / most for one, most in zip(estimate, budget, strict=True) if most]
        rest = f"about {100 / max(shares):.0f} % of the looks fit" if max(shares) > 1 else "all of it fits"
        said = said_use(PeriodUse(name, estimate, budget))
        yield f"budget\ta {name}\twith a margin of a half, {said}: {rest}"
