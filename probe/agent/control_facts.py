"""What the control says of the targets: from a file of the operator's, or from the collector.

The collector's answer is asked for before every round, at the price of a conditional request while nothing has changed,
and kept on disk for the next start. A control that is older than the settings allow is none: compared with it, a site
that has gone down since would pass for blocked.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from probe.agent.identity import write_private_file
from probe.errors import RecordError
from probe.formats.jsonlines import lines_of, read_verdicts
from probe.judge.control import facts
from probe.model.verdict import ControlFacts

if TYPE_CHECKING:
    from probe.agent.collector_client import CollectorClient

CONTROL_FILE = "control.jsonl"
CONTROL_STAMP_FILE = "control.json"
MAX_CONTROL_BYTES = 64 * 1024 * 1024
"""Bytes of a collector's control that are read."""


class _Stamp(msgspec.Struct):
    etag: str
    time: datetime


def read_control_file(path: Path) -> Mapping[str, ControlFacts]:
    """The facts in a file of verdicts.

    Raises:
        RecordError: the file cannot be read or a line of it is no verdict.
    """
    try:
        with path.open("rb") as stream:
            return facts(read_verdicts(lines_of(stream, str(path)), str(path)))
    except OSError as error:
        raise RecordError(
            f"cannot be read: {error.strerror}", where=str(path), mend="give the control's file"
        ) from error


class CachedControl:
    """The collector's control and its copy on disk.

    Args:
        folder: of the agent's state.
        max_age: seconds for which a copy is compared with.
    """

    def __init__(self, folder: Path, *, max_age: float) -> None:
        self._folder = folder
        self._max_age = max_age
        self._facts: Mapping[str, ControlFacts] | None = None

    async def refresh(self, collector: CollectorClient, now: datetime) -> str:
        """Ask for news; what went wrong in one line, or nothing.

        Raises:
            StorageError: the copy cannot be written.
        """
        from probe.agent.collector_client import CONTROL_PATH  # noqa: PLC0415 - aiohttp is there already when there is a collector

        stamp = self._stamp()
        headers = {"If-None-Match": stamp.etag} if stamp is not None and stamp.etag else {}
        reply = await collector.get(CONTROL_PATH, headers, MAX_CONTROL_BYTES)
        if isinstance(reply, str):
            return reply
        if reply.status == 304 and stamp is not None:
            self._write_stamp(stamp.etag, now)
            return ""
        if reply.status != 200:
            return f"{collector.urls[0]}: no control (status {reply.status})"
        try:
            fresh = facts(read_verdicts(reply.body.splitlines(), "the collector's control"))
        except RecordError as error:
            return str(error)
        write_private_file(self._folder / CONTROL_FILE, reply.body)
        self._write_stamp(reply.etag, now)
        self._facts = fresh
        return ""

    def facts(self, now: datetime) -> Mapping[str, ControlFacts]:
        """What may be compared with at this moment; empty when it is too old or there never was any."""
        stamp = self._stamp()
        if stamp is None or not abs((now - stamp.time).total_seconds()) <= self._max_age:
            return {}
        if self._facts is None:
            try:
                self._facts = read_control_file(self._folder / CONTROL_FILE)
            except RecordError:
                return {}
        return self._facts

    def _stamp(self) -> _Stamp | None:
        try:
            return msgspec.json.decode((self._folder / CONTROL_STAMP_FILE).read_bytes(), type=_Stamp)
        except (OSError, msgspec.DecodeError):
            return None  # the copy is a convenience: without a stamp it is fetched again

    def _write_stamp(self, etag: str, now: datetime) -> None:
        write_private_file(self._folder / CONTROL_STAMP_FILE, msgspec.json.encode(_Stamp(etag=etag, time=now)))
