"""Read from a capture what an observer of the line can: DNS questions, ClientHellos, plain requests, SYNs.

It uses nothing of the probe. A ClientHello is read where its first record is in one or more segments in order.
"""

from __future__ import annotations

import hashlib
import ipaddress
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.lab.traffic import packets
from tests.lab.wire import ACK, SYN, TCP, UDP, Packet, parse

_DNS_PORT = 53
_MAX_HELLO_BYTES = 8192
_GREASE = frozenset(value << 8 | value for value in range(0x0A, 0x100, 0x10))
_SNI, _GROUPS, _POINTS, _SIGNATURES, _ALPN, _VERSIONS, _OPT = 0, 10, 11, 13, 16, 43, 41
_VERSION_NAMES = {0x0304: "13", 0x0303: "12", 0x0302: "11", 0x0301: "10"}


@dataclass(frozen=True, slots=True)
class Hello:
    """A ClientHello: what of it identifies a program.

    Attributes:
        name: its server name; empty for none.
        ja3: MD5 of its numbers in their order, without GREASE.
        ja4: the same idea, sorted (FoxIO).
    """

    name: str
    ja3: str
    ja4: str


@dataclass(frozen=True, slots=True)
class Question:
    """A DNS question.

    Attributes:
        shape: flags and EDNS, as a text: all that differs between two stub resolvers beside name and type.
    """

    name: str
    rrtype: int
    shape: str


@dataclass(frozen=True, slots=True)
class Request:
    """A plain HTTP request: its host, and the names of its header fields in their order."""

    host: str
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sent:
    """A packet that the host sent and that says something.

    Attributes:
        time: Unix seconds.
        address, port: where it went.
        what: None for a SYN, and for UDP that is no DNS.
    """

    time: float
    address: str
    port: int
    what: Hello | Question | Request | None = None


@dataclass(slots=True)
class LineView:
    """What an observer of a line sees.

    Attributes:
        sent: in order of time.
        answers: name -> the addresses that plain DNS gave for it; none for a name that was denied.
    """

    sent: list[Sent] = field(default_factory=list)
    answers: dict[str, set[str]] = field(default_factory=dict)


def read(file: Path, own: Iterable[str]) -> LineView:
    """Read a pcap of a host whose addresses are `own`.

    Raises:
        ValueError: it is no pcap of Ethernet.
    """
    mine = {ipaddress.ip_address(text).packed for text in own}
    view, open_hellos = LineView(), dict[tuple[bytes, int, bytes, int], bytes]()
    for time, _, raw in packets(file):
        if (raw[9] if raw[0] >> 4 == 4 else raw[6]) not in (TCP, UDP):
            continue
        one = parse(raw)
        if one.source in mine:
            view.sent += _sent(time, one, open_hellos)
        elif one.destination in mine and one.protocol == UDP and one.source_port == _DNS_PORT:
            for name, address in _answered(one.payload):
                view.answers.setdefault(name, set()).update([address] if address else [])
    return view


def _sent(time: float, one: Packet, hellos: dict[tuple[bytes, int, bytes, int], bytes]) -> Iterator[Sent]:
    address, port = str(ipaddress.ip_address(one.destination)), one.destination_port
    if one.protocol == UDP:
        yield Sent(time, address, port, read_question(one.payload) if port == _DNS_PORT else None)
        return
    flow = (one.source, one.source_port, one.destination, port)
    if one.flags & (SYN | ACK) == SYN:
        hellos.pop(flow, None)
        yield Sent(time, address, port)
    elif one.payload and len(hellos.get(flow, b"")) < _MAX_HELLO_BYTES:
        kept = hellos.get(flow, b"") + one.payload
        found = read_hello(kept) if kept[:1] == b"\x16" else read_request(kept)
        hellos[flow] = kept if found is None else bytes(_MAX_HELLO_BYTES)
        if found is not None:
            yield Sent(time, address, port, found)


def read_question(message: bytes) -> Question | None:
    """The question of a DNS message; None where it has none."""
    try:
        _, flags, count, answers, authorities, more = struct.unpack_from("!6H", message)
        name, at = _name(message, 12)
        rrtype, _ = struct.unpack_from("!HH", message, at)
        shape = f"flags={flags:04x} counts={count}{answers}{authorities}{more}"
        if more and message[at + 4] == 0:
            kind, size, extended, length = struct.unpack_from("!HHIH", message, at + 5)
            shape += (
                f" edns={size} extended={extended:08x} options={length}B" if kind == _OPT else f" additional={kind}"
            )
        shape += " mixed-case" if name.lower() != name else ""
    except (struct.error, IndexError, UnicodeDecodeError):
        return None
    return Question(name, rrtype, shape)


