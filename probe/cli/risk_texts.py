"""What a volunteer is told before anything is contacted: contacts, who sees them, risk, cost, data, and how to stop."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from probe.agent.cost import NO_COST, daily_costs
from probe.agent.watchlist import Watchlist
from probe.cli.first_use import operators
from probe.cli.localisation import translate as _
from probe.settings import Settings

DAYS_A_MONTH = 30
MAX_EXAMPLES = 4


class DayTotal(NamedTuple):
    """Traffic of a day of watching.

    Attributes:
        megabytes: in both directions.
        connections: begun.
    """

    megabytes: float
    connections: float

    @property
    def gigabytes_a_month(self) -> float:
        """Traffic of thirty days."""
        return self.megabytes * DAYS_A_MONTH / 1000


def day_total(settings: Settings, watched: Watchlist) -> DayTotal:
    """The estimate of `probe run --dry-run`, summed."""
    total = NO_COST
    for item in daily_costs(settings, watched):
        total = total.plus(item.cost)
    return DayTotal(total.octets / 1e6, total.connections)


def explanation(settings: Settings, watched: Watchlist, titles: Sequence[str], folder: Path) -> Iterator[str]:
    """The paragraphs, each with its heading.

    Args:
        settings: as they would be.
        watched: the targets that they choose.
        titles: of the services among them.
        folder: of the agent's state.
    """
    yield _(
        "probe watches from your line whether services are reachable, and tells when\n"
        "a network blocks one and when the block ends. Nothing has been contacted yet,\n"
        "and nothing will be before you agree. At each question, ? explains and q stops\n"
        "without a change."
    )
    yield from _contacts(settings, watched, titles)
    yield _(
        "The risk\n"
        "  In some countries it can harm you to contact such services, or to have such a\n"
        "  program. If you are at risk, do not run it on a line in your name: docs/volunteers.md"
    )
    yield cost_text(day_total(settings, watched))
    yield _(
        "What is kept and sent\n"
        "  Kept on this computer, in {folder}: a key, the state of each\n"
        "  target, reports that wait to be sent.\n"
        "  Sent to the collector that you name, to nobody if you name none: the verdicts\n"
        "  with their evidence, the number of your network and its country. The collector\n"
        "  publishes them. Addresses of yours are neither kept nor sent."
    ).format(folder=folder)
    yield _(
        "How to stop\n"
        "  `probe pause` lets it rest. For good: Ctrl-C, or end the service or take out the\n"
        "  cron line that you choose below; then `probe forget` erases what is kept, on this\n"
        "  computer and at the collector."
    )


def _contacts(settings: Settings, watched: Watchlist, titles: Sequence[str]) -> Iterator[str]:
    """What is contacted, and who can see it."""
    yield _(
        "What is contacted\n"
        "  Every {minutes:g} minutes, day and night, {targets} targets of services that networks\n"
        "  block: {examples}; by name and by address. Beside them\n"
        "  well-known sites, to see whether your own line works. `probe run --dry-run`\n"
        "  lists them all, and contacts none."
    ).format(minutes=settings.agent.interval / 60, targets=len(watched.targets), examples=_shortened(titles))
    seen = _(
        "Who can see that\n"
        "  Your provider, and whoever it answers to: the names, the addresses, the times,\n"
        "  and that a machine repeats them. Nothing hides it.\n"
        "  The services see a visitor from your address."
    )
    asked = _(
        "  {operators} are asked, encrypted, for every name,\n  to compare the answers of your network with theirs."
    )
    resolvers = settings.measure.trusted_resolvers
    yield f"{seen}\n{asked.format(operators=operators(resolvers))}" if resolvers else seen


def cost_text(total: DayTotal) -> str:
    """What watching costs a day and a month."""
    return _(
        "What it costs\n"
        "  About {megabytes:.0f} MB and {connections:.0f} connections a day, {gigabytes:.1f} GB a month.\n"
        "  This is an estimate; heavy pages make it more."
    ).format(megabytes=total.megabytes, connections=total.connections, gigabytes=total.gigabytes_a_month)


def _shortened(titles: Sequence[str]) -> str:
    """The first titles, and how many there are beside them."""
    if not titles:
        return "-"
    more = len(titles) - MAX_EXAMPLES
    return ", ".join(titles[:MAX_EXAMPLES]) + (f" +{more}" if more > 0 else "")
