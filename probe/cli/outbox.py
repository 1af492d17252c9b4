"""`probe outbox`: what waits to be sent, and the way to the collector by a file where there is no network to it."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import msgspec

from probe.agent import outbox_transfer
from probe.agent.collector_client import CollectorClient
from probe.agent.enrolment import origin_of
from probe.agent.further_collectors import folder_of
from probe.agent.identity import read_enrolment, write_private_file
from probe.agent.outbox import OutboxEntry
from probe.agent.outbox_transfer import ForwardResult
from probe.cli import examples, printable, say
from probe.cli.status import moment_text
from probe.errors import ExitStatus, ListError, UsageError
from probe.formats import outbox_file
from probe.formats.outbox_file import SignedBatch
from probe.settings import Settings, load
from probe.settings.paths import state_folder

COLLECTOR = click.option("--collector", metavar="URL", help="One of the further collectors in place of the first.")
CONFIG = click.option("--config", type=click.Path(path_type=Path), metavar="FILE", help="Settings file to read.")
ALL = click.option("--all", "everything", is_flag=True, help="Also what the collector has, as far as it is kept.")
MAX_REFUSALS_SHOWN = 20


@click.group(
    name="outbox",
    epilog=examples("probe outbox list", "probe outbox export stick/reports", "probe outbox import stick/reports"),
)
def command() -> None:
    """Show the reports that wait, and carry them to the collector in a file where it cannot be reached."""


@command.command("list", epilog=examples("probe outbox list", "probe outbox list --all --json"))
@ALL
@click.option("--json", "as_json", is_flag=True, help="Print JSON Lines.")
@COLLECTOR
@CONFIG
def list_(*, everything: bool, as_json: bool, collector: str | None, config: Path | None) -> int:
    """Print the reports that wait, the oldest first: when each was made, how large it is, what is in it."""
    found = outbox_transfer.entries(_folder(load(config, os.environ), collector), acknowledged=everything)
    for entry in found:
        line = msgspec.json.encode(_record(entry)).decode() if as_json else printable(_line(entry))
        sys.stdout.write(line + "\n")
    if not found and not as_json:
        sys.stdout.write("nothing waits\n")
    return ExitStatus.OK


@command.command("export", epilog=examples("probe outbox export stick/reports", "probe outbox export - | ssh host …"))
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True))
@ALL
@COLLECTOR
@CONFIG
def export(file: Path, *, everything: bool, collector: str | None, config: Path | None) -> int:
    """Write the reports that wait to FILE (- for standard output), signed, for somebody to carry to the collector.

    The file holds what would be sent, and neither a key nor an address. It shows that an agent has been at work here:
    keep that in mind on the way. Nothing is marked as sent: once the collector can be reached, it is offered the same
    reports and says that it has them.
    """
    folder, written = _folder(load(config, os.environ), collector), [0]

    def counted() -> Iterator[SignedBatch]:
        for batch in outbox_transfer.signed_batches(folder, acknowledged=everything):
            written[0] += 1
            yield batch

    content = b"".join(outbox_file.write(counted()))
    if str(file) == "-":
        sys.stdout.buffer.write(content)
    else:
        write_private_file(file, content)
        sys.stdout.write(f"{file}: {written[0]} reports\n")
    return ExitStatus.OK


@command.command("import", epilog=examples("probe outbox import stick/reports"))
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True))
@CONFIG
def import_(file: Path, config: Path | None) -> int:
    """Forward the reports in FILE, which another agent has exported, to this agent's collector.

    They stay that agent's: its signature is on them, and this host can neither read a key from them nor change them.
    Forwarding a file again changes nothing. Exit status 1: a report was refused, or the collector does not answer.
    """
    settings = load(config, os.environ)
    enrolment = read_enrolment(_folder(settings))
    urls = settings.agent.collectors or (() if enrolment is None else (enrolment.origin,))
    if not urls:
        raise UsageError("no collector to forward to", mend="give [agent] collectors, or run probe enrol")
    try:
        with click.open_file(str(file), "rb") as stream:
            result = asyncio.run(_forward(settings, urls, outbox_file.read(stream, str(file))))
    except OSError as error:
        raise ListError(f"cannot be read: {error.strerror}", where=str(file)) from error
    sys.stdout.write(f"{file}: the collector has {result.taken} reports; {len(result.refused)} refused\n")
    for line in result.refused[:MAX_REFUSALS_SHOWN]:
        say(line)
    if result.problem:
        say(f"{result.problem}; forward the file again later")
    return ExitStatus.NOT_ALL_WELL if result.refused or result.problem else ExitStatus.OK


async def _forward(settings: Settings, urls: tuple[str, ...], batches: Iterator[SignedBatch]) -> ForwardResult:
    chosen = settings.agent
    async with CollectorClient(urls, ca_file=chosen.ca_file, timeout=chosen.uplink_timeout) as client:
        return await outbox_transfer.forward(client, origin_of(urls[0]), batches)


def _folder(settings: Settings, collector: str | None = None) -> Path:
    """The folder whose outbox is meant: the agent's own, or that of a further collector."""
    folder = state_folder(settings.agent.state, os.environ)
    if collector is None:
        return folder
    further = [origin_of(url) for url in settings.agent.further_collectors]
    if origin_of(collector) not in further:
        known = ", ".join(further) or "none"
        raise UsageError(f"{collector} is no further collector (known: {known})", mend="see [agent] further_collectors")
    return folder_of(folder, origin_of(collector))


def _record(entry: OutboxEntry) -> dict[str, Any]:
    batch = entry.batch
    return {
        "seq": batch.seq,
        "made": batch.sent,
        "bytes": entry.bytes,
        "sent": entry.acknowledged,
        "rounds": len(batch.rounds),
        "changes": [change.transition.target for change in batch.changes],
        "statuses": len(batch.settled),
        "control": len(batch.control),
    }


def _line(entry: OutboxEntry) -> str:
    batch = entry.batch
    parts = [f"{len(batch.rounds)} rounds"] if batch.rounds else []
    transitions = (change.transition for change in batch.changes)
    parts += [f"{one.target} {one.before} -> {one.after}" for one in transitions]
    parts += [f"{len(batch.settled)} statuses"] if batch.settled else []
    parts += [f"{len(batch.control)} verdicts of a control"] if batch.control else []
    sent = "sent" if entry.acknowledged else "waits"
    return f"{batch.seq:>6}  {moment_text(batch.sent)}  {entry.bytes:>7} B  {sent}  {'; '.join(parts) or 'empty'}"
