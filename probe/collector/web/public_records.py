"""The records of the public API, from which also its OpenAPI document is made, and the cursors between its pages."""

from __future__ import annotations

import base64
import binascii
from datetime import datetime

import msgspec

from probe.collector.store import from_ms
from probe.collector.store.events import Revision
from probe.collector.store.public_data import Position
from probe.collector.web.alerts_page import SentAlert
from probe.collector.web.event_view import EventVantage
from probe.collector.web.responses import ApiError
from probe.fuse.revision import RevisionKind
from probe.model.event import Event, Network

MAX_CURSOR_CHARACTERS = 200


class EventPage(msgspec.Struct, frozen=True, kw_only=True):
    """Events in force, newest onset first; `next` is the cursor of the next page, empty on the last one."""

    time: datetime
    events: tuple[Event, ...]
    next: str


class PublicRevision(msgspec.Struct, frozen=True, kw_only=True):
    """A published revision of an event.

    Attributes:
        no: counts the revisions of all events, without gaps.
        reason: why an event was withdrawn; empty otherwise.
    """

    no: int
    kind: RevisionKind
    published: datetime
    reason: str
    event: Event


class RevisionPage(msgspec.Struct, frozen=True, kw_only=True):
    """Revisions in the order in which they were published.

    Attributes:
        next: the cursor behind the last one. It is never empty: ask with it again later for what came since.
    """

    time: datetime
    revisions: tuple[PublicRevision, ...]
    next: str


class PublicSpan(msgspec.Struct, frozen=True, kw_only=True):
    """A time in which one target had the same status at one vantage; `vantage` is its public name there."""

    vantage: str
    target: str
    network: Network
    start: datetime
    stop: datetime | None
    known: datetime
    status: str
    causes: tuple[str, ...]
    evidence: str
    before_watch: bool


class SpanPage(msgspec.Struct, frozen=True, kw_only=True):
    """Spans by target, vantage and start; `next` is the cursor of the next page, empty on the last one."""

    time: datetime
    spans: tuple[PublicSpan, ...]
    next: str


class EventDetails(msgspec.Struct, frozen=True, kw_only=True):
    """An event, all its revisions, and the vantages that saw it.

    Attributes:
        superseded: the id under which it continues, `-` when it was withdrawn, else empty.
    """

    event: Event
    superseded: str
    revisions: tuple[PublicRevision, ...]
    vantages: tuple[EventVantage, ...]


class AlertPage(msgspec.Struct, frozen=True, kw_only=True):
    """The newest messages to subscribers."""

    time: datetime
    alerts: tuple[SentAlert, ...]


class ErrorDetails(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong: a stable word for programs, a sentence for people."""

    code: str
    message: str


class ErrorAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Every error of the API."""

    error: ErrorDetails


def public_revision(revision: Revision) -> PublicRevision:
    """A revision as it is published."""
    return PublicRevision(
        no=revision.no,
        kind=revision.kind,
        published=from_ms(revision.published),
        reason=revision.reason,
        event=revision.event,
    )


def cursor_of(position: Position) -> str:
    """A position as an opaque text for URLs."""
    return base64.urlsafe_b64encode(msgspec.json.encode(position)).decode().rstrip("=")


def read_cursor(text: str, kinds: tuple[type, ...]) -> Position | None:
    """The position of a cursor; None for an empty one.

    Args:
        text: as an answer had it in `next`.
        kinds: the types of the position's values.

    Raises:
        ApiError: status 400; it is no cursor of this list.
    """
    if not text:
        return None
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        values = msgspec.json.decode(raw, type=tuple[int | str, ...])
    except (binascii.Error, msgspec.MsgspecError, ValueError) as error:
        raise _no_cursor() from error
    fits = len(values) == len(kinds) and all(type(value) is kind for value, kind in zip(values, kinds, strict=True))
    sound = all("\0" not in value if isinstance(value, str) else abs(value) < 2**62 for value in values)
    if not (fits and sound):
        raise _no_cursor()
    return values


def _no_cursor() -> ApiError:
    return ApiError(400, "bad_request", "the parameter cursor is not what an answer of this list had in next")
