"""`probe collector migrate`, `backup`, `restore` and `move`: a collector's whole database, on either engine."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from pathlib import Path

import click

from probe.cli import examples
from probe.cli.collector_database import DB
from probe.collector.store.database_url import shown, sqlite_path
from probe.collector.store.transfer import CopiedTable, copy_database, prepare
from probe.errors import StorageError, UsageError

AGAIN = "Agents deliver again what came after this state, up to seven days back; those enrolled later need a new token."


@click.command(epilog=examples("probe collector migrate --db postgresql://probe@localhost/probe"))
@DB
def migrate(db: str) -> None:
    """Make the tables of a database, or bring them to this version; `serve` does the same when it starts.

    There is no way back to an older version: make a backup first.
    """
    asyncio.run(prepare(db, create=True))
    click.echo(f"{shown(db)}: has the tables of this version")


@click.command(epilog=examples("probe collector backup --db c.sqlite backup.sqlite"))
@DB
@click.argument("file", type=click.Path(path_type=Path))
def backup(db: str, file: Path) -> None:
    """Write a copy of the database to FILE, an SQLite file on either engine. The collector may be serving meanwhile.

    The copy is one state of the database, verified row by row. FILE must not exist; it has the collector's keys.
    """
    asyncio.run(prepare(db, create=False))
    print_copied(_copy_to_file(db, file), str(file))


@click.command(epilog=examples("probe collector restore --db c.sqlite backup.sqlite"))
@DB
@click.argument("file", type=click.Path(path_type=Path))
def restore(db: str, file: Path) -> None:
    """Make a database of FILE, a backup. The database must not be there, or be an empty one of PostgreSQL."""
    asyncio.run(prepare(str(file), create=False))
    _copy_to(str(file), db)


@click.command(epilog=examples("probe collector move --db c.sqlite postgresql://probe@localhost/probe"))
@DB
@click.argument("url", metavar="FILE|URL")
def move(db: str, url: str) -> None:
    """Copy the database to another one, of the same or the other engine: FILE|URL, which must be empty.

    Stop the collector first, or what it takes in meanwhile is missing until the agents deliver it again. Then serve the
    new database. The old one stays as it is.
    """
    asyncio.run(prepare(db, create=False))
    _copy_to(db, url)


COMMANDS = (migrate, backup, restore, move)


def print_copied(copied: list[CopiedTable], where: str) -> None:
    """Say what was copied, table by table."""
    for table in copied:
        if table.rows:
            click.echo(f"{table.name:<20} {table.rows:>12,} rows")
    click.echo(f"{where}: {sum(table.rows for table in copied):,} rows, as many as in the source, with equal content.")
    click.echo(AGAIN)


def _copy_to(source: str, target: str) -> None:
    path = sqlite_path(target)
    if path is not None:
        print_copied(_copy_to_file(source, path), str(path))
        return
    asyncio.run(prepare(target, create=True))
    print_copied(copy_database(source, target, _show_progress), shown(target))


def _copy_to_file(source: str, file: Path) -> list[CopiedTable]:
    """Copy to a file that is there under its name once it is complete.

    Raises:
        UsageError: there is such a file.
    """
    if file.exists():
        raise UsageError("is there already", where=str(file), mend="name another file")
    draft = file.with_name(f"{file.name}.{os.getpid()}.new")
    try:
        asyncio.run(prepare(str(draft), create=True))
        copied = copy_database(source, str(draft), _show_progress)
        draft.rename(file)
    except OSError as error:
        raise StorageError(f"cannot be written ({error.strerror})", where=str(file)) from error
    finally:
        for each in (draft, Path(f"{draft}-wal"), Path(f"{draft}-shm")):
            with contextlib.suppress(OSError):
                each.unlink()
    return copied


def _show_progress(table: str, rows: int) -> None:
    """Show on a terminal which table is being copied."""
    if sys.stderr.isatty():
        click.echo(f"\r{table:<20} {rows:>12,} rows", err=True, nl=False)
