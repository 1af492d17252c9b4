"""QUIC handshakes with a real server, over a good path and over filtering ones."""

from __future__ import annotations

import asyncio
import errno
import importlib.util
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trustme
from aioquic.asyncio import QuicConnectionProtocol, serve
from aioquic.buffer import Buffer
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.crypto import CryptoPair
from aioquic.quic.events import HandshakeCompleted, QuicEvent
from aioquic.quic.packet import QuicFrameType, QuicPacketType, QuicProtocolVersion, pull_quic_header
from aioquic.quic.packet_builder import QuicPacketBuilder

from probe.clock import Clock
from probe.errors import ProbeError
from probe.judge.anchor_content import classify
from probe.measure import quic as quic_module
from probe.measure.anchors import AnchorWatch
from probe.measure.connect import open_tcp
from probe.measure.pace import PaceLimiter
from probe.measure.quic import quic, require_aioquic
from probe.measure.tools import Timestamps, Tools
from probe.model.failure import Failure
from probe.model.observation import Observation, QuicExchange
from probe.model.step import QuicHandshake
from probe.model.target import parse
from probe.model.verdict import Cause, Status
from probe.session.measurement import MeasurementContext, measure_target


@asynccontextmanager
async def quic_server(
    ca: trustme.CA,
    folder: Path,
    *,
    name: str = "lab.example",
    alpn: str = "h3",
    protocol: type[QuicConnectionProtocol] = QuicConnectionProtocol,
) -> AsyncIterator[int]:
    """Run a QUIC server on 127.0.0.1; yield its port."""
    issued = ca.issue_cert(name)
    chain, key = folder / "chain.pem", folder / "key.pem"
    issued.cert_chain_pems[0].write_to_path(str(chain))
    issued.private_key_pem.write_to_path(str(key))
    configuration = QuicConfiguration(is_client=False, alpn_protocols=[alpn])
    configuration.load_cert_chain(chain, key)
    server = await serve("127.0.0.1", 0, configuration=configuration, create_protocol=protocol)
    try:
        yield server._transport.get_extra_info("sockname")[1]
    finally:
        server.close()
        await asyncio.sleep(0)


class _Path(asyncio.DatagramProtocol):
    """A relay that passes datagrams between one client and a server, as `passes` allows."""

    def __init__(self, server: int, passes: Callable[[int], bool]) -> None:
        self._server = server
        self._passes = passes
        self._client: tuple[str, int] | None = None
        self.seen = 0

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if addr[1] == self._server:
            if self._client is not None:
                self._transport.sendto(data, self._client)
            return
        self._client = addr
        self.seen += 1
        if self._passes(self.seen):
            self._transport.sendto(data, ("127.0.0.1", self._server))


@asynccontextmanager
async def path_to(server: int, passes: Callable[[int], bool]) -> AsyncIterator[int]:
    """Run a relay before a server; `passes(n)` decides whether the client's n-th datagram is passed on."""
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: _Path(server, passes), local_addr=("127.0.0.1", 0))
    try:
        yield transport.get_extra_info("sockname")[1]
    finally:
        transport.close()


async def shaken(
    port: int, tools: Tools, *, sni: str = "lab.example", verify: bool = True, later: float = 0.0
) -> list[QuicExchange]:
    """Return the observations of one step."""
    seen: list[Observation] = []
    step = QuicHandshake(address="127.0.0.1", port=port, sni=sni, verify=verify, later=later)
    await quic(step, tools, Timestamps(asyncio.get_running_loop().time(), step.position), seen.append)
    assert all(isinstance(one, QuicExchange) for one in seen)
    return seen  # type: ignore[return-value]


async def test_a_handshake_and_a_later_ping_are_observed(tools: Tools, ca: trustme.CA, tmp_path: Path) -> None:
    """The certificate is verified; the PING is sent on the same tuple."""
    async with quic_server(ca, tmp_path) as port:
        first, later = await shaken(port, tools, later=0.2)

    assert (first.failure, first.verified, first.alpn, first.answered, first.gap) == (None, True, "h3", True, 0)
    assert tools.pace.budget.bytes_read > 1200  # the server's Initial, at the least
    assert (later.failure, later.answered) == (None, True)
    assert later.gap >= 200


