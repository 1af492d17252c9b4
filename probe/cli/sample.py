"""`probe targets sample`: print the addresses of a range or an AS that would be measured. Contacts nobody."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from probe.cli import examples
from probe.errors import SettingsError, UsageError
from probe.model.target import RangeTarget, TcpTarget, parse

if TYPE_CHECKING:
    from probe.lists.prefixes.prefix_table import PrefixTable
    from probe.plan import PlanContext


@click.command(
    "sample",
    epilog=examples(
        "probe targets sample 203.0.113.0/24",
        "probe targets sample AS132203 --prefixes ip2asn.tsv | probe check --targets -",
    ),
)
@click.argument("text", metavar="RANGE|ASN")
@click.option(
    "--sample",
    "count",
    type=click.IntRange(3, 1024),
    default=16,
    show_default=True,
    help="Number of addresses, like [measure] range_sample.",
)
@click.option("--week", metavar="YYYYWW", type=int, help="ISO week of the sample; by default the current one.")
@click.option(
    "--control", type=click.Path(path_type=Path), metavar="FILE", help="Verdicts of a control, whose hits come first."
)
@click.option(
    "--prefixes",
    type=click.Path(path_type=Path),
    metavar="FILE",
    multiple=True,
    help="Table of announced prefixes, in any format of `probe targets import`; repeatable.",
)
def sample(*, text: str, count: int, week: int | None, control: Path | None, prefixes: Sequence[Path]) -> None:
    """Print the addresses of RANGE with which a measurement would begin, as targets. None is contacted.

    Addresses that answered at the control come first. Where fewer than three did, one is drawn from each part of the
    range; control and vantages draw the same ones, other ones each week. With --prefixes, prefixes that other ASes
    announce inside RANGE are left out, and RANGE may be an AS (AS132203, AS132203:8080): each of its prefixes follows a
    comment with its name and its owners.
    """
    from probe.agent.as_ranges import load_prefix_table  # noqa: PLC0415
    from probe.agent.control_facts import read_control_file  # noqa: PLC0415 - other commands need neither
    from probe.plan import PlanContext  # noqa: PLC0415

    facts = None if control is None else read_control_file(control)
    table = load_prefix_table(prefixes) if prefixes else None
    today = datetime.now(UTC).isocalendar()
    seed = week or today.year * 100 + today.week
    numbered = bool(re.match(r"(?i)AS\d", text))
    for target, excluded, owners in _of_as(text, table) if numbered else [_one(text, table)]:
        if table is not None:
            click.echo(f"# {target}  {owners}".rstrip())
        known = None if facts is None else facts.get(str(target))
        _print(target, PlanContext(control=known, sample=count, seed=seed, excluded_prefixes=excluded))


def _print(target: RangeTarget, context: PlanContext) -> None:
    from probe.plan.range import first_addresses  # noqa: PLC0415 - as above

    for address in sorted(first_addresses(target, context), key=lambda found: int(ipaddress.ip_address(found))):
        click.echo(TcpTarget(address, target.port))


def _one(text: str, table: PrefixTable | None) -> tuple[RangeTarget, tuple[str, ...], str]:
    target = parse(text)
    if not isinstance(target, RangeTarget):
        raise UsageError(f"{text!r} is no range", mend="write a prefix: 203.0.113.0/24 or 203.0.113.0/24:5222")
    if table is None:
        return target, (), ""
    from probe.lists.prefixes.expand import more_specifics_of  # noqa: PLC0415 - as above

    own = table.longest_match(target.network)
    inside = table.foreign_more_specifics([target.network])
    excluded = more_specifics_of([target.network, *inside]).get(target.network, ())
    return target, excluded, _named(own[1]) if own is not None else "announced by nobody in these tables"


def _of_as(text: str, table: PrefixTable | None) -> list[tuple[RangeTarget, tuple[str, ...], str]]:
    from probe.agent.as_ranges import parse_asn_and_port  # noqa: PLC0415 - as above
    from probe.lists.prefixes.expand import expand  # noqa: PLC0415

    if table is None:
        raise UsageError(f"who announces what as {text}?", mend="give a table with --prefixes")
    asn, port = parse_asn_and_port(text)
    parts = expand([asn], table)
    if not parts:
        raise SettingsError(f"no prefix of {text} in these tables", mend="give another with --prefixes")
    return [(RangeTarget(part.network, port), part.excluded_prefixes, _named(part.asns)) for part in parts]


def _named(asns: Sequence[int]) -> str:
    return " ".join(f"AS{asn}" for asn in asns)
