"""Packets are dissected completely, and captures are written without this host's addresses."""

from __future__ import annotations

import ipaddress
import subprocess
from pathlib import Path

import dns.message
import dns.rrset
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from probe.packets.flows import FlowKey, PacketFlow, RawPacket
from tests import required
from tests.lab import wire
from tests.lab.wire import Packet

inet = required.module("scapy.layers.inet")
dissect = required.module("probe.packets.dissect")
NEAR, FAR = "95.24.1.2", "151.101.1.10"
NEAR_SIX, FAR_SIX = "2a02:2168:1::2", "2a04:4e42::10"


def flow(*raws: tuple[bool, bytes], protocol: int = wire.TCP, near: str = NEAR, far: str = FAR) -> PacketFlow:
    """A conversation of these packets, a tenth of a second apart."""
    kept = [RawPacket(7 + number / 10, outgoing, raw) for number, (outgoing, raw) in enumerate(raws)]
    return PacketFlow(FlowKey(protocol, far, 443, 40000), near, 7.0, head=kept)


def tcp(
    flags: int, payload: bytes = b"", *, outgoing: bool = False, near: str = NEAR, far: str = FAR, **more: int
) -> bytes:
    """A TCP packet."""
    source, destination = (near, far) if outgoing else (far, near)
    ends = (packed(source), packed(destination))
    return wire.build(Packet(*ends, wire.TCP, 443, 40000, payload, 1000, 9, flags, 512, more.get("ttl", 52)))


def packed(address: str) -> bytes:
    """An address as packed bytes."""
    return ipaddress.ip_address(address).packed


@pytest.mark.parametrize(("near", "far", "ipid"), [(NEAR, FAR, 0x3039), (NEAR_SIX, FAR_SIX, -1)])
def test_a_tcp_packet_is_read(near: str, far: str, ipid: int) -> None:
    (one,) = dissect.read(flow((False, tcp(wire.RST | wire.ACK, b"abc", near=near, far=far)), near=near, far=far))

    assert (one.flags, one.ttl, one.ipid, one.length, one.sequence, one.window) == ("RA", 52, ipid, 3, 1000, 512)


def test_the_length_is_that_of_the_wire_where_the_packet_was_cut_for_keeping() -> None:
    whole = tcp(wire.PSH | wire.ACK, bytes(1400))

    (one,) = dissect.read(flow((False, whole[:1024])))

    assert one.length == 1400


def test_a_dns_answer_is_read_and_one_that_makes_no_sense_is_a_datagram() -> None:
    query = dns.message.make_query("news.example.org", "A", id=77)
    answer = dns.message.make_response(query)
    answer.answer.append(dns.rrset.from_text("news.example.org.", 60, "IN", "A", "8.7.198.45"))
    ends = (packed(FAR), packed(NEAR), wire.UDP, 53, 40000)
    raws = [wire.build(Packet(*ends, payload, ttl=47)) for payload in (answer.to_wire(), b"\x00\x4d nonsense")]

    read = dissect.read(flow(*((False, raw) for raw in raws), protocol=wire.UDP))

    assert [(one.ident, one.response, one.rcode, one.addresses, one.ttl) for one in read] == [
        (77, True, "NOERROR", ("8.7.198.45",), 47),
        (-1, False, "", (), 47),
    ]


@pytest.mark.parametrize(("near", "far", "shown"), [(NEAR, FAR, "192.0.2.1"), (NEAR_SIX, FAR_SIX, "2001:db8::1")])
def test_a_capture_has_nothing_of_this_host_in_it(near: str, far: str, shown: str, tmp_path: Path) -> None:
    """Neither as octets nor as text, nor other addresses in a payload; the far side stays, checksums are right."""
    page = f"HTTP/1.1 200 OK\r\n\r\nYou, {near} alias 203-0-113-7 or 203.0.113.7, may not.".encode() + packed(near)
    octets = dissect.pcap(
        flow(
            (True, tcp(wire.SYN, outgoing=True, near=near, far=far)),
            (False, tcp(wire.PSH | wire.ACK, page, near=near, far=far)),
            near=near,
            far=far,
        )
    )
    file = tmp_path / "one.pcap"
    file.write_bytes(octets)

    said = subprocess.run(
        [required.command("tcpdump"), "-nnvvr", str(file)], capture_output=True, text=True, check=True
    ).stdout

    assert [word for word in (packed(near), near.encode(), b"203-0", b"203.0") if word in octets] == []
    assert near not in said
    assert shown in said
    assert far in said
    assert "incorrect" not in said


def test_a_resolver_on_the_own_network_has_no_address_either() -> None:
    raw = wire.build(Packet(packed("192.168.1.1"), packed("192.168.1.7"), wire.UDP, 53, 40000, b"answer"))

    octets = dissect.pcap(flow((False, raw), protocol=wire.UDP, near="192.168.1.7", far="192.168.1.1"))

    assert packed("192.168.1.1") not in octets
    assert packed("192.0.2.2") in octets


def test_a_capture_is_bounded() -> None:
    octets = dissect.pcap(flow(*[(False, tcp(wire.ACK, bytes(1400))[:1024])] * 200))

    assert len(octets) <= dissect.MOST + 24


def test_a_rehearsal_leaves_nothing_to_load() -> None:
    """It runs, for both families."""
    dissect.preload()


@settings(max_examples=400, deadline=None)
@given(
    st.sampled_from([(NEAR, FAR), (NEAR_SIX, FAR_SIX)]),
    st.sampled_from([wire.TCP, wire.UDP]),
    st.binary(min_size=8, max_size=120),
    st.lists(st.tuples(st.integers(0, 159), st.integers(0, 255)), max_size=6),
    st.booleans(),
)
def test_strangers_bytes_raise_nothing(
    ends: tuple[str, str], protocol: int, body: bytes, wounds: list[tuple[int, int]], outgoing: bool
) -> None:
    """A header of ours, somebody's transport header and options, wounds anywhere but in the version."""
    near, far = ends
    raw = bytearray(wire.build(Packet(packed(far), packed(near), protocol, 443, 40000, b"")))
    raw = raw[: 20 if len(packed(far)) == 4 else 40] + body
    for at, octet in wounds:
        if 0 < at < len(raw):
            raw[at] = octet
    one = flow((outgoing, bytes(raw)), protocol=protocol, near=near, far=far)

    dissect.read(one)
    octets = dissect.pcap(one)

    assert packed(near) not in octets


def test_of_a_dns_flow_only_the_first_packets_are_parsed() -> None:
    """A host on the path may send any number of messages that are slow to parse."""
    answer = dns.message.make_response(dns.message.make_query("a.example", "A")).to_wire()
    packet = bytes(inet.IP(src=FAR, dst=NEAR) / inet.UDP(sport=53, dport=40000) / answer)
    found = dissect.read(flow(*[(False, packet)] * 64, protocol=wire.UDP))

    assert [one.response for one in found] == [True] * dissect.MAX_DATAGRAMS
