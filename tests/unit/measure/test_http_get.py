"""The request, the decoding of its answer, and their bounds."""

from __future__ import annotations

import gzip
import zlib
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.measure.http_get import (
    MAX_COOKIE_BYTES,
    ContentDecoder,
    HttpResponse,
    check_request,
    cookie_field,
    request_target,
)


def decoded(coding: str, data: bytes, piece: int = 1 << 20) -> bytes:
    """The body of an answer with this coding, that arrives in pieces."""
    decoder = ContentDecoder(HttpResponse(headers=[("content-encoding", coding.encode())]))
    return b"".join(decoder.decode(data[at : at + piece], 1 << 20) for at in range(0, len(data), piece))


@pytest.mark.parametrize("piece", [1, 3, 1000])
@given(body=st.binary(max_size=200))
def test_each_coding_is_decoded_in_pieces_of_any_size(body: bytes, piece: int) -> None:
    """Also deflate without its header, and bytes that have no coding."""
    assert decoded("gzip", gzip.compress(body), piece) == body
    assert decoded("deflate", zlib.compress(body), piece) == body
    assert decoded("", body, piece) == body


@pytest.mark.parametrize("piece", [1, 7, 1000])
@pytest.mark.parametrize("coding", ["gzip", "deflate", "x-gzip"])
def test_a_body_that_was_never_encoded_is_read_as_it_is(coding: str, piece: int) -> None:
    """Some servers put the label on every answer."""
    assert decoded(coding, b"<html>plain</html>", piece) == b"<html>plain</html>"


def test_a_body_that_stops_being_of_its_coding_is_refused() -> None:
    """Its beginning was decoded."""
    packed = gzip.compress(Random(7).randbytes(9_000))
    with pytest.raises(zlib.error):
        decoded("gzip", packed[:-8] + bytes(8), 100)


@pytest.mark.parametrize(
    ("host", "target", "cookie"),
    [("", "/", ""), ("a b", "/", ""), ("a", "/ b", ""), ("a", "/", "x\r\nY: z"), ("a", "/", "x" * 9000)],
)
def test_what_would_not_be_one_request_is_refused(host: str, target: str, cookie: str) -> None:
    """A redirect or a cookie must not add header fields."""
    check_request("a", "/", "")
    with pytest.raises(ValueError, match="request"):
        check_request(host, target, cookie)


def test_a_cookie_field_has_as_many_cookies_as_it_may_hold() -> None:
    """Servers refuse longer ones."""
    assert cookie_field([("a", "1"), ("b", "2")]) == "a=1; b=2"
    assert cookie_field([]) == ""
    assert len(cookie_field([(f"c{number}", "x" * 100) for number in range(500)])) <= MAX_COOKIE_BYTES


def test_a_target_is_path_and_query() -> None:
    """The path is never empty."""
    assert (request_target("", ""), request_target("/a", "b=c")) == ("/", "/a?b=c")


@pytest.mark.parametrize(
    ("headers", "body", "whole"),
    [
        ([], b"<html></HTML>\r\n", True),
        ([("content-length", b"")], b"</html>", True),
        ([("content-length", b"900")], b"</html>", False),
        ([("transfer-encoding", b"chunked")], b"</html>", False),
        ([], b"<html>", False),
    ],
)
def test_a_page_without_a_length_is_whole_at_its_last_tag(
    headers: list[tuple[str, bytes]], body: bytes, whole: bool
) -> None:
    """A connection that stays open, or is reset, cuts nothing off."""
    response = HttpResponse(200, headers, body=bytearray(body))

    assert response.page_is_whole is whole
    assert not HttpResponse(0, headers, body=bytearray(body)).page_is_whole
