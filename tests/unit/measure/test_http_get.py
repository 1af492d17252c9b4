"""The usual head, read as a general parser reads it."""

from __future__ import annotations

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.measure.http_get import ResponseHead, parse_simple_head

_NAMES = st.sampled_from([b"Server", b"X-A", b"Content-Length", b"content-length", b"Transfer-Encoding", b"Set-Cookie"])
_VALUES = st.one_of(
    st.integers(0, 3000).map(lambda number: str(number).encode()),
    st.sampled_from([b"chunked", b"gzip", b" padded  ", b"", b"5, 5", b"+5", b"a\tb", b"\xd0\x94", b"a\r\n folded"]),
    st.binary(max_size=12),
)
_HEADS = st.builds(
    lambda line, fields, end: line + b"".join(name + b":" + value + b"\r\n" for name, value in fields) + end,
    st.sampled_from(
        [
            *(b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 404\r\n", b"HTTP/1.0 200 OK\r\n", b"HTTP/1.1 204 No\r\n"),
            *(b"HTTP/1.1 103 Hints\r\n", b"HTTP/1.1 200OK\r\n", b"HTTP/1.1 599 \xff\r\n", b"HTTP/1.1 200 OK\n"),
        ]
    ),
    st.lists(st.tuples(_NAMES, _VALUES), max_size=4),
    st.sampled_from([b"\r\n", b"\n", b"", b"\r\nbody"]),
)


@given(_HEADS)
def test_it_says_nothing_else_than_the_general_parser(data: bytes) -> None:
    """Wherever it says anything at all."""
    head = parse_simple_head(data)
    if head is None:
        return
    http = h11.Connection(h11.CLIENT)
    http.send(h11.Request(method="GET", target="/", headers=[("Host", "lab.example")]))
    http.send(h11.EndOfMessage())
    http.receive_data(data[: head.size] + b"x" * (head.length + 1))

    answer = http.next_event()
    body = b""
    while isinstance(event := http.next_event(), h11.Data):
        body += event.data

    assert isinstance(answer, h11.Response)
    assert isinstance(event, h11.EndOfMessage)
    assert head.status == answer.status_code
    assert head.headers == [(name.decode(), value) for name, value in answer.headers]
    assert len(body) == head.length


def test_it_is_read_with_its_place() -> None:
    """The body begins where it ends."""
    data = b"HTTP/1.1 302 Found\r\nLocation:  /b \r\nContent-Length: 3\r\n\r\nabc"

    assert parse_simple_head(data) == ResponseHead(
        302, [("location", b"/b"), ("content-length", b"3")], 3, len(data) - 3
    )


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n",
        b"HTTP/1.1 200 OK\r\nServer: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 16 + b"\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\n",
    ],
    ids=["nothing", "part", "no length", "two lengths", "chunks", "no body", "too long a body", "1.0"],
)
def test_anything_else_is_left_to_the_general_parser(data: bytes) -> None:
    """Also what would be in order."""
    assert parse_simple_head(data) is None
