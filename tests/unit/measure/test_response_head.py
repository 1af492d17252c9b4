"""Heads are read as h11 reads the valid ones, and as browsers read the others; chunks come in any cut."""

from __future__ import annotations

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.measure.response_head import ChunkDecoder, begin_of_head, end_of_head, parse_head
from tests.unit.measure.cpu_time import MAX_CPU_SECONDS, cpu_seconds

_NAMES = st.sampled_from([b"Server", b"X-A", b"Content-Length", b"content-length", b"Transfer-Encoding", b"Set-Cookie"])
_VALUES = st.one_of(
    st.integers(0, 3000).map(lambda number: str(number).encode()),
    st.sampled_from([b"chunked", b"gzip", b" padded  ", b"", b"+5", b"a\tb", b"\xd0\x94", b"a\r\n folded"]),
    st.binary(max_size=12),
)
_HEADS = st.builds(
    lambda line, fields: line + b"".join(name + b":" + value + b"\r\n" for name, value in fields) + b"\r\n",
    st.sampled_from(
        [
            *(b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 404\r\n", b"HTTP/1.0 200 OK\r\n", b"HTTP/1.1 204 No\r\n"),
            *(b"HTTP/1.1 200OK\r\n", b"HTTP/1.1 599 \xff\r\n", b"HTTP/1.1 200 OK\n"),
        ]
    ),
    st.lists(st.tuples(_NAMES, _VALUES), max_size=4),
)


@given(_HEADS)
def test_a_head_that_a_strict_parser_accepts_is_read_alike(data: bytes) -> None:
    """Status, fields, and how the body is framed."""
    http = h11.Connection(h11.CLIENT)
    http.send(h11.Request(method="GET", target="/", headers=[("Host", "lab.example")]))
    http.send(h11.EndOfMessage())
    http.receive_data(data)
    try:
        answer = http.next_event()
    except h11.RemoteProtocolError:
        return
    if not isinstance(answer, h11.Response) or http.trailing_data[0]:
        return  # an empty line among the fields: the head ends there
    head = parse_head(data[: end_of_head(data)])

    assert head is not None
    assert head.status == answer.status_code
    assert list(dict.fromkeys(head.headers)) == list(
        dict.fromkeys((name.decode(), value) for name, value in answer.headers)
    )


@given(st.binary(max_size=300))
def test_any_bytes_have_a_result(data: bytes) -> None:
    """Nothing is raised."""
    parse_head(data)
    parse_head(b"HTTP/1.1 200 OK\r\n" + data)
    begin_of_head(data)


@pytest.mark.parametrize(
    ("line", "headers"),
    [
        (b"Location : /b", [("location", b"/b")]),
        (b"no colon here", []),
        (b"X-A: a\0b", [("x-a", b"a\0b")]),
        (b"X-A: a\r\n  b", [("x-a", b"a b")]),
        (b": no name", []),
        (b"Two words: x", []),
        (b"X-A:\t padded \t", [("x-a", b"padded")]),
        ("X-\u00e9: x".encode(), []),
    ],
)
def test_fields_that_the_standard_forbids_are_read_as_browsers_read_them(
    line: bytes, headers: list[tuple[str, bytes]]
) -> None:
    """A line that is no field is left out, and the fields around it count."""
    head = parse_head(b"HTTP/1.1 302 Found\r\nServer: x\r\n" + line + b"\r\nX-Z: z\r\n\r\n")

    assert head is not None
    assert head.headers == [("server", b"x"), *headers, ("x-z", b"z")]


@pytest.mark.parametrize(
    ("fields", "length", "chunked"),
    [
        (b"Content-Length: 3", 3, False),
        (b"Content-Length:", None, False),
        (b"Content-Length: 3\r\nContent-Length: 3", 3, False),
        (b"Content-Length: 3, 3", 3, False),
        (b"Content-Length: x\r\nContent-Length: 3", 3, False),
        (b"Content-Length: -3", None, False),
        (b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", None, True),
        (b"Transfer-Encoding: chunked, chunked\r\nContent-Length: 3", None, True),
        (b"Transfer-Encoding: identity", None, False),
    ],
)
def test_the_end_of_the_body_is_found_whatever_the_fields_say_twice(
    fields: bytes, length: int | None, chunked: bool
) -> None:
    """Chunks go before a length."""
    head = parse_head(b"HTTP/1.1 200 OK\r\n" + fields + b"\r\n\r\n")

    assert head is not None
    assert (head.length, head.chunked) == (length, chunked)


@pytest.mark.parametrize(
    ("line", "status"),
    [
        (b"HTTP/1.1 200 OK", 200),
        (b"http/1.0 404", 404),
        (b"\r\n\r\nHTTP/1.1 200 OK", 200),
        (b"HTTP/1.1\t 503", 503),
        (b"HTTP 200 OK", 200),
        (b"HTTP/1.1 2000", 0),
        (b"HTTP/1.1 OK", 0),
        (b"SSH-2.0-OpenSSH", 0),
    ],
)
def test_a_status_line_is_found(line: bytes, status: int) -> None:
    """Empty lines may stand before it."""
    head = parse_head(line + b"\r\n\r\n")

    assert (head.status if head else 0) == status


def test_the_names_are_kept_as_they_were_sent() -> None:
    """Order and case show which program wrote them."""
    head = parse_head(b"HTTP/1.1 200 OK\r\nDate: x\r\nserver: y\r\n\r\n")

    assert head is not None
    assert head.names == ("Date", "server")


@pytest.mark.parametrize(
    ("data", "begin"),
    [(b"HTTP", 0), (b"\r\nHT", 2), (b"", 0), (b"\n", 1), (b"SSH", None), (b"<html>", None), (b"HTML", None)],
)
def test_bytes_that_cannot_become_a_response_are_noticed_at_once(data: bytes, begin: int | None) -> None:
    """Silence after them would be waiting for nothing."""
    assert begin_of_head(data) == begin


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=6), st.integers(1, 9))
def test_a_chunked_body_is_reassembled_whatever_the_cuts(chunks: list[bytes], size: int) -> None:
    """The chunks' sizes and the pieces in which they arrive."""
    data = b"".join(b"%x;ext\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\nTrailer: x\r\n\r\n"
    decoder = ChunkDecoder()
    body = b"".join(decoder.decode(data[at : at + size]) for at in range(0, len(data), size))

    assert (body, decoder.ended) == (b"".join(chunks), True)


@pytest.mark.parametrize("data", [b"zz\r\n", b"1;" + b"e" * 20_000, b"1\r\nxyz\r\n"])
def test_a_chunk_without_a_size_is_refused(data: bytes) -> None:
    """The line may have no end."""
    with pytest.raises(ValueError, match="chunk"):
        ChunkDecoder().decode(data)


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 200 OK\r\n" + b"a:\r\n" * 60_000 + b"\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"a:" * 120_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA: b\r\n" + b" x\r\n" * 60_000 + b"\r\n",
        b"HTTP/1.1 200 " + b"a" * 250_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: " + b"5," * 120_000 + b"\r\n\r\n",
    ],
    ids=["tiny fields", "colons", "folded fields", "a reason", "a list of lengths"],
)
def test_a_large_head_costs_little(data: bytes) -> None:
    """256 KiB, in forms that make a backtracking pattern slow."""
    assert cpu_seconds(lambda: parse_head(data[: end_of_head(data)])) < MAX_CPU_SECONDS
