"""Requests with a low TTL on loopback: nothing expires here, so the answers are tested."""

from __future__ import annotations

import asyncio
import select
import socket
import sys
from typing import cast

import pytest

from probe.measure import trace as tracing
from probe.measure.tools import Timestamps, Tools
from probe.measure.trace import trace
from probe.model.failure import Failure
from probe.model.observation import Observation, TracePayload, TraceReply
from probe.model.step import Trace
from tests.loopback.tiny_servers import Talk, abort, serving, silent


async def traced(
    port: int, tools: Tools, payload: TracePayload = TracePayload.HELLO, name: str = "lab.example", **more: object
) -> TraceReply:
    """Return the observation of one step."""
    seen: list[Observation] = []
    step = Trace(payload=payload, address="127.0.0.1", port=port, name=name, ttl=3, **more)  # type: ignore[arg-type]
    await trace(step, tools, Timestamps(asyncio.get_running_loop().time(), step.position), seen.append)
    (one,) = seen
    assert isinstance(one, TraceReply)
    return one


def closed_udp_port() -> int:
    """Return a UDP port of this host that nobody listens on."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as unused:
        unused.bind(("127.0.0.1", 0))
        return int(unused.getsockname()[1])


def replying(data: bytes, heard: list[bytes], *, reset: bool = False) -> Talk:
    """Return a server that reads once, sends these bytes, and closes or resets."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read(65536))
        writer.write(data)
        await writer.drain()
        if reset:
            abort(writer)

    return talk


@pytest.mark.parametrize(
    ("data", "reset", "failure"),
    [(b"\x16\x03\x03", False, None), (b"", False, Failure.EOF), (b"", True, Failure.RESET)],
)
async def test_each_answer_to_a_hello_is_classified(
    data: bytes, reset: bool, failure: Failure | None, tools: Tools
) -> None:
    """Bytes, a FIN, an RST. The request is a ClientHello with the name."""
    heard: list[bytes] = []
    async with serving(replying(data, heard, reset=reset)) as port:
        one = await traced(port, tools)

    assert (one.failure, one.opened, one.ttl) == (failure, True, 3)
    assert heard[0][:2] == b"\x16\x03"
    assert b"lab.example" in heard[0]


async def test_a_request_is_the_same_as_a_fetch_sends(tools: Tools) -> None:
    """Path, query and port; the headers of a browser."""
    heard: list[bytes] = []
    async with serving(replying(b"HTTP/1.1 200 OK\r\n\r\n", heard)) as port:
        one = await traced(port, tools, TracePayload.REQUEST, f"http://lab.example:{port}/a?b")

    assert one.failure is None
    assert heard[0].startswith(f"GET /a?b HTTP/1.1\r\nHost: lab.example:{port}\r\nUser-Agent: Mozilla/".encode())
    assert heard[0].endswith(b"\r\n\r\n")


async def test_silence_after_a_delivered_request_is_an_acknowledged_time_out(tools: Tools) -> None:
    """Linux shows that the request was acknowledged."""
    async with serving(silent) as port:
        one = await traced(port, tools)

    assert (one.failure, one.opened) == (Failure.TIMEOUT, True)
    assert one.acked is (True if sys.platform == "linux" else None)


async def test_a_connection_reset_before_the_request_is_no_answer(tools: Tools) -> None:
    """The name was not sent."""

    async def cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        abort(writer)

    async with serving(cut) as port:
        one = await traced(port, tools)

    assert (one.failure, one.opened) == (Failure.RESET, False)


async def test_a_refused_connection_is_no_answer(tools: Tools) -> None:
    """It is observed with its failure."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        one = await traced(unused.getsockname()[1], tools)

    assert (one.failure, one.opened) == (Failure.RESET, False)


class _Resolver(asyncio.DatagramProtocol):
    """A DNS server that answers the second of two queries, or none, first under another id."""

    def __init__(self, answers: int) -> None:
        self.queries: list[bytes] = []
        self._answers = answers

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.queries.append(data)
        if len(self.queries) == self._answers:
            nxdomain = data[2:12].replace(data[2:4], b"\x81\x83", 1) + data[12:]
            self._transport.sendto(bytes([data[0] ^ 1]) + data[1:2] + nxdomain, addr)
            self._transport.sendto(data[:2] + nxdomain, addr)


@pytest.mark.parametrize(("answers", "failure"), [(1, None), (2, None), (0, Failure.TIMEOUT)])
async def test_a_query_is_sent_twice_and_any_answer_under_its_id_counts(answers: int, failure: Failure | None) -> None:
    loop = asyncio.get_running_loop()
    transport, resolver = await loop.create_datagram_endpoint(lambda: _Resolver(answers), local_addr=("127.0.0.1", 0))
    try:
        async with Tools(1.2) as tools:
            one = await traced(transport.get_extra_info("sockname")[1], tools, TracePayload.QUERY)
    finally:
        transport.close()

    assert one.failure is failure
    assert len(resolver.queries) == (answers or 2)


async def test_a_query_to_a_closed_port_is_unreachable(tools: Tools) -> None:
    """An ICMP message came back."""
    one = await traced(closed_udp_port(), tools, TracePayload.QUERY)

    assert one.failure is Failure.UNREACHABLE


@pytest.mark.parametrize(
    ("family", "level", "option"),
    [
        (socket.AF_INET, socket.IPPROTO_IP, socket.IP_TTL),
        (socket.AF_INET6, socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS),
    ],
    ids=["IPv4", "IPv6"],
)
@pytest.mark.skipif(not socket.has_ipv6, reason="this host was built without IPv6")
def test_the_ttl_is_set_for_both_families(family: socket.AddressFamily, level: int, option: int) -> None:
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        tracing._set_ttl(sock, 3)

        assert sock.getsockopt(level, option) == 3


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has an error queue")
def test_a_socket_whose_icmp_errors_are_discarded_is_not_readable() -> None:
    """The event loop would otherwise call its reader without an end."""
    poll = select.poll()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        tracing._set_ttl(sock, 3)
        sock.bind(("127.0.0.1", 0))
        sock.connect(("127.0.0.1", closed_udp_port()))
        sock.setblocking(False)
        sock.send(b"query")
        poll.register(sock, select.POLLIN)
        assert poll.poll(5000)
        with pytest.raises(ConnectionRefusedError):
            sock.recv(100)
        assert poll.poll(0)  # the message itself is still in the queue

        tracing._discard_errors(sock)

        assert poll.poll(0) == []
