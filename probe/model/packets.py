"""What the packets of a failing conversation showed: evidence that only a privileged look can add, and no rule reads.

The far side's packets alone, by number: their addresses and ports on this side identify the vantage and are not kept.
"""

from __future__ import annotations

import msgspec

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
"""What `PacketTrace.oddities` may say."""


class Sight(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One packet from the far side.

    Attributes:
        at: milliseconds since the conversation's first packet.
        ttl: as it arrived (IPv6: hop limit).
        ipid: its IP identification; -1 for IPv6, which has none.
        flags: of TCP, tcpdump's letters: `SA`, `R`, `RA`, `FA`, `PA`.
        length: bytes that it carries.
        shift: of TCP: its sequence number less the one that was to come next.
        window: of TCP, unscaled.
        rcode: of a DNS answer, as RFC 1035 and its followers name it.
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
    """One conversation with the far side.

    Attributes:
        address: the far side's; `network` for a resolver on the vantage's own network.
        protocol: `tcp` or `dns`.
        name: that was said in it.
        packets: the telling ones, in order, at most `MOST`.
        heard: how many came altogether.
        oddities: words of `ODDITIES`, sorted.
    """

    address: str
    port: int
    protocol: str
    name: str = ""
    packets: tuple[Sight, ...] = ()
    heard: int = 0
    oddities: tuple[str, ...] = ()


MOST = 8
"""Packets kept of a conversation, and conversations of a measurement: 4 KiB of JSON, well under one compressed."""


class Ask(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A line to the process that captures.

    Attributes:
        watch: addresses whose packets are to be kept from now on.
        names: say what was kept of conversations in which one of these was said; empty: nothing is asked.
        since: and that began at this moment or later (seconds, CLOCK_MONOTONIC).
        pcap: with the packets themselves.
    """

    watch: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    since: float = 0.0
    pcap: bool = False


class Reply(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A line from it: one for each `Ask`, and one at the start.

    Attributes:
        trouble: why it cannot capture, for a person; then it ends.
        traces: what was asked for.
        pcaps: a capture file for each of them where asked for, this host's addresses taken out.
    """

    trouble: str = ""
    traces: tuple[PacketTrace, ...] = ()
    pcaps: tuple[bytes, ...] = ()
