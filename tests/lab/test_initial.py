"""Any host on the path can read the first packet of a QUIC client."""

from __future__ import annotations

from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.connection import QuicConnection

from tests.lab import initial


def _first(name: str) -> bytes:
    client = QuicConnection(configuration=QuicConfiguration(alpn_protocols=["h3"], server_name=name))
    client.connect(("192.0.2.1", 443), now=0.0)
    return client.datagrams_to_send(now=0.0)[0][0]


def test_the_server_name_is_in_the_first_datagram() -> None:
    """The keys that decrypt it are derived from public values."""
    assert b"www.quic-name.net" in initial.plaintext(_first("www.quic-name.net"))


def test_other_datagrams_have_no_plaintext() -> None:
    """Tried are a short header, noise, a truncated and a damaged Initial."""
    whole = _first("www.quic-name.net")
    damaged = whole[:200] + bytes([whole[200] ^ 1]) + whole[201:]

    assert [initial.plaintext(data) for data in (b"\x40" * 60, b"", b"\xc0", whole[:100], damaged)] == [b""] * 5
