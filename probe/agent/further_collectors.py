"""Further collectors beside the first (`[agent] further_collectors`): each has its own outbox, key and enrolment.

What a round reports to them is written into the state file with the round, in one transaction (`CopyTable`), and moved
from there into each collector's own outbox, which remembers how far it has come. So a crash at any moment neither loses
nor repeats a transition, and a collector that is away delays no other. Two collectors that compare what they know do
not find the same key in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from types import TracebackType

import msgspec

from probe.agent.collector_client import CollectorClient
from probe.agent.copy_table import CopyTable
from probe.agent.delivery import UploadResult
from probe.agent.enrolment import origin_of
from probe.agent.outbox import AgentState, LastReport, Outbox
from probe.agent.state_file import STATE_FILE
from probe.agent.uplink import Uplink
from probe.clock import Clock
from probe.formats.batch import Batch
from probe.settings import Settings

FOLDER = "collectors"
"""Folder in the agent's state folder with one folder for each further collector."""
COPIED_NOTE = "copied"
"""Note of a further outbox: the number of the last copy that is in it."""


class RoundCopy(msgspec.Struct, frozen=True, kw_only=True):
    """What a round reports to one further collector.

    Attributes:
        batches: without agent, epoch and number.
        reports: what they report of targets.
        watched: targets of the watchlist.
        time: of the round's end.
    """

    batches: tuple[Batch, ...]
    reports: dict[str, LastReport]
    watched: frozenset[str]
    time: datetime


DraftRound = Callable[[Mapping[str, LastReport]], RoundCopy]
"""Makes the copy of a round for a collector with these last reports."""


class FurtherCollector:
    """One further collector; close it.

    Args:
        url: its URL.
        token_file: with its token; empty for none.
        settings: merged.
        folder: of the agent's state.
        clock: dates acknowledgements.

    Attributes:
        origin: the collector's.
        folder: of its outbox, key and enrolment.
        outbox: open.
    """

    def __init__(self, url: str, token_file: str, settings: Settings, folder: Path, clock: Clock) -> None:
        self.origin = origin_of(url)
        self.folder = folder_of(folder, self.origin)
        self.outbox = Outbox(self.folder / STATE_FILE)
        own = msgspec.structs.replace(settings.agent, collectors=(url,), token_file=token_file)
        self._settings = msgspec.structs.replace(settings, agent=own)
        self._uplink = Uplink(self.origin, self.outbox, self.folder, self._settings, clock)

    def client(self) -> CollectorClient:
        """A new client of this collector, to be used in `async with`."""
        chosen = self._settings.agent
        return CollectorClient(chosen.collectors, ca_file=chosen.ca_file, timeout=chosen.uplink_timeout)

    async def upload(self, client: CollectorClient) -> UploadResult:
        """Upload its outbox; enrol first where that is needed and a token is at hand.

        Raises:
            StorageError: an acknowledgement cannot be stored.
        """
        return await self._uplink.deliver(client)

    def has_new_token(self) -> bool:
        """Whether its token file has a token that came after a refusal for good."""
        return self._uplink.has_new_token()

    def take(self, copies: CopyTable) -> None:
        """Move the copies for this collector into its outbox, each once.

        Raises:
            StorageError: the outbox cannot be written; the rest stays for later.
        """
        taken = self.outbox.notes().get(COPIED_NOTE, 0)
        for number, body in copies.of(self.origin):
            if isinstance(taken, int) and number > taken:
                copy = msgspec.json.decode(body, type=RoundCopy)
                self.outbox.commit(
                    AgentState(),
                    copy.batches,
                    reports=copy.reports,
                    now=copy.time,
                    watched=copy.watched,
                    max_bytes=self._settings.agent.outbox_bytes,
                    notes={COPIED_NOTE: number},
                )
            copies.delete(number)


class FurtherCollectors:
    """All further collectors of an agent; use it in `with`.

    Args:
        settings: merged.
        outbox: the agent's own, open.
        folder: of the agent's state.
        clock: the agent's.
    """

    def __init__(self, settings: Settings, outbox: Outbox, folder: Path, clock: Clock) -> None:
        self._outbox = outbox
        self._stack = ExitStack()
        self._collectors: list[FurtherCollector] = []
        chosen = settings.agent
        tokens = (*chosen.further_token_files, *("",) * len(chosen.further_collectors))
        try:
            for url, token_file in zip(chosen.further_collectors, tokens, strict=False):
                one = FurtherCollector(url, token_file, settings, folder, clock)
                self._stack.callback(one.outbox.close)
                self._collectors.append(one)
            outbox.copies.keep_only([one.origin for one in self._collectors])
            self.take()
        except BaseException:
            self._stack.close()
            raise

    def __enter__(self) -> FurtherCollectors:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def __iter__(self) -> Iterator[FurtherCollector]:
        return iter(self._collectors)

    def copies(self, draft: DraftRound) -> list[tuple[str, bytes]]:
        """What a round reports to each, with its origin, for the transaction that stores the round."""
        return [(one.origin, msgspec.json.encode(draft(one.outbox.last_reports()))) for one in self._collectors]

    def take(self) -> None:
        """Move what the state file has for them into their outboxes.

        Raises:
            StorageError: an outbox cannot be written.
        """
        for one in self._collectors:
            one.take(self._outbox.copies)


def folder_of(folder: Path, origin: str) -> Path:
    """The folder of a further collector's outbox, key and enrolment, in the agent's state folder."""
    return folder / FOLDER / sha256(origin.encode()).hexdigest()[:16]
