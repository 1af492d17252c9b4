"""The table of captured flows: bounded in memory, searched by host name."""

from __future__ import annotations

import ipaddress
import struct
import tracemalloc

import pytest

from probe.packets.flows import (
    FLOW_OVERHEAD_BYTES,
    HEAD,
    MAX_TABLE_BYTES,
    PACKET_OVERHEAD_BYTES,
    TAIL,
    TCP,
    UDP,
    FlowTable,
)

NEAR, FAR = "95.24.1.2", "151.101.1.10"


def packet(
    source: str, destination: str, payload: bytes = b"", *, ports: tuple[int, int] = (40000, 443), protocol: int = TCP
) -> bytes:
    """An IP packet whose transport header holds ports and nothing else."""
    ends = ipaddress.ip_address(source).packed + ipaddress.ip_address(destination).packed
    body = struct.pack("!HH", *ports) + bytes(16) + payload
    if ":" in source:
        return struct.pack("!IHBB", 6 << 28, len(body), protocol, 60) + ends + body
    return struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(body), 1, 0, 60, protocol, 0) + ends + body


@pytest.mark.parametrize(("near", "far"), [(NEAR, FAR), ("2a02:2168:1::2", "2a04:4e42::10")])
def test_both_directions_are_one_flow(near: str, far: str) -> None:
    flows = FlowTable()
    flows.add(packet(near, far), 5.0, outgoing=True)
    flows.add(packet(far, near, ports=(443, 40000)), 5.1, outgoing=False)
    flows.add(packet(near, far, ports=(40001, 443)), 6.0, outgoing=True)

    first, second = flows.since(0)

    assert first.key == (TCP, far, 443, 40000)
    assert (first.local, first.begun, first.received) == (near, 5.0, 1)
    assert [one.outgoing for one in first.packets] == [True, False]
    assert second.key.local_port == 40001
    assert [flow.begun for flow in flows.since(5.5)] == [6.0]


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x45" * 27,
        packet(NEAR, FAR, protocol=1),
        packet("2a02:2168:1::2", "2a04:4e42::10", protocol=58),
        packet("2a02:2168:1::2", "2a04:4e42::10")[:44],
        packet(NEAR, FAR)[:6] + b"\x00\x10" + packet(NEAR, FAR)[8:],
        packet(NEAR, FAR)[:6] + b"\x01\x00" + packet(NEAR, FAR)[8:],
        b"\x4f" + packet(NEAR, FAR)[1:],
        b"\x75" + packet(NEAR, FAR)[1:],
    ],
)
def test_a_packet_without_a_whole_header_is_ignored(raw: bytes) -> None:
    """Cut short, another protocol, later fragments, options without their end, no IP."""
    flows = FlowTable()
    flows.add(raw, 0.0, outgoing=True)

    assert list(flows.since(0)) == []


def test_the_first_and_the_last_packets_of_a_long_flow_are_kept() -> None:
    flows = FlowTable()
    for number in range(1000):
        flows.add(packet(FAR, NEAR, b"%d" % number, ports=(443, 40000)), float(number), outgoing=False)

    (flow,) = flows.since(0)
    at = [one.at for one in flow.packets]

    assert at == [*range(HEAD), *range(1000 - TAIL, 1000)]
    assert flow.received == 1000
    assert flow.size == FLOW_OVERHEAD_BYTES + sum(PACKET_OVERHEAD_BYTES + len(one.raw) for one in flow.packets)


def test_the_oldest_flows_are_dropped_first() -> None:
    flows = FlowTable(room=20_000)
    for number in range(50):
        flows.add(packet(NEAR, FAR, ports=(40000 + number, 443)), float(number), outgoing=True)

    left = list(flows.since(0))

    assert [flow.key.local_port for flow in left] == list(range(40050 - len(left), 40050))
    assert sum(flow.size for flow in left) <= 20_000


def test_empty_packets_from_every_port_stay_within_the_memory_bound() -> None:
    """Each flow counts with the memory that Python needs for it, not only with its 40 bytes."""
    flows = FlowTable()
    tracemalloc.start()
    try:
        for port in range(60_000):
            flows.add(packet(FAR, NEAR, ports=(port, 40000)), 0.0, outgoing=False)
        used, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert used <= MAX_TABLE_BYTES


def test_a_flow_is_found_by_the_names_that_this_host_sent() -> None:
    """Host names in TLS and HTTP are text, in DNS labels; names that the remote host sent do not count."""
    flows = FlowTable()
    flows.add(packet(NEAR, FAR, b"..News.Example.org.."), 0.0, outgoing=True)
    flows.add(packet(FAR, NEAR, b"other.example", ports=(443, 40000)), 0.1, outgoing=False)
    question = packet(NEAR, FAR, b"\x04news\x07example\x03org\x00", ports=(40000, 53), protocol=UDP)
    flows.add(question, 0.2, outgoing=True)

    tls, dns = flows.since(0)

    assert tls.mentioned_name(["www.example.org", "news.example.org"]) == "news.example.org"
    assert tls.mentioned_name(["other.example"]) == ""
    assert dns.mentioned_name(["news.example.org"]) == "news.example.org"
    assert dns.mentioned_name(["ews.example.org"]) == ""
