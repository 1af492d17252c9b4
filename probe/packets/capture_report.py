"""Report of a captured flow: the packets worth showing, and what is odd about them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from probe.model.packets import MAX_CAPTURED, CapturedPacket


@dataclass(frozen=True, slots=True, kw_only=True)
class Packet:
    """A parsed packet.

    Attributes:
        at: seconds since the first packet of the flow.
        outgoing: sent by this host.
        sequence: the TCP sequence number.
        length: payload bytes according to the header, also of a packet that was cut when captured.
        ident: the DNS message id; -1 for other packets.
        response: whether it is a DNS response.
        rcode, addresses: of the DNS response.
    """

    at: float
    outgoing: bool
    ttl: int
    ipid: int = -1
    flags: str = ""
    sequence: int = 0
    length: int = 0
    window: int = 0
    ident: int = -1
    response: bool = False
    rcode: str = ""
    addresses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FlowReport:
    """The packets worth showing, and the names of the oddities."""

    packets: tuple[CapturedPacket, ...]
    oddities: tuple[str, ...]


def report_tcp(packets: Sequence[Packet]) -> FlowReport:
    """Report a TCP connection: SYN-ACK, first data, RST and FIN, and packets whose TTL differs from the SYN-ACK's."""
    kept: list[tuple[Packet, int]] = []
    odd: set[str] = set()
    opened: Packet | None = None
    due: int | None = None
    resets = data = 0
    for one in packets:
        if one.outgoing:
            continue
        shift = 0 if due is None else _signed(one.sequence - due)
        elsewhere = opened is not None and one.ttl != opened.ttl
        first = False
        if "S" in one.flags:
            first = opened is None
            opened = opened or one
        elif "R" in one.flags:
            resets += 1
            odd |= {word for word, so in (("rst_ttl", elsewhere), ("rst_shift", shift != 0)) if so}
        else:
            if resets and (one.length or "F" in one.flags):
                odd.add("after_rst")
            if one.length:
                data += 1
                odd |= {"data_ttl"} if elsewhere else set()
            if "F" in one.flags and elsewhere:
                odd.add("fin_ttl")
        if first or "R" in one.flags or "F" in one.flags or elsewhere or (one.length and data == 1):
            kept.append((one, shift))
        if "R" not in one.flags:
            end = one.sequence + one.length + sum(flag in one.flags for flag in "SF")
            due = end if due is None or _signed(end - due) > 0 else due
    odd |= {"rst_repeated"} if resets > 1 else set()
    return FlowReport(tuple(_captured_packet(one, shift) for one, shift in kept[:MAX_CAPTURED]), tuple(sorted(odd)))


def report_dns(packets: Iterable[Packet]) -> FlowReport:
    """Report DNS queries: the answers to every query that was answered more than once."""
    answers: dict[int, list[Packet]] = {}
    for one in packets:
        if not one.outgoing and one.response:
            answers.setdefault(one.ident, []).append(one)
    several = [each for each in answers.values() if len(each) > 1]
    odd = {"answers"} if several else set()
    if any(len({one.ttl for one in each}) > 1 for each in several):
        odd.add("answers_ttl")
    sights = tuple(_flat([_captured_packet(one, 0) for one in each] for each in several))
    return FlowReport(sights[:MAX_CAPTURED], tuple(sorted(odd)))


def _flat(groups: Iterable[list[CapturedPacket]]) -> Iterator[CapturedPacket]:
    for group in groups:
        yield from group


def _captured_packet(one: Packet, shift: int) -> CapturedPacket:
    return CapturedPacket(
        at=round(one.at * 1000),
        ttl=one.ttl,
        ipid=one.ipid,
        flags=one.flags,
        length=one.length,
        shift=shift,
        window=one.window,
        rcode=one.rcode,
        addresses=one.addresses[:MAX_CAPTURED],
    )


def _signed(difference: int) -> int:
    """A difference of sequence numbers, which wrap at 2**32 (RFC 9293 section 3.4)."""
    return (difference + 2**31) % 2**32 - 2**31
