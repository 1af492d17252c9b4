"""`probe targets`: the targets that can be watched, their sources, and the history of registers."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

import click

from probe.cli import examples, say
from probe.cli.registers import diff, fetch, import_file
from probe.cli.sample import sample
from probe.errors import ExitStatus, ListError, UsageError
from probe.lists import catalogue, lines, shipped, testlist
from probe.lists.lines import BadRow
from probe.lists.service import Service
from probe.settings import paths


@click.group(
    "targets",
    epilog=examples("probe targets list --default", "probe targets show wechat", "probe targets fetch ip2asn"),
)
def command() -> None:
    """List, show, validate, import and download targets, and compare registers."""


command.add_command(import_file)
command.add_command(fetch)
command.add_command(diff)
command.add_command(sample)


@command.command("list", epilog=examples("probe targets list --default"))
@click.option("--default", "only_default", is_flag=True, help="Only the services that are watched by default.")
def list_services(*, only_default: bool) -> None:
    """Print the shipped services with the number of their names, endpoints, ranges and targets."""
    services = [service for service in shipped_services() if service.default or not only_default]
    table: list[tuple[str, ...]] = [("service", "role", "risk", "default", "names", "endpoints", "ranges", "targets")]
    for service in services:
        kind = "gone" if service.gone else str(service.risk)
        default = "yes" if service.default else "no"
        table.append((service.name, service.role, kind, default, *map(str, _counts(service))))
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for row in table:
        cells = (
            cell.ljust(width) if at < 4 else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        click.echo("  ".join(cells).rstrip())
    names, endpoints, ranges, targets = (sum(column) for column in zip(*map(_counts, services), strict=True))
    watched = sum(len(service.targets()) for service in services if service.default)
    click.echo(
        f"\n{len(services)} services: {names} names, {endpoints} endpoints, {ranges} ranges, {targets} targets; "
        f"{watched} of them are watched by default."
    )


@command.command("show", epilog=examples("probe targets show wechat"))
@click.argument("name")
def show(*, name: str) -> None:
    """Print one service: its description, its targets, and the source of each fact."""
    service = next((service for service in shipped_services() if service.name == name), None)
    if service is None:
        raise UsageError(f"{name!r} is no shipped service", mend="see probe targets list")
    facts = [
        ("service", f"{service.title}, {service.operator}"),
        ("role", f"{service.role}; risk {service.risk}; category {service.category}"),
        ("default", "yes" if service.default else "no"),
        ("gone", service.gone),
        ("note", " ".join(service.note.split())),
        ("ports", " ".join(service.ports)),
        ("networks", " ".join([*(f"AS{asn}" for asn in service.asns), *service.ranges])),
        ("names", " ".join(service.names)),
        *(("target", target) for target in service.targets()),
    ]
    for source in service.sources:
        doubt = "" if source.verified else ", not verified"
        facts.append(("source", f"{source.fact}: {source.origin} ({source.checked}{doubt})"))
    for key, value in facts:
        if value:
            click.echo(f"{key:9}{value}")


@command.command("validate", epilog=examples("probe targets validate my-list.csv"))
@click.argument("given", metavar="[PATHS]...", nargs=-1, type=click.Path(path_type=Path))
def validate(*, given: Sequence[Path]) -> int:
    """Read service files, anchors, registers and lists, and print every error with file and line.

    PATHS are files or folders; the shipped ones when none is given. Exit status 2 when anything is wrong.
    """
    files = [file for path in given or [paths.shipped_folder()] for file in _files_of(path)]
    if not files:
        raise UsageError("nothing to validate", mend="name a folder with service files, or a list")
    errors = list(_errors_in(files))
    for error in errors:
        say(str(error))
    if errors:
        return ExitStatus.USAGE
    click.echo(f"{len(files)} files are right.")
    return ExitStatus.OK


def shipped_services() -> tuple[Service, ...]:
    """The services that ship with the program.

    Raises:
        ListError, SettingsError: the installation is damaged.
    """
    folder = paths.shipped_folder() / "services"
    return catalogue.load({str(path): path.read_bytes() for path in sorted(folder.glob("*.toml"))})


def _counts(service: Service) -> tuple[int, int, int, int]:
    return len(service.names), len(service.endpoints), len(service.ranges), len(service.targets())


def _files_of(path: Path) -> list[Path]:
    if os.path.isdir(path):  # noqa: PTH112 - `Path.is_dir` raises where the folder above may not be read
        return sorted(file for file in path.rglob("*") if file.suffix in {".toml", ".csv", ".txt", ".lst"})
    return [path]


def _errors_in(files: Sequence[Path]) -> Iterator[ListError]:
    services: dict[str, bytes] = {}
    for file in files:
        try:
            match file.name, file.suffix:
                case "anchors.toml", _:
                    shipped.anchors(file.read_bytes(), str(file))
                case "registers.toml", _:
                    shipped.registers(file.read_bytes(), str(file))
                case _, ".toml":
                    services[str(file)] = file.read_bytes()
                case _:
                    with file.open("rb") as stream:
                        yield from _bad_lines(stream, str(file))
        except OSError as error:
            yield ListError(f"cannot be read: {error.strerror}", where=str(file))
        except ListError as error:
            yield error
    yield from catalogue.check(services)[1]


def _bad_lines(stream: IO[bytes], name: str) -> Iterator[ListError]:
    is_empty = True
    for item in testlist.read(lines.lines_with_faults(stream, name), name):
        is_empty = False
        if isinstance(item, BadRow):
            yield ListError(item.what, where=f"{name}:{item.line}")
    if is_empty:
        yield ListError("has no target", where=name, mend="write one target a line")
