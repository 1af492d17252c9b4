"""scapy and dnspython read the packets that `wire` builds."""

from __future__ import annotations

import socket

import dns.message
import dns.rcode
import pytest

from tests import required
from tests.lab import wire
from tests.lab.wire import Packet

scapy = required.module("scapy.layers.inet")
scapy_six = required.module("scapy.layers.inet6")
FOUR = (socket.inet_aton("151.1.80.1"), socket.inet_aton("95.24.1.2"))
SIX = (socket.inet_pton(socket.AF_INET6, "2a05:1001:80::1"), socket.inet_pton(socket.AF_INET6, "2a02:2168:1::2"))


@pytest.mark.parametrize("ends", [FOUR, SIX], ids=["IPv4", "IPv6"])
@pytest.mark.parametrize("payload", [b"", b"odd", b"even"])
def test_a_tcp_packet_reads_back_as_it_was_and_scapy_agrees_with_its_checksums(
    ends: tuple[bytes, bytes], payload: bytes
) -> None:
    """Checksums are compared with those that scapy computes afresh."""
    packet = Packet(*ends, wire.TCP, 443, 40000, payload, 7, 9, wire.RST | wire.ACK, 512, 61)

    built = wire.build(packet)

    assert wire.parse(built) == packet
    layer = scapy.IP if len(ends[0]) == 4 else scapy_six.IPv6
    theirs = layer(built)
    assert theirs[scapy.TCP].flags == "RA"
    del theirs[scapy.TCP].chksum
    if layer is scapy.IP:
        del theirs[scapy.IP].chksum
    assert bytes(theirs) == built


@pytest.mark.parametrize("ends", [FOUR, SIX], ids=["IPv4", "IPv6"])
def test_a_udp_packet_reads_back_as_it_was(ends: tuple[bytes, bytes]) -> None:
    """Ports, payload and time to live survive."""
    packet = Packet(*ends, wire.UDP, 53, 40000, b"payload", ttl=50)

    assert wire.parse(wire.build(packet)) == packet


def test_a_reply_is_forged_with_the_destination_as_source() -> None:
    """Addresses and ports are swapped; the rest is given."""
    packet = Packet(*FOUR, wire.UDP, 40000, 53, b"query")

    reply = packet.reply(payload=b"answer")

    assert reply == Packet(FOUR[1], FOUR[0], wire.UDP, 53, 40000, b"answer")


def test_a_forged_answer_answers_the_query_it_was_made_for() -> None:
    """Dnspython accepts it as a response to the query, with the forged address."""
    query = dns.message.make_query("www.example.org", "A")

    answer = dns.message.from_wire(wire.forged_answer(query.to_wire(), "8.7.198.45") or b"")

    assert query.is_response(answer)
    assert [record.to_text() for record in answer.answer[0]] == ["8.7.198.45"]


def test_a_forged_answer_without_an_address_is_nxdomain() -> None:
    """The rcode is NXDOMAIN."""
    query = dns.message.make_query("www.example.org", "A")

    answer = dns.message.from_wire(wire.forged_answer(query.to_wire(), "") or b"")

    assert answer.rcode() == dns.rcode.NXDOMAIN


def test_a_query_of_another_type_gets_no_forged_answer() -> None:
    """An IPv4 address is no answer to AAAA."""
    query = dns.message.make_query("www.example.org", "AAAA")

    assert wire.forged_answer(query.to_wire(), "8.7.198.45") is None
