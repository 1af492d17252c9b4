"""`probe targets sample`: which addresses of a range would be looked at. Contacts nobody."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime
from pathlib import Path

import click

from probe.errors import UsageError
from probe.model.target import RangeTarget, TcpTarget, parse


@click.command("sample")
@click.argument("text", metavar="RANGE")
@click.option("--sample", "count", type=click.IntRange(3, 1024), default=16, show_default=True, help="As range_sample.")
@click.option("--week", metavar="YYYYWW", type=int, help="The ISO week whose sample is printed; this one by default.")
@click.option("--control", type=click.Path(path_type=Path), metavar="FILE", help="Whose answers come first.")
def sample(*, text: str, count: int, week: int | None, control: Path | None) -> None:
    """Print the addresses of RANGE that a measurement would begin with, as targets; none is contacted.

    Those that answered at control come first; where fewer than three did, one is drawn from each part of the range.
    Control and vantages draw alike, anew each week.
    """
    from probe.agent.control import from_file  # noqa: PLC0415 - listing services needs neither
    from probe.plan import Setup  # noqa: PLC0415
    from probe.plan.range import first_look  # noqa: PLC0415

    target = parse(text)
    if not isinstance(target, RangeTarget):
        raise UsageError(f"{text!r} is no range", mend="write a prefix: 203.0.113.0/24 or 203.0.113.0/24:5222")
    facts = None if control is None else from_file(control).get(text)
    today = datetime.now(UTC).isocalendar()
    seed = week or today.year * 100 + today.week
    setup = Setup(control=facts, sample=count, seed=seed)
    for address in sorted(first_look(target, setup), key=lambda found: int(ipaddress.ip_address(found))):
        click.echo(TcpTarget(address, target.port))
