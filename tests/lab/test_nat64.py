"""The translator's packets are read by scapy, which computes the checksums afresh."""

from __future__ import annotations

import socket

import pytest

from tests import required
from tests.lab import wire
from tests.lab.nat64 import Translator
from tests.lab.wire import Packet

scapy = required.module("scapy.layers.inet")
scapy_six = required.module("scapy.layers.inet6")
HOST, MAPPED, SERVER = "2a02:2168:1b::2", "62.115.254.1", "153.5.80.1"
PREFIX = "64:ff9b::"
TRANSLATOR = Translator({HOST: (MAPPED, PREFIX)})
SIX = (socket.inet_pton(socket.AF_INET6, HOST), socket.inet_pton(socket.AF_INET6, f"{PREFIX}{SERVER}"))
FOUR = (socket.inet_aton(SERVER), socket.inet_aton(MAPPED))


@pytest.mark.parametrize("protocol", [wire.TCP, wire.UDP])
def test_a_packet_to_an_address_under_the_prefix_becomes_one_to_the_ipv4_address(protocol: int) -> None:
    """Ends, ports and payload are kept, and the checksums are right."""
    out = TRANSLATOR.translate(wire.build(Packet(*SIX, protocol, 40000, 443, b"payload")))

    assert out is not None
    read = scapy.IP(out)
    assert (read.src, read.dst, read.dport) == (MAPPED, SERVER, 443)
    for layer in (read, read.payload):
        del layer.chksum
    assert bytes(read) == out


@pytest.mark.parametrize("protocol", [wire.TCP, wire.UDP])
def test_an_answer_comes_back_from_an_address_under_the_prefix(protocol: int) -> None:
    """The host sees the server under the prefix that it asked."""
    back = TRANSLATOR.translate(wire.build(Packet(*FOUR, protocol, 443, 40000, b"answer")))

    assert back is not None
    read = scapy_six.IPv6(back)
    assert (read.src, read.dst) == (f"64:ff9b::{0x9905:x}:{0x5001:x}", HOST)
    del read.payload.chksum
    assert bytes(read) == back


@pytest.mark.parametrize(
    "packet",
    [
        Packet(FOUR[0], socket.inet_aton("62.115.254.9"), wire.TCP, 443, 40000),
        Packet(socket.inet_pton(socket.AF_INET6, "2a02:2168:99::2"), SIX[1], wire.TCP, 40000, 443),
    ],
)
def test_packets_of_nobody_are_dropped(packet: Packet) -> None:
    """A host that it does not know gets nothing through."""
    assert TRANSLATOR.translate(wire.build(packet)) is None
