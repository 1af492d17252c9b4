"""Traces of verdicts from history, passed through `probe replay` and reported to a collector process like an agent's.

A trace has the difficulties of a real one: samples that fail by chance and work in the re-test, re-tests after a
change, rounds that begin a little late.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sqlite3
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import aiohttp
import msgspec

from probe.formats.batch import MAX_CHANGES, ReportedChange, ReportedStatus, RoundReport
from probe.judge.vantage import conclude
from probe.model.failure import Failure
from probe.model.transition import VANTAGE, Transition
from probe.model.verdict import AnchorKind, AnchorLook, Cause, Status, Vantage
from tests.e2e.processes import command, environment, probe
from tests.loopback.collector.proofs import proof
from tests.loopback.collector.vantages import FakeAgent

STRAY = 0.01
"""Share of samples that fail by chance."""
RETESTS = (timedelta(seconds=15), timedelta(seconds=30))
ORIGIN = "http://collector.test"


@dataclass(frozen=True)
class Cut:
    """Interference with some targets between two moments."""

    targets: frozenset[str]
    since: datetime
    until: datetime | None
    cause: Cause

    def hits(self, target: str, moment: datetime) -> bool:
        """Whether a sample at this moment meets it."""
        return target in self.targets and self.since <= moment and (self.until is None or moment < self.until)


@dataclass(frozen=True)
class Line:
    """A vantage and the interference of its network.

    Attributes:
        anchors: URL -> kind, measured after a failure; one among the targets of a cut fails with them.
    """

    asn: int
    country: str
    cuts: tuple[Cut, ...] = ()
    anchors: Mapping[str, AnchorKind] = field(default_factory=dict, hash=False)

    def vantage(self, moment: datetime) -> dict[str, Any]:
        """The vantage in a verdict, with its anchors measured at that moment."""
        looks = []
        for url, kind in self.anchors.items():
            cause = next((cut.cause for cut in self.cuts if cut.hits(url, moment)), None)
            failure = Failure.RESET if cause is Cause.TCP_RESET else cause and Failure.TIMEOUT
            looks.append(AnchorLook(url=url, kind=kind, at=moment, failure=failure))
        made = Vantage(state=conclude(looks), asn=self.asn, country=self.country, anchors=tuple(looks))
        return dict(msgspec.to_builtins(made))


@dataclass(frozen=True)
class Watch:
    """The targets, and when and how often they are measured.

    Attributes:
        services: target -> service.
        every: time from round to round.
    """

    services: Mapping[str, str]
    since: datetime
    until: datetime
    every: timedelta

    def rounds(self) -> Iterator[datetime]:
        """The moments at which rounds begin."""
        moment = self.since
        while moment < self.until:
            yield moment
            moment += self.every


def trace(line: Line, watch: Watch) -> Iterator[dict[str, Any]]:
    """The verdicts of a vantage in order of time, as `probe check --json` would have printed them."""
    chance = Random(line.asn)
    before: dict[str, Cause | None] = {}
    for start in watch.rounds():
        begun = start + timedelta(seconds=chance.uniform(0, 5))
        later: list[tuple[datetime, str, Cause | None]] = []
        for number, target in enumerate(watch.services):
            moment = begun + timedelta(seconds=0.2 * number)
            cause = next((cut.cause for cut in line.cuts if cut.hits(target, moment)), None)
            stray = cause is None and chance.random() < STRAY
            yield _verdict(line, moment, target, cause, stray=stray)
            if stray or cause is not before.get(target):
                later += [(moment + wait, target, cause) for wait in RETESTS]
            before[target] = cause
        for moment, target, cause in sorted(later, key=lambda item: item[:2]):
            yield _verdict(line, moment, target, cause)


def _verdict(line: Line, moment: datetime, target: str, cause: Cause | None, *, stray: bool = False) -> dict[str, Any]:
    status, causes = (Status.BLOCKED, [cause]) if cause else (Status.REACHABLE, [])
    if stray:
        status, causes = Status.UNREACHABLE, [Cause.TCP_TIMEOUT]
    where = {"vantage": line.vantage(moment)} if line.anchors else {}
    return {"time": moment.isoformat(), "target": target, "status": status, "causes": causes} | where


def replayed(line: Line, watch: Watch, folder: Path) -> list[Transition]:
    """The transitions `probe replay` prints for the trace of a vantage."""
    file = folder / f"AS{line.asn}.jsonl"
    file.write_text("".join(json.dumps(verdict) + "\n" for verdict in trace(line, watch)))
    done = probe("replay", str(file))
    assert done.returncode == 0, done.stderr
    return [msgspec.json.decode(text, type=Transition) for text in done.stdout.splitlines()]


@asynccontextmanager
async def collector(db: Path, now: datetime) -> AsyncIterator[str]:
    """A collector process whose clock begins at this moment; yields its URL."""
    words = ("collector", "serve", "--db", str(db), "--listen", "127.0.0.1:0", "--origin", ORIGIN)
    clock = environment(PROBE_CLOCK=laboratory(now))
    process = await asyncio.create_subprocess_exec(*command(*words), stdout=asyncio.subprocess.PIPE, env=clock)
    try:
        assert process.stdout is not None
        line = (await process.stdout.readline()).decode()
        assert line.startswith("probe collector: http://"), line
        yield line.partition(": ")[2].strip().rstrip("/")
    finally:
        process.send_signal(signal.SIGTERM)
        await process.communicate()


def laboratory(now: datetime) -> str:
    """A clock for PROBE_CLOCK that shows this moment now."""
    return f"{now.isoformat()}@1@{time.time()}"


class Reporter:
    """An agent that does not measure: it enrols and posts the transitions of `probe replay`, part by part."""

    def __init__(self, line: Line, watch: Watch, transitions: Iterable[Transition]) -> None:
        self._watch = watch
        self._left = sorted(transitions, key=lambda found: found.time)
        self._rounds = list(watch.rounds())
        self._agent = FakeAgent("", asn=line.asn, country=line.country, origin=ORIGIN)

    async def post_until(self, now: datetime, url: str, db: Path, http: aiohttp.ClientSession) -> None:
        """Post everything up to `now`; enrol first if needed."""
        self._agent.url = url
        first = not self._agent.id
        if first:
            words = ("collector", "token", "--db", str(db), "--sponsor", f"volunteers of AS{self._agent.network.asn}")
            token = await asyncio.to_thread(probe, *words, PROBE_CLOCK=laboratory(now))
            assert (await self._agent.enrol(http, token.stdout.decode().strip()))["status"] == 200
            with closing(sqlite3.connect(db)) as connection, connection:  # it has measured since the trace begins
                since = int(self._watch.since.timestamp() * 1000)
                connection.execute("UPDATE agent SET created = ? WHERE id = ?", (since, self._agent.id))
        for part in self._parts(now, first=first):
            batch = self._agent.batch(sent=now, interval=self._watch.every.total_seconds(), **part)
            status, answer = await self._agent.post(http, batch)
            assert status == 200, answer

    def _parts(self, now: datetime, *, first: bool) -> Iterator[dict[str, Any]]:
        """The contents of the batches to post."""
        services = dict(self._watch.services)
        if first:
            settled = tuple(
                ReportedStatus(target=t, status=Status.REACHABLE, since=self._watch.since) for t in services
            )
            yield {"settled": settled, "services": services}
        due = [moment for moment in self._rounds if moment < now]
        self._rounds = self._rounds[len(due) :]
        size = len(services)
        yield {"rounds": tuple(RoundReport(start=at, seconds=45.0, targets=size, measured=size) for at in due)}
        found = [_with_evidence(transition) for transition in self._left if transition.time < now]
        self._left = self._left[len(found) :]
        for start in range(0, len(found), MAX_CHANGES):
            yield {"changes": tuple(found[start : start + MAX_CHANGES])}


def _with_evidence(transition: Transition) -> ReportedChange:
    verdict = None
    if transition.target != VANTAGE:
        verdict = proof(transition.target, Status(transition.after), transition.time)
    return ReportedChange(transition=transition, verdict=verdict)


async def fused_json(http: aiohttp.ClientSession, url: str, db: Path, path: str) -> Any:
    """Wait until the collector has fused all reports; the JSON of a page."""
    with closing(sqlite3.connect(db)) as connection:
        async with asyncio.timeout(60):
            while connection.execute("SELECT count(*) FROM dirty").fetchone()[0]:  # noqa: ASYNC110 another process's
                await asyncio.sleep(0.05)
    async with http.get(url + path) as answer:
        assert answer.status == 200, path
        return await answer.json(content_type=None)


async def reported(
    reporters: Sequence[Reporter], now: datetime, url: str, db: Path, http: aiohttp.ClientSession
) -> None:
    """Let every reporter post everything up to `now`."""
    for reporter in reporters:
        await reporter.post_until(now, url, db, http)


def utc(text: str) -> datetime:
    """The moment of a text in UTC: `2017-05-04 14:00`."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
