"""What an event's page shows: its revisions, its vantages and their evidence, gathered in one look at the database."""

from __future__ import annotations

import zlib
from datetime import datetime

import msgspec

from probe.collector.state import public_name
from probe.collector.store import StoreSession, batches, events, history
from probe.collector.store.events import Revision
from probe.fuse.interference_span import InterferenceSpan, interference_spans
from probe.model.event import Event, Scope
from probe.model.verdict import Cause, Status, Verdict

MAX_VANTAGES = 200
MAX_VERDICTS = 8
_VERDICT = msgspec.json.Decoder(Verdict)


class EventVantage(msgspec.Struct, frozen=True, kw_only=True):
    """A vantage that saw it, under its public name. `until` is None while it has not been let through."""

    vantage: str
    asn: int
    country: str
    target: str
    since: datetime
    until: datetime | None
    status: Status
    causes: tuple[Cause, ...]
    evidence: str


class SupportingVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """A verdict behind it, and who sent it. `digest` is the SHA-256 of its JSON."""

    vantage: str
    digest: str
    verdict: Verdict


class EventView(msgspec.Struct, frozen=True, kw_only=True):
    """An event and its grounds. `superseded`: the id it goes on under, or `-` when it was withdrawn."""

    event: Event
    superseded: str
    revisions: tuple[Revision, ...]
    witnesses: tuple[EventVantage, ...]
    proofs: tuple[SupportingVerdict, ...]


def event_view(session: StoreSession, event_id: str, secret: bytes) -> EventView | None:
    """The event of this id with its grounds; None when there is none."""
    found = events.event(session, event_id)
    if found is None:
        return None
    witnesses = [_witness(each, secret) for each in _stretches(session, found.event)][:MAX_VANTAGES]
    return EventView(
        event=found.event,
        superseded=found.superseded,
        revisions=tuple(events.revisions_of(session, event_id)),
        witnesses=tuple(witnesses),
        proofs=tuple(_proofs(session, witnesses)),
    )


def evidence(session: StoreSession, digest: str) -> bytes | None:
    """The JSON of a verdict by its SHA-256 in hexadecimal."""
    try:
        body = batches.evidence(session, bytes.fromhex(digest))
    except ValueError:
        return None
    return None if body is None else zlib.decompress(body)


def _stretches(session: StoreSession, event: Event) -> list[InterferenceSpan]:
    """What the event was made of."""
    spans = history.spans_of(session, event.service, event.network.country)
    return [
        each
        for each in interference_spans(spans)
        if (event.scope is Scope.COUNTRY or each.network == event.network)
        and (event.lifted is None or each.start <= event.lifted)
        and (each.stop is None or each.stop >= event.onset)
    ]


def _witness(each: InterferenceSpan, secret: bytes) -> EventVantage:
    return EventVantage(
        vantage=public_name(secret, each.agent, each.network),
        asn=each.network.asn,
        country=each.network.country,
        target=each.target,
        since=each.start,
        until=each.stop,
        status=each.status,
        causes=each.causes,
        evidence=each.evidence,
    )


def _proofs(session: StoreSession, witnesses: list[EventVantage]) -> list[SupportingVerdict]:
    """The first verdicts that can be read, at most one of each vantage and target."""
    found: list[SupportingVerdict] = []
    for witness in witnesses:
        body = evidence(session, witness.evidence) if witness.evidence else None
        if body is None:
            continue
        try:
            verdict = _VERDICT.decode(body)
        except msgspec.MsgspecError:
            continue
        found.append(SupportingVerdict(vantage=witness.vantage, digest=witness.evidence, verdict=verdict))
        if len(found) == MAX_VERDICTS:
            break
    return found
