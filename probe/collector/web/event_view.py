"""The data of an event's page: its revisions, its vantages and their evidence, read from the database."""

from __future__ import annotations

from datetime import datetime

import msgspec

from probe.collector.intake.evidence import inflated_evidence
from probe.collector.state import public_name
from probe.collector.store import StoreSession, batches, events, history, log_tables
from probe.collector.store.events import Revision
from probe.fuse.interference_span import InterferenceSpan, interference_spans
from probe.model.event import Event, Scope
from probe.model.verdict import Cause, Status, Verdict

MAX_VANTAGES = 200
MAX_VERDICTS = 8
_VERDICT = msgspec.json.Decoder(Verdict)


class EventVantage(msgspec.Struct, frozen=True, kw_only=True):
    """Interference with one target as one vantage saw it.

    Attributes:
        vantage: the vantage's public name.
        since: when it began, or with `before_watch` the vantage's first measurement of the target.
        until: when the target worked again; None while it does not.
        evidence: digest of the first verdict; empty when none was sent.
    """

    vantage: str
    asn: int
    country: str
    target: str
    since: datetime
    until: datetime | None
    status: Status
    causes: tuple[Cause, ...]
    evidence: str
    before_watch: bool = False


class SupportingVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """A verdict on which the event rests, and the vantage that sent it. `digest` is the SHA-256 of its JSON."""

    vantage: str
    digest: str
    verdict: Verdict


class EventView(msgspec.Struct, frozen=True, kw_only=True):
    """An event and the reports it is made of.

    Attributes:
        superseded: the id under which the event continues, `-` when it was withdrawn, else empty.
        revisions: every published revision, in order.
        logged: revision -> index of its entry in the transparency log.
    """

    event: Event
    superseded: str
    revisions: tuple[Revision, ...]
    vantages: tuple[EventVantage, ...]
    verdicts: tuple[SupportingVerdict, ...]
    logged: dict[int, int] = msgspec.field(default_factory=dict)


def event_view(session: StoreSession, event_id: str, secret: bytes) -> EventView | None:
    """Read an event with the reports it is made of; None when there is no event of this id.

    Args:
        session: of the database.
        event_id: 16 hexadecimal digits.
        secret: from which the public names of vantages are derived.
    """
    found = events.event(session, event_id)
    if found is None:
        return None
    vantages = [_event_vantage(each, secret) for each in _spans(session, found.event)][:MAX_VANTAGES]
    return EventView(
        event=found.event,
        superseded=found.superseded,
        revisions=tuple(events.revisions_of(session, event_id)),
        vantages=tuple(vantages),
        verdicts=tuple(_verdicts(session, vantages)),
        logged=log_tables.entry_indices(session, log_tables.OWN, event_id),
    )


def evidence(session: StoreSession, digest: str) -> bytes | None:
    """The JSON of a verdict by its SHA-256 in hexadecimal; None when it is not stored or the digest is malformed."""
    try:
        body = batches.evidence(session, bytes.fromhex(digest))
    except ValueError:
        return None
    return None if body is None else inflated_evidence(body)


def _spans(session: StoreSession, event: Event) -> list[InterferenceSpan]:
    """The spans of interference within the event's scope and time."""
    spans = history.spans_of(session, event.service, event.network.country)
    return [
        each
        for each in interference_spans(spans)
        if (event.scope is Scope.COUNTRY or each.network == event.network)
        and (event.lifted is None or each.start <= event.lifted)
        and (each.stop is None or each.stop >= event.onset)
    ]


def _event_vantage(each: InterferenceSpan, secret: bytes) -> EventVantage:
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
        before_watch=each.before_watch,
    )


def _verdicts(session: StoreSession, vantages: list[EventVantage]) -> list[SupportingVerdict]:
    """The first stored verdicts that decode, at most `MAX_VERDICTS`."""
    found: list[SupportingVerdict] = []
    for vantage in vantages:
        body = evidence(session, vantage.evidence) if vantage.evidence else None
        if body is None:
            continue
        try:
            verdict = _VERDICT.decode(body)
        except msgspec.MsgspecError:
            continue
        found.append(SupportingVerdict(vantage=vantage.vantage, digest=vantage.evidence, verdict=verdict))
        if len(found) == MAX_VERDICTS:
            break
    return found
