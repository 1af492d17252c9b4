"""Convert OONI's HTTP transactions into exchanges.

A body is decoded only where evidence needs it: in clear text, and where an error or a short page came. OONI keeps no
body of some measurements ("elided"); then its own comparison with the helper's page stands in for one.
"""

from __future__ import annotations

from typing import Any

import msgspec

from probe.formats.ooni.contents import ContentReader, PageFeatures, ReceivedPage
from probe.formats.ooni.names import attempt_of, milliseconds
from probe.formats.ooni.received_bytes import flow_of
from probe.formats.ooni.records import (
    OoniNetworkEvent,
    OoniTestKeys,
    OoniTransaction,
    headers_of,
    octets_of,
)
from probe.model.failure import Failure
from probe.model.observation import Exchange
from probe.model.target import UrlTarget

MAX_BODY_BYTES = 524_288
"""Bytes of a body that are read: as many as OONI keeps."""
MAX_SKIPPED_BYTES = 8_192
"""Length of an encoded body over TLS up to which it is decoded."""
MAX_HEADERS = 200
_SLOW_SECONDS = 3.0
"""Duration of a transaction from which the arrival of its bytes is read."""


class PageContext(msgspec.Struct, frozen=True):
    """What the transactions of one measurement have in common.

    Attributes:
        reader: reads the pages.
        keys: the test keys, for OONI's own comparison where a body was not kept.
        events: counts of received bytes.
        asked: the target, whose query values are no secret.
    """

    reader: ContentReader
    keys: OoniTestKeys
    events: list[OoniNetworkEvent]
    asked: str


class RequestPlace(msgspec.Struct, frozen=True):
    """Where a transaction belongs.

    Attributes:
        url: of the request.
        address: where it was sent.
        hop: the number of the hop.
        secure: over a TLS session whose certificate verified.
    """

    url: UrlTarget
    address: str
    hop: int
    secure: bool


def read_exchange(one: OoniTransaction, place: RequestPlace, failure: Failure | None, context: PageContext) -> Exchange:
    """The exchange of a transaction.

    Args:
        one: the transaction.
        place: where it belongs.
        failure: how it failed.
        context: of the measurement.
    """
    status = one.response.code or 0 if one.response is not None else 0
    status = status if 100 <= status <= 999 else 0
    features = _features(one, place, status, context)
    at = milliseconds(one.t0 if one.t0 is not None else one.t)
    took = max(0, milliseconds(one.t) - at)
    slow = failure is Failure.TIMEOUT or took >= 1000 * _SLOW_SECONDS
    return Exchange(
        url=context.reader.url(str(place.url), context.asked),
        address=place.address,
        secure=place.secure,
        status=status,
        location=features.location,
        title=features.title,
        headers=features.headers,
        head=features.head,
        length=features.length,
        sha256=features.sha256,
        server=features.server,
        sample=features.sample,
        complete=status > 0 and failure is None,
        flow=flow_of(context.events, one.transaction_id, start=one.t0, end=one.t) if slow else None,
        failure=failure,
        hop=place.hop,
        attempt=attempt_of(one.tags),
        at=at,
        took=took,
        detail=(one.failure or "")[:60],
    )


def _features(one: OoniTransaction, place: RequestPlace, status: int, context: PageContext) -> PageFeatures:
    if not status or one.response is None:
        return PageFeatures()
    needed = not place.secure or status >= 400 or len(bytes(one.response.body)) <= MAX_SKIPPED_BYTES
    body = body_of(one.response.body) if needed and not 300 <= status < 400 else b""
    headers = headers_of(one.response)[:MAX_HEADERS]
    page = ReceivedPage(str(place.url), status, headers, body, place.secure)
    features = context.reader.page(page)
    if features.location:
        features = msgspec.structs.replace(features, location=context.reader.url(features.location, context.asked))
    if body or place.secure or 300 <= status < 400:
        return features
    return _compared_by_ooni(features, context.keys)


def _compared_by_ooni(features: PageFeatures, keys: OoniTestKeys) -> PageFeatures:
    """The features of a page whose body was not kept: title and length as far as OONI compared them."""
    page = keys.control.http_request if keys.control is not None else None
    if page is None:
        return features
    title = " ".join((page.title or "").split())[:120] if keys.title_match else ""
    length = features.length
    if keys.body_proportion and page.body_length and page.body_length > 0 and 0 < keys.body_proportion <= 1:
        length = int(page.body_length * keys.body_proportion)
    return msgspec.structs.replace(features, title=title, length=length, sha256="")


def body_of(raw: msgspec.Raw) -> bytes:
    """The octets of a body; empty where it was not kept."""
    try:
        value: Any = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return b""
    return octets_of(value, MAX_BODY_BYTES) if isinstance(value, str | dict) else b""


def has_body(one: OoniTransaction) -> bool:
    """Whether the body of an answer was kept, or there was none to keep."""
    if one.response is None:
        return False
    if len(bytes(one.response.body)) > len(b'""'):
        return bytes(one.response.body) != b"null"
    stated = next((value for name, value in headers_of(one.response) if name.lower() == "content-length"), b"0")
    return not one.response.body_is_truncated and stated.strip() == b"0"