@pytest.mark.usefixtures("believed")
async def test_a_filter_that_acts_after_the_handshake_is_seen_by_the_ping(ca: trustme.CA, tmp_path: Path) -> None:
    """Datagrams of the client are dropped from some time after the first, as by the GFW."""
    loop = asyncio.get_running_loop()
    async with quic_server(ca, tmp_path) as port, Tools(timeout=1.0, pace=PaceLimiter(0)) as tools:
        began = loop.time()
        async with path_to(port, lambda _: loop.time() < began + 0.5) as relay:
            first, later = await shaken(relay, tools, later=0.6)

    assert first.failure is None
    assert (later.failure, later.answered) == (Failure.TIMEOUT, False)


async def test_silence_is_a_time_out_without_a_ping() -> None:
    """No Initial is answered."""
    async with path_to(9, lambda _: False) as port, Tools(timeout=0.4, pace=PaceLimiter(0)) as tools:
        (only,) = await shaken(port, tools, later=0.2)

    assert (only.failure, only.answered, only.verified) == (Failure.TIMEOUT, False, False)
    assert only.took >= 400


async def test_a_closed_port_is_unreachable(tools: Tools) -> None:
    """An ICMP message comes back to the connected socket."""
    async with path_to(9, lambda _: False) as port:
        pass
    (only,) = await shaken(port, tools)

    assert (only.failure, only.answered) == (Failure.UNREACHABLE, False)


async def test_a_certificate_of_another_name_does_not_verify(tools: Tools, ca: trustme.CA, tmp_path: Path) -> None:
    """Without verification the handshake succeeds."""
    async with quic_server(ca, tmp_path, name="other.example") as port:
        (refused,) = await shaken(port, tools)
        (stood,) = await shaken(port, tools, verify=False)

    assert (refused.failure, refused.answered, refused.verified) == (Failure.CERTIFICATE, True, False)
    assert "doesn't match" in refused.detail
    assert (stood.failure, stood.verified) == (None, False)


async def test_an_alert_of_the_server_keeps_its_name(tools: Tools, ca: trustme.CA, tmp_path: Path) -> None:
    """A server without HTTP/3 sends it in CONNECTION_CLOSE."""
    async with quic_server(ca, tmp_path, alpn="other") as port:
        (only,) = await shaken(port, tools)

    assert (only.failure, only.answered) == (Failure.ALERT, True)
    assert only.alert


class _Closes(QuicConnectionProtocol):
    """Closes each connection as soon as its handshake is over."""

    def quic_event_received(self, event: QuicEvent) -> None:
        if isinstance(event, HandshakeCompleted):
            self.close()


@pytest.mark.usefixtures("believed")
async def test_a_server_that_closes_before_the_ping_is_observed_once(
    tools: Tools, ca: trustme.CA, tmp_path: Path
) -> None:
    """It was reachable."""
    async with quic_server(ca, tmp_path, protocol=_Closes) as port:
        (only,) = await shaken(port, tools, later=0.3)

    assert (only.failure, only.verified) == (None, True)


@pytest.mark.parametrize(
    ("code", "failure", "alert"),
    [
        (0x2, Failure.EOF, ""),
        (0x12A, Failure.CERTIFICATE, ""),
        (0x128, Failure.ALERT, "handshake_failure"),
        (0x1FE, Failure.ALERT, "alert_254"),
    ],
)
def test_the_reason_of_a_closed_connection_is_classified(code: int, failure: Failure, alert: str) -> None:
    """An error of the server, our refusal of its certificate, its alert, an unknown alert."""
    fault = quic_module._termination(code, "because")

    assert (fault.failure, fault.alert) == (failure, alert)


async def test_a_cancelled_handshake_leaves_no_task_and_no_socket(tools: Tools) -> None:
    """The fixture counts them."""
    async with path_to(9, lambda _: False) as port:
        task = asyncio.create_task(shaken(port, tools))
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_the_next_socket_may_reuse_the_number_of_the_closed_one() -> None:
    """The event loop must have unregistered the old one: under load a healthy target failed once."""
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    async with server, path_to(9, lambda _: False) as silent, Tools(timeout=0.2, pace=PaceLimiter(0)) as tools:
        await shaken(silent, tools)
        with await open_tcp("127.0.0.1", server.sockets[0].getsockname()[1], 5.0) as sock:
            assert await asyncio.get_running_loop().sock_recv(sock, 1) == b""


