"""Evidence from packet capture: the packets of failing conversations. No rule reads it.

Only the far side's packets are kept, by number: their addresses and ports on this side would identify the vantage.
"""

from __future__ import annotations

import msgspec

MAX_CAPTURED = 8
"""Packets kept of a conversation, and conversations of a measurement: 4 KiB of JSON, well under one compressed."""

ODDITIES = {
    "rst_ttl": "an RST came from another distance than the SYN-ACK",
    "fin_ttl": "a FIN came from another distance than the SYN-ACK",
    "data_ttl": "data came from another distance than the SYN-ACK",
    "rst_shift": "an RST whose sequence number is not the next",
    "rst_repeated": "more than one RST",
    "after_rst": "the far side went on after its RST",
    "answers": "more than one answer to one query",
    "answers_ttl": "answers to one query came from different distances",
}
"""Id of an oddity in `PacketTrace.oddities` -> what it means."""


class CapturedPacket(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One packet from the far side.

    Attributes:
        at: milliseconds since the conversation's first packet.
        ttl: on arrival (IPv6: hop limit).
        ipid: the IP identification; -1 for IPv6, which has none.
        flags: TCP flags in tcpdump's letters: `SA`, `R`, `RA`, `FA`, `PA`.
        length: bytes of payload.
        shift: TCP sequence number less the expected one.
        window: TCP window, unscaled.
        rcode: of a DNS answer, as RFC 1035 and its successors name it.
        addresses: of a DNS answer.
    """

    at: int
    ttl: int
    ipid: int = -1
    flags: str = ""
    length: int = 0
    shift: int = 0
    window: int = 0
    rcode: str = ""
    addresses: tuple[str, ...] = ()


class PacketTrace(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The captured packets of one TCP connection or DNS query.

    Attributes:
        address: the remote address; `network` for a resolver on the vantage's own network.
        protocol: `tcp` or `dns`.
        name: the server name, host or query name that was sent.
        packets: the packets that are kept, in order, at most `MAX_CAPTURED`.
        heard: the number of all packets that arrived.
        oddities: ids of `ODDITIES`, sorted.
    """

    address: str
    port: int
    protocol: str
    name: str = ""
    packets: tuple[CapturedPacket, ...] = ()
    heard: int = 0
    oddities: tuple[str, ...] = ()


class CaptureRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line to the capture process.

    Attributes:
        watch: addresses whose packets are kept from now on.
        names: report the conversations in which one of these names was sent; empty for no report.
        since: and that began at this moment or later (seconds, CLOCK_MONOTONIC).
        pcap: include the packets themselves.
    """

    watch: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    since: float = 0.0
    pcap: bool = False


class CaptureReply(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line from the capture process: one at the start, and one for each `CaptureRequest`.

    Attributes:
        trouble: why it cannot capture, for a person; the process then ends.
        traces: the conversations reported.
        pcaps: a capture file for each of them, where the request asks for it; without this host's addresses.
    """

    trouble: str = ""
    traces: tuple[PacketTrace, ...] = ()
    pcaps: tuple[bytes, ...] = ()
