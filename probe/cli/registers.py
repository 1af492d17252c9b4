"""`probe targets import`, `fetch` and `diff`: registers, tables of prefixes and test lists.

A register may contain entries that nobody may open or display. Its rows are counted and never shown; only the names of
chosen decisions and of known services are written anywhere.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from probe.cli import examples, say
from probe.cli.listfiles import AUTO, make_list, snapshot_of
from probe.errors import ListError, UsageError
from probe.settings import paths

if TYPE_CHECKING:
    from probe.lists.register_diff import RegisterChange, RegisterSnapshot
    from probe.lists.selection import Selection


def _choices(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of every command that reads a register: which entries to keep."""
    for flag, kind, meaning in (
        ("--category", str, "Keep this sensitive category of test lists: PORN, MILX, HATE, ALDR or GMB."),
        ("--decision", str, "Keep decisions whose number or authority contains this text, whatever their type."),
        ("--entry-type", int, "Types of the Russian register to keep, instead of 4 and 6; 0 for unknown."),
    ):
        function = click.option(flag, type=kind, multiple=True, help=meaning)(function)
    return function


@click.command(
    "import",
    epilog=examples(
        "probe targets import auto dump.csv -o list.csv --delete",
        "probe targets import pfx2as routeviews.gz -o prefixes.csv --asn 132203",
    ),
)
@click.argument("format_name", metavar="FORMAT")
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True))
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="The list to write (CSV).")
@_choices
@click.option("--asn", type=int, multiple=True, help="Keep only prefixes of this AS; repeatable.")
@click.option(
    "--delete", is_flag=True, help="Delete FILE after all of it was read: it may contain entries that nobody may keep."
)
def import_file(
    *,
    format_name: str,
    file: Path,
    output: Path,
    entry_type: Sequence[int],
    decision: Sequence[str],
    category: Sequence[str],
    asn: Sequence[int],
    delete: bool,
) -> None:
    """Make a list of targets from FILE, which has FORMAT (`auto`: recognised by its first bytes).

    Of a register, only host names of chosen decisions and of known services are kept, never a path. Prints the number
    of rows read, of targets written, and of rows set aside for each reason.
    """
    from probe.lists.formats import ItemKind  # noqa: PLC0415 - listing services needs no readers

    if file.resolve() == output.resolve():
        raise UsageError("the list would replace the file it is made of", where=str(file), mend="name another --output")
    chosen = selection(entry_type, decision, category)
    known = make_list(file, output, format_name, chosen, frozenset(asn))
    if str(file) == "-":
        return
    if delete:
        file.unlink()
    elif known.yields is ItemKind.REGISTER:
        say(f"{file} still holds the whole register: delete it, or say --delete next time")


@click.command(
    "fetch",
    epilog=examples("probe targets fetch ip2asn", "probe targets fetch zi --into lists --decision 10-Restricting"),
)
@click.argument("name")
@click.option(
    "--into",
    type=click.Path(path_type=Path),
    help="Folder for the lists; by default `lists` in the agent's state folder.",
)
@click.option("--again", is_flag=True, help="Download even if the last copy is still fresh.")
@_choices
def fetch(
    *,
    name: str,
    into: Path | None,
    again: bool,
    entry_type: Sequence[int],
    decision: Sequence[str],
    category: Sequence[str],
) -> None:
    """Download the list NAME of targets/registers.toml, and keep the chosen part of it.

    A list that has not changed is not downloaded again. The last good copy stays until a new one was read to its end.
    The raw file is deleted.
    """
    from probe.agent import downloads  # noqa: PLC0415 - only this command fetches
    from probe.clock import Clock  # noqa: PLC0415
    from probe.lists import shipped  # noqa: PLC0415
    from probe.settings.paths import state_folder  # noqa: PLC0415

    path = paths.shipped_folder() / "registers.toml"
    known = shipped.registers(path.read_bytes(), str(path))
    if name not in known:
        raise UsageError(f"{name!r} is no known register", mend="known are " + ", ".join(known))
    register, clock = known[name], Clock.parse(os.environ.get("PROBE_CLOCK", ""))
    folder = into or state_folder("", os.environ) / "lists"
    copy = downloads.read_record(folder, name)
    if copy is not None and not again and copy.is_fresh(clock.now(), register.every):
        click.echo(
            f"{name}: the copy of {copy.fetched:%Y-%m-%d %H:%M} UTC is fresh enough (--again fetches all the same)."
        )
        return
    chosen = selection(entry_type, decision, category)
    with downloads.temporary_raw_file(folder, name) as raw:
        fetched = asyncio.run(downloads.download(register, raw, copy, clock))
        if fetched is None:
            click.echo(f"{name}: has not changed.")
            return
        make_list(raw, folder / f"{name}.csv", register.format, chosen, max_bytes=register.max_bytes, source=name)
        downloads.write_record(folder, name, fetched.copy)
    click.echo(f"The list is {folder / name}.csv: name it under targets.files to watch it.")


