"""Ask for a page in clear and say from its beginning what identifies it: status, then title, redirect or bytes.

The request is the full look's, octet for octet. What is read is a few kilobytes at most: the head, and of the body the
title or `HASHED_BYTES`.
"""

from __future__ import annotations

import hashlib
import zlib

from probe.measure.failures import operation_error
from probe.measure.html_facts import REDIRECTS, location, title
from probe.measure.http_get import ContentDecoder, HttpResponse, request_bytes
from probe.measure.response_head import ChunkDecoder, ResponseHead, begin_of_head, end_of_head, parse_head
from probe.model.failure import Failure
from probe.model.glance import GlanceRequest

MAX_HEAD_BYTES = 16_384
"""Bytes before the body; servers send one or two thousand."""
MAX_SEARCHED_BYTES = 4096
"""Bytes of the body in which a title is looked for."""
HASHED_BYTES = 256
"""Bytes of the body that identify a page without a title."""
_MAX_TEXT_CHARACTERS = 64
"""Characters of a title or an origin."""


def page_request(request: GlanceRequest) -> bytes:
    """Return the GET.

    Raises:
        ValueError: a part has a character that it cannot have.
    """
    return request_bytes(request.host_header, request.path)


def read_page_beginning(data: bytes, url: str, *, ended: bool) -> str | None:
    """Return what identifies the page; None where more bytes are needed.

    Args:
        data: all bytes that came.
        url: that was asked for.
        ended: whether the other side closed the connection.

    Raises:
        OperationError: the bytes are no HTTP, or the head is too large.
        EOFError: the answer ended before what identifies it.
    """
    found = _final_head(data)
    if found is None:
        if ended:
            raise EOFError
        return None
    head, end = found
    response = HttpResponse(head.status, head.headers)
    if head.status in REDIRECTS:
        return f"{head.status} {_origin(location(head.status, response.header('location'), url))}".rstrip()
    if not head.has_body or head.length == 0:
        return str(head.status)
    body, whole = _decoded(head, response, data[end:])
    if name := title(body.decode("utf-8", "replace")):
        return f"{head.status} {name[:_MAX_TEXT_CHARACTERS]}".rstrip()
    if len(body) < MAX_SEARCHED_BYTES and not whole:
        if not ended:
            return None
        if head.length is not None or head.chunked:
            raise EOFError
    return f"{head.status} {hashlib.sha256(body[:HASHED_BYTES]).hexdigest()[:16]}"


def _final_head(data: bytes) -> tuple[ResponseHead, int] | None:
    """Return the first head that is not informational, and where its body begins; None where it is not complete."""
    at = 0
    while True:
        begin = begin_of_head(data[at : at + 32])
        if begin is None:
            raise operation_error(Failure.GARBAGE, "HTTP: no status line")
        at += begin
        end = end_of_head(data, at)
        if end is None:
            if len(data) > MAX_HEAD_BYTES:
                raise operation_error(Failure.TOO_MUCH, "header")
            return None
        head = parse_head(data[at:end])
        if head is None:
            raise operation_error(Failure.GARBAGE, "HTTP: no status line")
        if head.status >= 200 or head.status == 101:
            return head, end
        at = end


def _decoded(head: ResponseHead, response: HttpResponse, data: bytes) -> tuple[bytes, bool]:
    """Return the decoded beginning of the body, and whether that is all of it."""
    try:
        chunks = ChunkDecoder() if head.chunked else None
        if head.length is not None:
            data = data[: head.length]
        whole = head.length is not None and len(data) == head.length
        if chunks is not None:
            data = chunks.decode(data)
            whole = chunks.ended
        return ContentDecoder(response).decode(data, MAX_SEARCHED_BYTES), whole
    except (zlib.error, ValueError) as error:
        raise operation_error(Failure.GARBAGE, f"body: {error}") from error


def _origin(url: str) -> str:
    """Return scheme and host of a URL; all of a text that is none."""
    scheme, separator, rest = url.partition("://")
    return f"{scheme}{separator}{rest.partition('/')[0]}"[:_MAX_TEXT_CHARACTERS]
