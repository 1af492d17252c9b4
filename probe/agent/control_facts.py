"""The control that verdicts are compared with: from the operator's file, or from the collector and cached on disk.

The collector is asked before every round, with a conditional request while nothing has changed. The cached copy serves
the next start. A control that is older than the settings allow is not used: compared with it, a site that has gone down
since would look blocked.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from probe.agent.identity import write_private_file
from probe.clock import Clock
from probe.errors import RecordError
from probe.formats.jsonlines import KeptLine, lines_of, read_or_keep
from probe.judge.control import facts
from probe.model.verdict import ControlFacts, Verdict

if TYPE_CHECKING:
    from probe.agent.collector_client import CollectorClient

log = logging.getLogger(__name__)

CONTROL_FILE = "control.jsonl"
CONTROL_STAMP_FILE = "control.json"
MAX_CONTROL_BYTES = 64 * 1024 * 1024
"""Bytes that are read of the collector's control."""
MAX_CLOCK_STEP_SECONDS = 60.0
"""A date that lies further ahead was written before the wall clock was set back: how old the file is, is unknown."""


NO_CONTROL = (
    "no control: silence and resets cannot be told from a dead site"
    " (ask the collector's operator for `probe collector serve --control`, or name a file under [agent] control)"
)
"""What an agent without a control says, and how to get one."""


class Coverage(msgspec.Struct, frozen=True):
    """How many of the watched targets a control has measured; a note of the state file (`control`)."""

    targets: int
    of: int


def coverage(facts: Mapping[str, ControlFacts], watched: Iterable[str]) -> Coverage:
    """How much of the watchlist the control's facts cover."""
    texts = list(watched)
    return Coverage(sum(text in facts for text in texts), len(texts))


class CoverageWatch:
    """Logs when there is no control, or one again.

    Attributes:
        last: how much the control covered in the last round; None before the first.
    """

    def __init__(self) -> None:
        self.last: Coverage | None = None

    def note(self, facts: Mapping[str, ControlFacts], watched: Iterable[str]) -> None:
        """Take in what a round compares with."""
        before, self.last = self.last, coverage(facts, watched)
        if not self.last.targets and (before is None or before.targets):
            log.warning(NO_CONTROL)
        elif self.last.targets and before is not None and not before.targets:
            log.info("a control is here: it has measured %d of %d targets", self.last.targets, self.last.of)


class _Stamp(msgspec.Struct):
    """What is known of the cached copy: its entity tag, and when the collector last confirmed it."""

    etag: str
    time: datetime


def read_control_file(path: Path, report: Callable[[str], None] = log.warning) -> Mapping[str, ControlFacts]:
    """The control facts in a file of verdicts: target -> facts.

    Args:
        path: the file.
        report: told of each verdict with words of a newer version, which is left out.

    Raises:
        RecordError: the file cannot be read, has no verdict, or a line of it is not one.
    """
    try:
        with path.open("rb") as stream:
            read = list(_known(read_or_keep(lines_of(stream, str(path)), str(path)), report))
            if not read:
                raise RecordError("has no verdict", where=str(path), mend="give lines of `probe check --json`")
            return facts(read)
    except OSError as error:
        raise RecordError(
            f"cannot be read: {error.strerror}", where=str(path), mend="give the control's file"
        ) from error


def _known(records: Iterable[Verdict | KeptLine], report: Callable[[str], None]) -> Iterator[Verdict]:
    """The verdicts that this version can read."""
    for one in records:
        if isinstance(one, KeptLine):
            report(f"{one.where}: left out of the control: {one.what}")
        else:
            yield one


class CachedControl:
    """The collector's control and its copy on disk.

    Within one process the copy's age goes by the monotonic clock, so that setting the wall clock changes nothing. After
    a restart it goes by the date on disk, unless that lies ahead.

    Args:
        folder: of the agent's state.
        clock: dates the copy and tells its age.
        max_age: seconds for which a copy is used.
    """

    def __init__(self, folder: Path, clock: Clock, *, max_age: float) -> None:
        self._folder = folder
        self._clock = clock
        self._max_age = max_age
        self._facts: Mapping[str, ControlFacts] | None = None
        self._confirmed_at: float | None = None

    async def refresh(self, client: CollectorClient) -> str:
        """Ask the collector for changes. Return what went wrong in one line; empty when nothing did.

        Raises:
            StorageError: the copy cannot be written.
        """
        from probe.agent.collector_client import CONTROL_PATH  # noqa: PLC0415 - only where there is a collector

        stamp = self._stamp()
        headers = {"If-None-Match": stamp.etag} if stamp is not None and stamp.etag else {}
        reply = await client.get(CONTROL_PATH, headers, MAX_CONTROL_BYTES)
        if isinstance(reply, str):
            return reply
        if reply.status == 304 and stamp is not None:
            self._confirm(stamp.etag)
            return ""
        if reply.status != 200:
            return f"{client.urls[0]}: no control (status {reply.status})"
        try:
            records = read_or_keep(reply.body.splitlines(), "the collector's control")
            fresh = facts(_known(records, log.warning))
        except RecordError as error:
            return str(error)
        write_private_file(self._folder / CONTROL_FILE, reply.body)
        self._confirm(reply.etag)
        self._facts = fresh
        return ""

    def facts(self) -> Mapping[str, ControlFacts]:
        """Target -> facts; empty when the copy is too old, damaged, or does not exist."""
        age = self._age()
        if age is None or age > self._max_age:
            return {}
        if self._facts is None:
            try:
                self._facts = read_control_file(self._folder / CONTROL_FILE)
            except RecordError:
                return {}
        return self._facts

    def _age(self) -> float | None:
        """Seconds since the collector confirmed the copy; None when that is unknown."""
        if self._confirmed_at is None:
            stamp = self._stamp()
            if stamp is None:
                return None
            age = (self._clock.now() - stamp.time).total_seconds()
            if age < -MAX_CLOCK_STEP_SECONDS:
                with suppress(OSError):  # else it would pass for fresh when the clock reaches that date
                    (self._folder / CONTROL_STAMP_FILE).unlink()
                return None
            self._confirmed_at = self._clock.monotonic() - max(0.0, age)
        return self._clock.monotonic() - self._confirmed_at

    def _stamp(self) -> _Stamp | None:
        try:
            return msgspec.json.decode((self._folder / CONTROL_STAMP_FILE).read_bytes(), type=_Stamp)
        except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None  # without a stamp the control is fetched again

    def _confirm(self, etag: str) -> None:
        self._confirmed_at = self._clock.monotonic()
        stamp = _Stamp(etag=etag, time=self._clock.now())
        write_private_file(self._folder / CONTROL_STAMP_FILE, msgspec.json.encode(stamp))