async def test_a_flood_of_datagrams_ends_the_step(tools: Tools, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever they contain."""
    monkeypatch.setattr(quic_module, "_MAX_DATAGRAMS", 8)
    loop = asyncio.get_running_loop()

    class Flood(asyncio.DatagramProtocol):
        def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
            self.transport = transport

        def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
            for _ in range(20):
                self.transport.sendto(b"\x40" * 50, addr)

    transport, _ = await loop.create_datagram_endpoint(Flood, local_addr=("127.0.0.1", 0))
    (only,) = await shaken(transport.get_extra_info("sockname")[1], tools)
    transport.close()

    assert only.failure is Failure.TOO_MUCH


class CryptoFlood(asyncio.DatagramProtocol):
    """A server that answers the first Initial with CRYPTO frames of one byte, each with a gap before it."""

    def __init__(self, size: int, count: int) -> None:
        self._size = size
        self._count = count

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        """Keep the transport."""
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Send the flood once."""
        if self._count:
            for datagram in self._datagrams(data):
                self.transport.sendto(datagram, addr)
        self._count = 0

    def _datagrams(self, initial: bytes) -> list[bytes]:
        header = pull_quic_header(Buffer(data=initial), host_cid_length=8)
        version = QuicProtocolVersion.VERSION_1
        keys = CryptoPair()
        keys.setup_initial(cid=header.destination_cid, is_client=False, version=version)
        made: list[bytes] = []
        offset = number = 0
        while len(made) < self._count:
            builder = QuicPacketBuilder(
                host_cid=b"12345678",
                peer_cid=header.source_cid,
                version=version,
                is_client=False,
                max_datagram_size=self._size,
                packet_number=number,
            )
            builder.start_packet(QuicPacketType.INITIAL, keys)
            while builder.remaining_flight_space > 24:
                offset += 2
                frame = builder.start_frame(QuicFrameType.CRYPTO, capacity=8)
                frame.push_uint_var(offset)
                frame.push_uint_var(1)
                frame.push_bytes(b"x")
            datagrams, _ = builder.flush()
            made += datagrams
            number = builder.packet_number
        return made


@pytest.mark.parametrize(
    ("size", "count", "detail"), [(1_400, 90, "processing"), (8_000, 1, "datagrams")], ids=["many", "one large"]
)
async def test_datagrams_that_are_costly_to_process_end_the_step(size: int, count: int, detail: str) -> None:
    """Aioquic sorts every CRYPTO frame in among all others: the time grows with the square of their number."""
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: CryptoFlood(size, count), local_addr=("127.0.0.1", 0))
    began = time.thread_time()
    async with Tools(timeout=20.0, pace=PaceLimiter(0)) as tools:
        (only,) = await shaken(transport.get_extra_info("sockname")[1], tools, verify=False)
    transport.close()

    assert (only.failure, only.detail) == (Failure.TOO_MUCH, detail)
    assert time.thread_time() - began < 4


async def test_a_host_without_a_free_file_is_observed(tools: Tools, monkeypatch: pytest.MonkeyPatch) -> None:
    """No datagram was sent, and no PING follows."""

    def exhausted(*_: object) -> None:
        raise OSError(errno.EMFILE, "too many open files")

    with monkeypatch.context() as patch:
        patch.setattr(quic_module.socket, "socket", exhausted)
        (only,) = await shaken(443, tools, later=1.0)

    assert (only.failure, only.detail, only.answered, only.verified) == (Failure.LOCAL, "EMFILE", False, False)
    assert (only.address, only.port, only.sni) == ("127.0.0.1", 443, "lab.example")


async def test_datagrams_of_another_connection_are_ignored() -> None:
    """They do not end the handshake, which lasts until its time-out; but the port is not silent."""
    loop = asyncio.get_running_loop()

    class Echo(asyncio.DatagramProtocol):
        def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
            self.transport = transport

        def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
            self.transport.sendto(b"\x40" * 50, addr)

    transport, _ = await loop.create_datagram_endpoint(Echo, local_addr=("127.0.0.1", 0))
    async with Tools(timeout=0.4, pace=PaceLimiter(0)) as tools:
        (only,) = await shaken(transport.get_extra_info("sockname")[1], tools)
    transport.close()

    assert only.failure is Failure.GARBAGE
    assert only.took >= 400


