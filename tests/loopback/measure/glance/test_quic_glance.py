"""Glances over QUIC at a real server, and at ones that answer otherwise."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trustme
from aioquic.asyncio import serve
from aioquic.buffer import Buffer
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.packet import encode_quic_retry, encode_quic_version_negotiation, pull_quic_header

from probe.model.failure import Failure
from probe.model.glance import GlanceKind, GlanceRequest
from probe.model.hop import Layer, LayerFailure
from tests.loopback.measure.glance.glances import POLLERS, all_of, engine
from tests.loopback.tiny_servers import resolving

pytestmark = pytest.mark.parametrize("poller", POLLERS)


def at(port: int, sni: str = "lab.example") -> GlanceRequest:
    """Return a request for QUIC on this host."""
    return GlanceRequest(text=f"quic://{sni}", kind=GlanceKind.QUIC, address="127.0.0.1", port=port, sni=sni)


@asynccontextmanager
async def quic_server(ca: trustme.CA, folder: Path, *, alpn: str = "h3", retry: bool = False) -> AsyncIterator[int]:
    """Run a QUIC server; yield its port."""
    issued = ca.issue_cert("lab.example")
    chain, key = folder / "chain.pem", folder / "key.pem"
    issued.cert_chain_pems[0].write_to_path(str(chain))
    issued.private_key_pem.write_to_path(str(key))
    configuration = QuicConfiguration(is_client=False, alpn_protocols=[alpn])
    configuration.load_cert_chain(chain, key)
    server = await serve("127.0.0.1", 0, configuration=configuration, retry=retry)
    try:
        yield server._transport.get_extra_info("sockname")[1]
    finally:
        server.close()
        await asyncio.sleep(0)


async def seen_at(poller: str, react: Callable[[bytes], list[tuple[float, bytes]]], seconds: float = 0.5) -> object:
    """Glance at a server that reacts to each datagram; return what is seen, or the failure."""
    async with resolving(react) as (_, port), engine(poller, seconds=seconds) as running:
        (result,) = await all_of(running, [at(port)])
    return result.seen or result.failure


async def test_a_server_is_seen_by_its_version(poller: str, ca: trustme.CA, tmp_path: Path) -> None:
    """The name does not matter to it."""
    async with quic_server(ca, tmp_path) as port, engine(poller) as running:
        results = await all_of(running, [at(port), at(port, ""), at(port, "a.example")])

    assert {(one.seen, one.failure) for one in results} == {("quic 1", None)}
    assert min(one.octets for one in results) > 1200


async def test_a_server_that_refuses_says_why(poller: str, ca: trustme.CA, tmp_path: Path) -> None:
    """It speaks no HTTP/3, so that it closes the connection with an alert."""
    async with quic_server(ca, tmp_path, alpn="other") as port, engine(poller) as running:
        (result,) = await all_of(running, [at(port)])

    assert result.failure == LayerFailure(Layer.QUIC, Failure.ALERT)


async def test_a_server_that_wants_proof_of_the_address_is_seen(poller: str, ca: trustme.CA, tmp_path: Path) -> None:
    """Its Retry is authenticated."""
    async with quic_server(ca, tmp_path, retry=True) as port, engine(poller) as running:
        (result,) = await all_of(running, [at(port)])

    assert (result.seen, result.failure) == ("quic retry", None)


async def test_a_server_of_other_versions_is_seen(poller: str) -> None:
    """It names them with our connection ids turned round."""

    def react(data: bytes) -> list[tuple[float, bytes]]:
        header = pull_quic_header(Buffer(data=data))
        reply = encode_quic_version_negotiation(
            source_cid=header.destination_cid, destination_cid=header.source_cid, supported_versions=[0x6B3343CF]
        )
        return [(0, reply)]

    assert await seen_at(poller, react) == "quic versions"


async def test_a_forged_retry_is_no_reply(poller: str) -> None:
    """Its tag fits another connection."""

    def react(data: bytes) -> list[tuple[float, bytes]]:
        header = pull_quic_header(Buffer(data=data))
        reply = encode_quic_retry(
            version=1,
            source_cid=b"12345678",
            destination_cid=header.source_cid,
            original_destination_cid=b"87654321",
            retry_token=b"token",
        )
        return [(0, reply)]

    assert await seen_at(poller, react) == LayerFailure(Layer.QUIC, Failure.GARBAGE)


@pytest.mark.parametrize(
    ("reply", "failure"),
    [
        (lambda _: [], Failure.TIMEOUT),
        (lambda data: [(0, data)], Failure.GARBAGE),
        (lambda _: [(0, b"\0")], Failure.GARBAGE),
        (lambda _: [(0, bytes(50))] * 100, Failure.TOO_MUCH),
    ],
)
async def test_other_datagrams_are_no_answer(
    poller: str, reply: Callable[[bytes], list[tuple[float, bytes]]], failure: Failure
) -> None:
    """Silence; an echo; a single octet; a flood."""
    assert await seen_at(poller, reply) == LayerFailure(Layer.QUIC, failure)


async def test_a_closed_port_is_unreachable(poller: str) -> None:
    """ICMP says so."""
    async with resolving(lambda _: []) as (_, port):
        pass
    async with engine(poller) as running:
        (result,) = await all_of(running, [at(port)])

    assert result.failure == LayerFailure(Layer.QUIC, Failure.UNREACHABLE)


async def test_a_lost_initial_is_sent_again(poller: str, ca: trustme.CA, tmp_path: Path) -> None:
    """With another packet number, after a little more than a second."""
    first: list[bytes] = []
    relay: list[asyncio.DatagramTransport] = []

    async with quic_server(ca, tmp_path) as server, engine(poller, seconds=10) as running:

        class Lossy(asyncio.DatagramProtocol):
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                relay.append(transport)  # type: ignore[arg-type]

            def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
                if addr[1] == server:
                    relay[0].sendto(data, client[0])
                    return
                client.append(addr)
                first.append(data)
                if len(first) > 1:
                    relay[0].sendto(data, ("127.0.0.1", server))

        client: list[tuple[str, int]] = []
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(Lossy, local_addr=("127.0.0.1", 0))
        (result,) = await all_of(running, [at(transport.get_extra_info("sockname")[1])])
        transport.close()

    assert result.seen == "quic 1"
    assert first[0] != first[1]
    assert result.took >= 1000