def _answered(message: bytes) -> Iterator[tuple[str, str]]:
    """The name of a DNS answer with each of its addresses; with an empty text where it has none."""
    try:
        _, _, _, answers, _, _ = struct.unpack_from("!6H", message)
        name, at = _name(message, 12)
        at += 4
        yield name.lower(), ""
        for _ in range(answers):
            _, at = _name(message, at)
            rrtype, _, _, length = struct.unpack_from("!HHIH", message, at)
            at += 10
            if rrtype in (1, 28):
                yield name.lower(), str(ipaddress.ip_address(message[at : at + length]))
            at += length
    except (struct.error, IndexError, ValueError):
        return


def _name(message: bytes, at: int) -> tuple[str, int]:
    """The labels of a name up to a pointer, and where the name ends."""
    labels = []
    while message[at]:
        if message[at] >= 0xC0:
            return ".".join(labels), at + 2
        labels.append(message[at + 1 : at + 1 + message[at]].decode("ascii"))
        at += 1 + message[at]
    return ".".join(labels), at + 1


def read_request(octets: bytes) -> Request | None:
    """A plain HTTP request; None where it is none, or its header has not ended."""
    head, end, _ = octets.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    if not end or not lines[0].endswith(("HTTP/1.1", "HTTP/1.0")):
        return None
    fields = [line.partition(":") for line in lines[1:]]
    host = next((value.strip() for name, _, value in fields if name.lower() == "host"), "")
    return Request(host.partition(":")[0], tuple(name for name, _, _ in fields))


def read_hello(octets: bytes) -> Hello | None:
    """A ClientHello in one record of TLS; None where it is none, or not whole."""
    try:
        if octets[0] != 0x16 or octets[5] != 1 or len(octets) < 5 + struct.unpack_from("!H", octets, 3)[0]:
            return None
        version = struct.unpack_from("!H", octets, 9)[0]
        at = 43 + 1 + octets[43]
        size = struct.unpack_from("!H", octets, at)[0]
        ciphers = _words(octets[at + 2 : at + 2 + size])
        at += 2 + size
        at += 1 + octets[at] + 2
        extensions: dict[int, bytes] = {}
        while at + 4 <= len(octets):
            kind, length = struct.unpack_from("!HH", octets, at)
            extensions[kind] = octets[at + 4 : at + 4 + length]
            at += 4 + length
    except (struct.error, IndexError):
        return None
    kinds = [kind for kind in extensions if kind not in _GREASE]
    name = extensions[_SNI][5:].decode("ascii", "replace") if _SNI in extensions else ""
    return Hello(name, _ja3(version, ciphers, kinds, extensions), _ja4(version, ciphers, kinds, extensions))


def _words(octets: bytes) -> list[int]:
    """Numbers of two bytes, without GREASE."""
    found = [value for (value,) in struct.iter_unpack("!H", octets[: len(octets) // 2 * 2])]
    return [value for value in found if value not in _GREASE]


def _ja3(version: int, ciphers: list[int], kinds: list[int], extensions: dict[int, bytes]) -> str:
    parts = [[version], ciphers, kinds, _words(extensions.get(_GROUPS, b"")[2:]), [*extensions.get(_POINTS, b"")[1:]]]
    return hashlib.md5(",".join("-".join(map(str, part)) for part in parts).encode()).hexdigest()  # noqa: S324 - JA3 is MD5


def _ja4(version: int, ciphers: list[int], kinds: list[int], extensions: dict[int, bytes]) -> str:
    """JA4 of a ClientHello over TCP (FoxIO, JA4 technical details)."""
    newest = max(_words(extensions.get(_VERSIONS, b"")[1:]), default=version)
    protocols = extensions.get(_ALPN, b"")
    first = protocols[3 : 3 + protocols[2]].decode("latin-1") if len(protocols) > 2 else ""
    alpn = first[0] + first[-1] if first else "00"
    counts = f"{min(len(ciphers), 99):02}{min(len(kinds), 99):02}"
    named = "d" if _SNI in extensions else "i"
    sorted_kinds = ",".join(f"{kind:04x}" for kind in sorted(kinds) if kind not in (_SNI, _ALPN))
    signatures = ",".join(f"{value:04x}" for value in _words(extensions.get(_SIGNATURES, b"")[2:]))
    rest = f"{sorted_kinds}_{signatures}" if signatures else sorted_kinds
    ciphers_text = ",".join(f"{value:04x}" for value in sorted(ciphers))
    return f"t{_VERSION_NAMES.get(newest, '00')}{named}{counts}{alpn}_{_short(ciphers_text)}_{_short(rest)}"


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12] if text else "0" * 12
