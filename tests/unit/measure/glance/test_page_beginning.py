"""What identifies a page is read from its beginning, however it is cut; the request is the full look's."""

from __future__ import annotations

import gzip
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.measure.failures import OperationError
from probe.measure.glance.page_beginning import HASHED_BYTES, MAX_HEAD_BYTES, page_request, read_page_beginning
from probe.measure.http_get import BROWSER_HEADERS
from probe.model.failure import Failure
from probe.model.glance import glance_requests
from probe.model.target import parse

URL = "http://lab.example/"
PAGE = b"<html><head><title>Lab  page</title></head><body>" + b"x" * 200 + b"</body></html>"
BARE = b"y" * 1000


def answer(body: bytes = PAGE, status: str = "200 OK", headers: str = "", *, length: bool = True) -> bytes:
    """Return an HTTP answer."""
    size = f"Content-Length: {len(body)}\r\n" if length else ""
    return f"HTTP/1.1 {status}\r\n{size}{headers}\r\n".encode() + body


def digits(body: bytes) -> str:
    """Return what identifies a body without a title."""
    return hashlib.sha256(body[:HASHED_BYTES]).hexdigest()[:16]


def chunked(body: bytes) -> bytes:
    """Return a body in chunks of 64 bytes."""
    pieces = [body[at : at + 64] for at in range(0, len(body), 64)]
    return b"".join(f"{len(piece):x}\r\n".encode() + piece + b"\r\n" for piece in pieces) + b"0\r\n\r\n"


@pytest.mark.parametrize("size", [1, 13, 5000])
@pytest.mark.parametrize(
    ("data", "seen"),
    [
        (answer(), "200 Lab page"),
        (answer(status="404 Not Found"), "404 Lab page"),
        (answer(gzip.compress(PAGE), headers="Content-Encoding: gzip\r\n"), "200 Lab page"),
        (answer(chunked(PAGE), headers="Transfer-Encoding: chunked\r\n", length=False), "200 Lab page"),
        (answer(BARE), f"200 {digits(BARE)}"),
        (answer(BARE * 20), f"200 {digits(BARE)}"),
        (answer(b""), "200"),
        (answer(b"", "204 No Content", length=False), "204"),
        (answer(b"", "301 Moved", "Location: https://lab.example/x?y\r\n"), "301 https://lab.example"),
        (answer(b"", "302 Found", "Location: /login\r\n"), "302 http://lab.example"),
        (answer(b"", "302 Found"), "302"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + answer(), "200 Lab page"),
    ],
)
def test_the_page_is_identified_however_it_is_cut(data: bytes, seen: str, size: int) -> None:
    """By its title, its redirect's origin, or its first bytes."""
    found = None
    for end in range(size, len(data) + size, size):
        found = read_page_beginning(data[:end], URL, ended=False)
        if found is not None:
            break

    assert found == seen


def test_a_page_that_ends_with_the_connection_is_identified_then() -> None:
    """Without a length there is no other end."""
    data = answer(BARE, length=False)

    assert read_page_beginning(data, URL, ended=False) is None
    assert read_page_beginning(data, URL, ended=True) == f"200 {digits(BARE)}"


@pytest.mark.parametrize("data", [b"", b"HTTP/1.1 200 OK\r\nA: b\r\n", answer(BARE)[:-1]])
def test_an_answer_that_stops_early_is_cut(data: bytes) -> None:
    """In the head, or before the stated length."""
    with pytest.raises(EOFError):
        read_page_beginning(data, URL, ended=True)


def test_other_bytes_are_garbage_and_an_endless_head_is_too_much() -> None:
    """Either is refused without waiting for more."""
    for data, failure in (
        (b"SSH-2.0-OpenSSH\r\n", Failure.GARBAGE),
        (b"HTTP/1.1 2\r\n\r\n", Failure.GARBAGE),
        (b"HTTP/1.1 200 OK\r\nA: " + b"a" * MAX_HEAD_BYTES, Failure.TOO_MUCH),
        (answer(b"zz\r\n", headers="Transfer-Encoding: chunked\r\n", length=False), Failure.GARBAGE),
    ):
        with pytest.raises(OperationError) as raised:
            read_page_beginning(data, URL, ended=False)
        assert raised.value.info.failure is failure


def test_a_bomb_is_decoded_to_a_few_kilobytes_only() -> None:
    """Its first bytes identify it."""
    data = answer(gzip.compress(bytes(64 << 20)), headers="Content-Encoding: gzip\r\n")

    assert read_page_beginning(data[:60_000], URL, ended=False) == f"200 {digits(bytes(1000))}"


def test_the_request_is_that_of_the_full_look() -> None:
    """Its headers are in the same order."""
    (request,) = glance_requests(parse("http://lab.example:81/x?y"))
    lines = page_request(request).decode().split("\r\n")

    assert lines[:2] == ["GET /x?y HTTP/1.1", "Host: lab.example:81"]
    assert lines[2:-2] == [f"{name}: {value}" for name, value in BROWSER_HEADERS]


@given(st.binary(max_size=400), st.booleans())
def test_no_bytes_raise_anything_else(data: bytes, ended: bool) -> None:
    """Behind a good head, too."""
    for start in (b"", b"HTTP/1.1 200 OK\r\n", answer(b"", headers="Content-Encoding: gzip\r\n", length=False)):
        try:
            read_page_beginning(start + data, URL, ended=ended)
        except (OperationError, EOFError):
            continue
