"""The control beside a collector (`probe collector serve --control`): consent, what it would contact, its start.

Only commands may know the agent and the collector at once, so the two are put together here.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from random import SystemRandom
from typing import TYPE_CHECKING

from probe.errors import UsageError
from probe.model.event import Network
from probe.settings import Settings, load

if TYPE_CHECKING:
    from probe.clock import Clock
    from probe.collector.server import Companion
    from probe.collector.state import Collector

TASK = "control"
"""The control's name among the collector's background tasks."""
RISKS = """\
The control contacts the same services as the agents, by name and by address, every few minutes, from this host. Whoever
runs or watches its line can see that. It belongs on a host where nobody interferes with these services: what fails here
is taken for dead, and a filter in front of this host would hide a block from everybody.

  probe collector serve --control --dry-run        prints every name and address it would contact, and contacts none
  consent = true                                   under [agent] in the settings file: you know, and you let it
  probe collector serve --control --accept-risks   the same for this run alone
"""


def control_settings(config: Path | None) -> Settings:
    """The settings of the control: those of an agent, with role `control`.

    Raises:
        UsageError: the settings are wrong.
    """
    return load(config, os.environ, {"agent.role": "control"})


def demand_consent(settings: Settings, *, accept_risks: bool) -> None:
    """Return if the operator has agreed to what the control does; print the risks first where not.

    Raises:
        UsageError: there is no consent.
    """
    if not (settings.agent.consent or accept_risks):
        sys.stderr.write(RISKS)
        raise UsageError("no consent", where=settings.source, mend="read the above first")


def print_contacts(settings: Settings) -> None:
    """Print what the control would contact and what a day of it costs.

    Raises:
        UsageError: the targets of the settings cannot be read.
    """
    from probe.agent import watchlist  # noqa: PLC0415 - see `companion`
    from probe.cli.run import listing_lines  # noqa: PLC0415

    for line in listing_lines(settings, watchlist.load(settings), ()):
        sys.stdout.write(line + "\n")


def state_folder_of(db: Path) -> Path:
    """The folder of the control's state: beside the database, since both belong to one collector."""
    return db.with_name(f"{db.name}.control")


def companion(settings: Settings, db: Path, clock: Clock) -> Companion:
    """What runs the control beside a collector.

    Args:
        settings: of the control.
        db: the collector's database.
        clock: the collector's.
    """
    from probe.agent import control_rounds  # noqa: PLC0415 - a collector without --control needs none of it
    from probe.agent.agent import AgentContext  # noqa: PLC0415
    from probe.collector.own_control import own_control  # noqa: PLC0415

    @contextlib.asynccontextmanager
    async def beside(collector: Collector) -> AsyncIterator[None]:
        network = Network(asn=settings.network.asn, country=settings.network.country)
        intake = await own_control(collector, network)
        context = AgentContext(folder=state_folder_of(db), clock=clock, random=SystemRandom(), stopping=asyncio.Event())
        async with (
            control_rounds.opened(settings, context, intake) as one_round,
            collector.supervisor.supervise(TASK, one_round, essential=False),
        ):
            yield

    return beside


def trusting(url: str) -> Companion:
    """What takes over the control of the collector at a URL, beside a collector."""
    from probe.collector.trusted_control import TrustedControl  # noqa: PLC0415 - few collectors trust another

    @contextlib.asynccontextmanager
    async def beside(collector: Collector) -> AsyncIterator[None]:
        trusted = TrustedControl(collector, url)
        name = f"control of {trusted.origin}"
        async with collector.supervisor.supervise(name, trusted.run_once, essential=False):
            yield

    return beside