def test_without_aioquic_the_error_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """With it there is no error."""
    require_aioquic()
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)

    with pytest.raises(ProbeError, match=r"needs the package aioquic \(pip install"):
        require_aioquic()


async def test_without_aioquic_a_quic_target_is_unknown(tools: Tools, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its evidence says how to install the package."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    surroundings = MeasurementContext(tools=tools, anchors=AnchorWatch((), (), tools, Clock(), classify=classify))

    verdict = await measure_target("quic://127.0.0.1:9", parse("quic://127.0.0.1:9"), surroundings)

    assert verdict.status is Status.UNKNOWN
    assert "pip install 'reachability-probe[quic]'" in verdict.evidence.error


async def test_a_silent_port_is_unreachable_and_never_blocked_without_a_control(tools: Tools) -> None:
    """Nothing shows that anybody speaks QUIC there."""
    async with path_to(9, lambda _: False) as port:
        text = f"quic://127.0.0.1:{port}"
        surroundings = MeasurementContext(tools=tools, anchors=AnchorWatch((), (), tools, Clock(), classify=classify))
        verdict = await measure_target(text, parse(text), surroundings)

    assert (verdict.status, verdict.rule, verdict.causes) == (
        Status.UNREACHABLE,
        "quic.ambiguous",
        (Cause.QUIC_TIMEOUT,),
    )


@pytest.mark.usefixtures("believed")
async def test_a_server_of_quic_is_reachable(tools: Tools, ca: trustme.CA, tmp_path: Path) -> None:
    """From the target's text to the verdict, the look five seconds later included."""
    async with quic_server(ca, tmp_path, name="127.0.0.1") as port:
        text = f"quic://127.0.0.1:{port}"
        surroundings = MeasurementContext(tools=tools, anchors=AnchorWatch((), (), tools, Clock(), classify=classify))
        verdict = await measure_target(text, parse(text), surroundings)

    assert (verdict.status, verdict.rule) == (Status.REACHABLE, "served")
    gaps = [one.gap for one in verdict.evidence.observations if isinstance(one, QuicExchange)]
    assert len(gaps) == 2
    assert gaps[1] >= 5000


class _Talker(asyncio.DatagramProtocol):
    """Answers every datagram with what `reply` makes of it."""

    def __init__(self, reply: Callable[[bytes], bytes]) -> None:
        self._reply = reply

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._transport.sendto(self._reply(data), addr)


@pytest.mark.parametrize(
    "reply", [lambda data: data, lambda _: b"hello\n", lambda data: bytes(len(data))], ids=range(3)
)
async def test_an_echo_or_garbage_is_no_silence(reply: Callable[[bytes], bytes]) -> None:
    """Something answers at the port, so it is not silent: the handshake fails by garbage."""
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: _Talker(reply), local_addr=("127.0.0.1", 0))
    async with Tools(timeout=0.5, pace=PaceLimiter(0)) as tools:
        (seen,) = await shaken(transport.get_extra_info("sockname")[1], tools, verify=False)
    transport.close()

    assert (seen.failure, seen.answered) == (Failure.GARBAGE, True)


class _HalfPath(_Path):
    """A relay that passes only the beginning of the server's datagrams: its Initial, and not its Handshake packets."""

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        super().datagram_received(data[:400] if addr[1] == self._server else data, addr)


async def test_a_handshake_that_stops_after_the_servers_first_reply_is_a_time_out(
    tools: Tools, ca: trustme.CA, tmp_path: Path
) -> None:
    """A filter that acts late lets the first reply through."""
    loop = asyncio.get_running_loop()
    async with quic_server(ca, tmp_path) as port:
        relay, _ = await loop.create_datagram_endpoint(
            lambda: _HalfPath(port, lambda _: True), local_addr=("127.0.0.1", 0)
        )
        (seen,) = await shaken(relay.get_extra_info("sockname")[1], tools)
        relay.close()

    assert (seen.failure, seen.answered) == (Failure.TIMEOUT, True)
