"""The records of packet capture in evidence, and the messages of the capture process."""

from __future__ import annotations

import msgspec
import pytest

from probe.model.packets import CapturedPacket, CaptureReply, CaptureRequest, PacketTrace

TRACE = PacketTrace(
    address="151.101.1.10",
    port=443,
    protocol="tcp",
    name="news.example.org",
    packets=(CapturedPacket(at=0, ttl=52, ipid=0, flags="SA"), CapturedPacket(at=41, ttl=60, flags="R", shift=1)),
    heard=3,
    oddities=("rst_ttl",),
)


def test_a_packet_leaves_out_the_fields_it_does_not_have() -> None:
    """Evidence is stored for every failing target, so each field costs bytes."""
    wire = msgspec.json.encode(TRACE)

    assert b'{"at":0,"ttl":52,"ipid":0,"flags":"SA"}' in wire
    assert b"rcode" not in wire
    assert msgspec.json.decode(wire, type=PacketTrace) == TRACE


@pytest.mark.parametrize(
    "line",
    [
        CaptureRequest(),
        CaptureRequest(watch=("151.101.1.10",)),
        CaptureRequest(names=("news.example.org",), since=12.5, pcap=True),
        CaptureReply(),
        CaptureReply(trouble="no privilege"),
        CaptureReply(traces=(TRACE,), pcaps=(b"\xd4\xc3\xb2\xa1\n",)),
    ],
)
def test_a_message_of_the_capture_process_is_one_line(line: CaptureRequest | CaptureReply) -> None:
    """Capture files are base64 in it, and decoding gives the encoded message."""
    wire = msgspec.json.encode(line)

    assert b"\n" not in wire
    assert msgspec.json.decode(wire, type=type(line)) == line
