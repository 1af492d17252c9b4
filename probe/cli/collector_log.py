"""`probe collector log`, `follow`, `unfollow`, `following`: the transparency log, and those of other collectors."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from probe.cli import examples, printable
from probe.cli.collector_database import DB, in_database, now_of
from probe.collector.log import recovery
from probe.collector.log.checkpoint_memory import memory_file_of
from probe.collector.log.export import export_log
from probe.collector.log.following import FORKED, STOPPED, add_followed, begin_following
from probe.collector.log.log_client import LogClient, log_session
from probe.collector.log.own_log import stored_key
from probe.collector.store import Store, StoreSession, log_tables
from probe.collector.store.database_url import open_store
from probe.collector.store.log_tables import LogHead
from probe.errors import ExitStatus, UsageError
from probe.formats.signed_note import parse_key


@click.group(
    "log", epilog=examples("probe collector log key --db c.sqlite", "probe collector log export --db c.sqlite DIR")
)
def log() -> None:
    """Show the key of the transparency log, write the log as files, mend it after a restore."""


@log.command(epilog=examples("probe collector log key --db c.sqlite"))
@DB
def key(db: str) -> None:
    """Print the public key of this collector's log, under which others verify and follow it.

    The collector makes it when it first starts. Publish it where the collector's address is published, so that nobody
    has to take it from the collector itself.
    """
    known = in_database(db, stored_key)
    if known is None:
        raise UsageError("the log has not begun", where=db, mend="start the collector with `probe collector serve`")
    click.echo(str(known))


@log.command(epilog=examples("probe collector log export --db c.sqlite /var/www/log"))
@DB
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
def export(db: str, folder: Path) -> None:
    """Write the log to FOLDER as static files, which any web server can serve, and any copy can prove.

    Only what is new is written, the checkpoint last. A folder whose checkpoint is ahead of the database, or contradicts
    it, is refused: the database was restored from an older backup.
    """

    async def run() -> tuple[int, int]:
        store = open_store(db, create=False)
        try:
            return await export_log(store, folder)
        finally:
            await store.close()

    size, written = asyncio.run(run())
    click.echo(f"{folder}: {size} entries, {written} files written")


@log.command(epilog=examples("probe collector log recover --db c.sqlite https://friend.example/following/0123abcd/log"))
@DB
@click.argument("source", metavar="FOLDER|URL", required=False)
@click.option("--begin-anew", is_flag=True, help="There is no copy: begin the log anew under another key.")
def recover(db: str, source: str | None, begin_anew: bool) -> None:
    """Mend the log after a backup was restored that is older than what was published.

    Takes the missing entries from a copy of the log: the folder that `probe collector log export` wrote, or the copy of
    a follower. They are verified against this log's own signature, and their events come back as well. With
    --begin-anew every follower has to be told the new key; stop the collector first.
    """
    if begin_anew == (source is not None):
        raise UsageError("a copy of the log, or --begin-anew, is needed", mend="see docs/operations.md")

    async def run() -> str:
        store = open_store(db, create=False)
        try:
            if source is None:
                await recovery.begin_anew(store, memory_file_of(db))
                return "The log begins anew under another key at the next start of the collector."
            before, after = await _recovered(store, source, db)
            return f"The log had {before} entries, and has {after}."
        finally:
            await store.close()

    click.echo(asyncio.run(run()))


async def _recovered(store: Store, source: str, db: str) -> tuple[int, int]:
    if "://" not in source:
        return await recovery.recover(store, recovery.FolderCopy(Path(source)), memory_file_of(db))
    async with log_session() as http:
        return await recovery.recover(store, LogClient(http, source), memory_file_of(db))


@click.command(epilog=examples("probe collector follow --db c.sqlite https://other.example --key other.example/log+…"))
@DB
@click.argument("url")
@click.option("--key", "text", metavar="KEY", help="Key of its log, got from elsewhere; without it, the one it names.")
def follow(db: str, url: str, text: str | None) -> None:
    """Follow the log of the collector at URL: its events are shown here with their source.

    Each entry is verified and copied; the copy stays if that collector is lost. A serving collector begins within
    seconds. What it reports counts in no status here.
    """
    now = now_of()
    known = None if text is None else parse_key(text)

    async def begin() -> LogHead:
        async with log_session() as http:
            return await begin_following(http, url, known, now)

    new = asyncio.run(begin())
    stored = in_database(db, lambda session: add_followed(session, new))
    click.echo(printable(f"{stored.source}: following {stored.origin} under the key {stored.vkey}"))
    if text is None:
        click.echo("The key came from that address: compare it with one that its operator gives elsewhere.")


@click.command(epilog=examples("probe collector unfollow --db c.sqlite 0123abcd"))
@DB
@click.argument("source")
@click.option("--erase", is_flag=True, help="Delete the copy of its log as well.")
def unfollow(db: str, source: str, erase: bool) -> None:
    """Stop following a collector, named as `probe collector following` names it. Its events and proofs stay."""

    def stop(session: StoreSession) -> bool:
        found = log_tables.head_of(session, source)
        if found is None:
            return False
        if erase:
            log_tables.remove(session, found.no)
        else:
            log_tables.set_state(session, found.no, STOPPED)
        return True

    if not in_database(db, stop):
        raise UsageError(f"no collector {source!r} is followed", where=db, mend="see `probe collector following`")


@click.command(epilog=examples("probe collector following --db c.sqlite"))
@DB
def following(db: str) -> int:
    """List the collectors that this one follows. Exit status 1: something is wrong with one, and it is said."""
    found = in_database(db, log_tables.followed)
    for each in found:
        said = each.problem or ("verified" if each.checkpoint else "not read yet")
        click.echo(
            printable(f"{each.source}  {each.state:8}  {each.size:8} entries  {each.origin}  {each.url}  {said}")
        )
    wrong = any(each.problem or each.state == FORKED for each in found)
    return ExitStatus.NOT_ALL_WELL if wrong else ExitStatus.OK
