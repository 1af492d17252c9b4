"""The pause of an agent: a file in the state folder that `probe pause` writes and the agent looks for.

A file reaches an agent of any user and system alike, where signals do not: on Windows, from cron, in a container. A
daemon looks every `POLL_SECONDS`; a pause ends its round at once and unstored, and nothing is contacted until its end.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import msgspec

from probe.agent.identity import write_private_file
from probe.clock import Clock
from probe.errors import StorageError

PAUSE_FILE = "paused.json"
POLL_SECONDS = 1.0
"""Real seconds between two looks at the file."""


class Pause(msgspec.Struct, frozen=True, kw_only=True):
    """A pause of the agent.

    Attributes:
        since: when it was asked for.
        until: when it ends by itself; None: not before `probe resume`.
    """

    since: datetime
    until: datetime | None = None


def read_pause(folder: Path, now: datetime) -> Pause | None:
    """The pause in force; None where there is none or it has ended. A file that cannot be read is a pause without end.

    Whoever asked for silence gets it, whatever became of the file.
    """
    try:
        found = msgspec.json.decode((folder / PAUSE_FILE).read_bytes(), type=Pause)
        ended = found.until is not None and found.until <= now
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError, TypeError):
        return Pause(since=now)
    return None if ended else found


def write_pause(folder: Path, pause: Pause) -> None:
    """Pause the agent of this folder, whether it runs or not; an earlier pause is replaced.

    Raises:
        StorageError: the file cannot be written.
    """
    write_private_file(folder / PAUSE_FILE, msgspec.json.encode(pause) + b"\n")
    with suppress(OSError):  # the agent may run as another user than whoever pauses it
        (folder / PAUSE_FILE).chmod(0o644)


def end_pause(folder: Path) -> bool:
    """Let the agent go on; whether there was a pause.

    Raises:
        StorageError: the file cannot be deleted.
    """
    try:
        (folder / PAUSE_FILE).unlink()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise StorageError(
            f"cannot be deleted: {error.strerror}", where=str(folder / PAUSE_FILE), mend="delete it by hand"
        ) from error
    return True


async def wait_for_pause(folder: Path, clock: Clock) -> None:
    """Return when a pause is in force."""
    while read_pause(folder, clock.now()) is None:  # noqa: ASYNC110 - another process writes the file
        await asyncio.sleep(POLL_SECONDS)


async def wait_for_resume(folder: Path, clock: Clock) -> None:
    """Return when no pause is in force."""
    while read_pause(folder, clock.now()) is not None:  # noqa: ASYNC110 - as above
        await asyncio.sleep(POLL_SECONDS)
