"""A simple head is parsed as h11 parses it, and every other one is left to h11."""

from __future__ import annotations

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.measure.http_get import ResponseHead, parse_simple_head
from tests.unit.measure.cpu_time import MAX_CPU_SECONDS, cpu_seconds

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
def test_a_simple_head_is_parsed_as_h11_parses_it(data: bytes) -> None:
    """Status, fields and the length of the body agree."""
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


def test_the_body_begins_after_the_head() -> None:
    """Names are in lower case, spaces around values removed."""
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
def test_other_heads_are_left_to_h11(data: bytes) -> None:
    """Among them heads that are valid."""
    assert parse_simple_head(data) is None


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 200 OK\r\n" + b"a:\r\n" * 16300 + b"Content-Length: 5\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"a:\r\n" * 16300 + b"b\0",
        b"HTTP/1.1 200 OK\r\n" + b"a:" * 32700 + b"\0",
        b"HTTP/1.1 200 " + b"a" * 65000 + b"\0",
    ],
    ids=["tiny fields", "an end that does not match", "colons", "a reason"],
)
def test_a_large_head_costs_little(data: bytes) -> None:
    """64 KiB, in forms that make a backtracking pattern slow."""
    assert cpu_seconds(lambda: parse_simple_head(data)) < MAX_CPU_SECONDS