@click.command(
    "diff",
    epilog=examples(
        "probe targets diff 2017-05-03.csv 2017-05-05.csv --json | probe collector register --db c.sqlite -"
    ),
)
@click.argument("old", type=click.Path(path_type=Path))
@click.argument("new", type=click.Path(path_type=Path))
@click.option(
    "--format", "format_name", default=AUTO, help="Format of both files; by default recognised by their first bytes."
)
@click.option("--json", "as_json", is_flag=True, help="Print every chosen change as a line of JSON.")
@click.option(
    "--any-size",
    is_flag=True,
    help="Accept NEW even if it lost a quarter of OLD's entries, and files that end within a line.",
)
@_choices
def diff(
    *,
    old: Path,
    new: Path,
    format_name: str,
    as_json: bool,
    any_size: bool,
    entry_type: Sequence[int],
    decision: Sequence[str],
    category: Sequence[str],
) -> None:
    """Print what was listed and delisted between two snapshots of a register.

    Changes of known services and of decisions given with --decision are shown; the others are counted.
    """
    import msgspec  # noqa: PLC0415 - see import_file

    from probe.lists.register_diff import diff_snapshots  # noqa: PLC0415
    from probe.lists.service import ServiceIndex  # noqa: PLC0415

    chosen = selection(entry_type, decision, category)
    owners = chosen.owners or ServiceIndex(())
    before = snapshot_of(old, format_name, chosen, any_end=any_size)
    after = snapshot_of(new, format_name, chosen, any_end=any_size)
    if not any_size:
        _refuse_cut(old, before, after)
        _refuse_cut(new, after, before)
    found = diff_snapshots(before, after, owners, any_size=any_size)
    hidden = 0
    for change in found:
        if as_json:
            sys.stdout.buffer.write(msgspec.json.encode(change) + b"\n")
        elif change.service or chosen.names(change.decision):
            click.echo(_line(change))
        else:
            hidden += 1
    if not as_json:
        click.echo(f"{len(found)} changes" + (f", {hidden} of them of no known service." if hidden else "."))


def _refuse_cut(file: Path, cut: RegisterSnapshot, whole: RegisterSnapshot) -> None:
    """Refuse a snapshot that ends within a line where the other one does not.

    Raises:
        ListError: it does.
    """
    if whole.ends_line and not cut.ends_line:
        raise ListError(
            "ends within a line, and the other snapshot does not",
            where=str(file),
            mend="the download may have been cut short; if it is right, say --any-size",
        )


def selection(entry_types: Sequence[int], decisions: Sequence[str], categories: Sequence[str]) -> Selection:
    """The selection that the options make; names of shipped services are always kept."""
    from probe.lists import catalogue  # noqa: PLC0415 - see import_file
    from probe.lists.selection import DEFAULT_TYPES, SENSITIVE, Selection  # noqa: PLC0415
    from probe.lists.service import ServiceIndex  # noqa: PLC0415

    unknown = sorted(set(map(str.upper, categories)) - SENSITIVE)
    if unknown:
        raise UsageError(f"{unknown[0]!r} is no sensitive category", mend="these are " + ", ".join(sorted(SENSITIVE)))
    if any(not part.strip() for part in decisions):
        raise UsageError("an empty --decision would choose all of them", mend="name a decision's number or authority")
    folder = paths.shipped_folder() / "services"
    services = catalogue.load({str(path): path.read_bytes() for path in sorted(folder.glob("*.toml"))})
    return Selection(
        entry_types=frozenset(entry_types) or DEFAULT_TYPES,
        decisions=tuple(decisions),
        categories=frozenset(map(str.upper, categories)),
        owners=ServiceIndex(services),
    )


def _line(change: RegisterChange) -> str:
    pages = " (single pages)" if change.pages_only else ""
    addresses = f" {len(change.addresses)} addresses" if change.addresses else ""
    before = f"{change.before:%Y-%m-%d %H:%M}" if change.before else "unknown time"
    owner = change.service or "-"
    return f"{before}  {change.kind:15}  {owner:20}  {change.subject}{pages}{addresses}  {change.decision.number}"
