"""`probe verify`: check that a collector's transparency log has an event, or that the log has only grown."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import click

from probe.cli import examples, printable
from probe.collector.log import verification
from probe.errors import ExitStatus, ListError, RecordError, StorageError, UsageError
from probe.formats.checkpoint import open_checkpoint
from probe.formats.signed_note import ED25519, MAX_NOTE_BYTES, NoteKey, parse_key
from probe.formats.tlog_proof import MAX_PROOF_BYTES, parse_proof

MAX_KEY_FILE_BYTES = 4096


@click.command(
    "verify",
    epilog=examples(
        "probe verify https://collector.example/e/0123456789abcdef",
        "probe verify event.tlog-proof --key collector.example/log+1a2b3c4d+AQ…",
        "probe verify --log https://collector.example --since kept.checkpoint --save kept.checkpoint",
    ),
)
@click.argument("event", required=False)
@click.option("--proof", type=click.Path(path_type=Path), metavar="FILE", help="The proof of the event in EVENT.")
@click.option("--key", metavar="KEY", help="Key of the log, or a file that has it; got from elsewhere than the log.")
@click.option(
    "--witness", "witnesses", multiple=True, metavar="KEY", help="A witness that must have signed; repeatable."
)
@click.option("--log", metavar="URL", help="Verify the log of the collector at URL instead of an event.")
@click.option(
    "--since", type=click.Path(path_type=Path), metavar="FILE", help="With --log: a checkpoint that you kept."
)
@click.option(
    "--save",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write what was verified: the proof, or the checkpoint.",
)
def command(  # noqa: PLR0917 - what a command line gives
    event: str | None,
    proof: Path | None,
    key: str | None,
    witnesses: tuple[str, ...],
    log: str | None,
    since: Path | None,
    save: Path | None,
) -> int:
    """Check that the transparency log of a collector has EVENT, and say in plain words what that proves.

    EVENT is the address of an event's page, a proof that was downloaded from it, or an event as JSON with --proof. With
    a file and --key nothing is contacted. --log checks that a log has only grown since the checkpoint that you kept.

    Exit status: 0 it is proven; 1 it is not, and the reason is printed; 2 wrong usage or unreadable input.
    """
    if (event is None) == (log is None):
        raise UsageError("one of EVENT and --log is needed", mend="see `probe verify --help`")
    if log is None and since is not None:
        raise UsageError("--since is of --log", mend="name the log")
    known = None if key is None else _key(key)
    seen_by = [_witness(each) for each in witnesses]
    try:
        if log is not None:
            lines = asyncio.run(_verify_log(log, known, seen_by, since, save))
        else:
            lines = _verify_event(event or "", proof, known, seen_by, save)
    except RecordError as error:
        click.echo(printable(f"NOT proven: {error}"), err=True)
        return ExitStatus.NOT_ALL_WELL
    for line in lines:
        click.echo(printable(line))
    return ExitStatus.OK


def _verify_event(
    event: str, proof: Path | None, key: NoteKey | None, witnesses: Sequence[NoteKey], save: Path | None
) -> list[str]:
    """Verify an event by its address or file; the lines to print."""
    if "://" in event:
        if proof is not None:
            raise UsageError("--proof is of an event in a file", mend="give the file, or the address alone")
        return asyncio.run(_verify_address(event, key, witnesses, save))
    if key is None:
        raise UsageError(
            "a file is verified with the key of the log", where="--key", mend="`/log/key` of the collector shows it"
        )
    body, shown = _read(Path(event), verification.MAX_EVENT_BYTES), b""
    if not verification.is_proof(body):
        if proof is None:
            raise UsageError("is an event: its proof is needed too", where=event, mend="give --proof FILE")
        body, shown = _read(proof, MAX_PROOF_BYTES), body
    try:
        parsed = parse_proof(body)
    except RecordError as error:
        raise ListError(str(error), where=str(proof or event)) from error
    return verification.explanation(verification.prove(parsed, key, witnesses, shown), key, fetched_key=False)


async def _verify_address(url: str, key: NoteKey | None, witnesses: Sequence[NoteKey], save: Path | None) -> list[str]:
    from probe.collector.log.log_client import LogClient, fetch, log_session  # noqa: PLC0415 - a file needs no network

    address = verification.event_address(url)
    async with log_session() as http:
        known = key or await LogClient(http, address.log).key()
        body = await fetch(http, address.proof, MAX_PROOF_BYTES)
        shown = await fetch(http, address.event, verification.MAX_EVENT_BYTES)
    found = verification.prove(parse_proof(body), known, witnesses, shown)
    _save(save, body)
    return verification.explanation(found, known, fetched_key=key is None)


async def _verify_log(
    url: str, key: NoteKey | None, witnesses: Sequence[NoteKey], since: Path | None, save: Path | None
) -> list[str]:
    """Verify that a log has only grown; the lines to print."""
    from probe.collector.log.log_client import LogClient, log_session  # noqa: PLC0415 - see `_verify_address`

    note = None if since is None else _read(since, MAX_NOTE_BYTES)
    async with log_session() as http:
        client = LogClient(http, url)
        known = key or await client.key()
        before = None if note is None else (note, open_checkpoint(note, known))
        found = await client.checkpoint(known, witnesses)
        if before is not None:
            await client.check_growth(before, found)
    _save(save, found[0])
    new = found[1]
    unsigned = {each.name for each in witnesses} - {each.key.name for each in new.witnesses}
    if unsigned:
        raise RecordError(f"the checkpoint is not signed by the witness {min(unsigned)}")
    lines = [f"The log {new.origin} has {new.size} entries, signed with the key {known}"]
    if before is not None:
        lines.append(f"It begins with the {before[1].size} of the checkpoint you kept: none was changed or removed.")
    else:
        lines.append("Keep this checkpoint (--save FILE): a later one can be compared with it (--since FILE).")
    if key is None and before is None:
        lines.append("The key came from the same address: compare it with one from elsewhere.")
    return lines


def _key(text: str) -> NoteKey:
    """The key of a log in an argument or in the file that it names."""
    path = Path(text)
    found = parse_key(_read(path, MAX_KEY_FILE_BYTES).decode(errors="replace") if path.is_file() else text)
    if found.kind != ED25519:
        raise UsageError("is the key of a witness", where="--key", mend="give it as --witness")
    return found


def _witness(text: str) -> NoteKey:
    found = parse_key(text)
    if found.kind == ED25519:
        raise UsageError("is the key of a log", where="--witness", mend="give it as --key")
    return found


def _read(path: Path, limit: int) -> bytes:
    try:
        with path.open("rb") as file:
            body = file.read(limit + 1)
    except OSError as error:
        raise ListError(f"cannot be read: {error.strerror}", where=str(path)) from error
    if len(body) > limit:
        raise ListError(f"has more than {limit} bytes", where=str(path))
    return body


def _save(path: Path | None, body: bytes) -> None:
    if path is None:
        return
    draft = path.with_name(f"{path.name}.new")
    try:
        draft.write_bytes(body)
        draft.replace(path)
    except OSError as error:
        raise StorageError(f"cannot be written: {error.strerror}", where=str(path)) from error
