"""DNS messages of the one shape we need: a question for A, AAAA or HTTPS, and its answer (RFC 1035, 3596, 9460).

Written by hand because making and parsing a message with a general library costs twenty times what the query itself
does; tests hold it against such a library. Everything is bounded: a pointer must point backwards, a name ends at 255
octets, an alias chain at sixteen links.
"""

from __future__ import annotations

import ipaddress
import struct
from dataclasses import dataclass

from probe.model.failure import Failure

HTTPS = 65
TYPES = {"A": 1, "AAAA": 28, "HTTPS": HTTPS}
_SIZES = {1: 4, 28: 16}
_ECH = 5
"""Key of the parameter of an HTTPS record that offers Encrypted ClientHello (RFC 9460 section 14.3.2, RFC 9848)."""
_CNAME = 5
_IN = 1
_MAX_NAME = 255
_MAX_ALIASES = 16
_HEADER = struct.Struct("!6H")
_PARAMETER = struct.Struct("!HH")
_RECORD = struct.Struct("!HHIH")
_QUERY_FLAGS = 0x0100  # recursion desired
_RESPONSE = 0x8000
_OPCODE = 0x7800
_TRUNCATED = 0x0200
_RCODE = 0x000F

# RFC 1035 section 4.1.1. NOTIMP, FORMERR and the rest are failures of the resolver.
_NXDOMAIN = 3
_REFUSED = 5
# A resolver that did not read the question need not repeat it.
_MAY_OMIT_QUESTION = {1, 2, 4, 5}


class MalformedDnsError(ValueError):
    """The bytes are no DNS message, or one that contradicts itself."""


@dataclass(frozen=True, slots=True)
class DnsAnswer:
    """What a resolver said.

    Attributes:
        failure: None when there are addresses.
        addresses: of the type asked for, in the answer's order.
        aliases: CNAME targets in order.
        truncated: the rest is to be had over TCP.
        ech: of an HTTPS record, which has no addresses of its own: it offers Encrypted ClientHello.
    """

    failure: Failure | None
    addresses: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    truncated: bool = False
    ech: bool = False

    def differs(self, other: DnsAnswer) -> bool:
        """Whether the two cannot be one resolver's answer to one query; the order of addresses says nothing."""
        return self.failure != other.failure or set(self.addresses) != set(other.addresses)


@dataclass(frozen=True, slots=True)
class DnsQuestion:
    """A name and a record type, as asked.

    Attributes:
        wire: the question section.
        rrtype: number of the type.
        name: lower case, as octets with dots.
    """

    wire: bytes
    rrtype: int
    name: bytes

    def message(self, ident: int) -> bytes:
        """The whole message with this id."""
        return _HEADER.pack(ident, _QUERY_FLAGS, 1, 0, 0, 0) + self.wire

    def parse(self, data: bytes, ident: int) -> DnsAnswer | None:
        """The answer in `data`; None when it does not answer this question under this id.

        Raises:
            MalformedDnsError: it carries our id, and makes no sense.
        """
        if len(data) < 2 or int.from_bytes(data[:2], "big") != ident:
            return None
        try:
            return self._read(data)
        except (struct.error, IndexError) as error:
            raise MalformedDnsError("cut short") from error

    def _read(self, data: bytes) -> DnsAnswer | None:
        _, flags, questions, answers, _, _ = _HEADER.unpack_from(data)
        rcode = flags & _RCODE
        if not flags & _RESPONSE or flags & _OPCODE:
            return None
        offset = _HEADER.size
        if questions == 1:
            name, offset = _name(data, offset)
            if name != self.name or data[offset : offset + 4] != self.wire[-4:]:
                return None
            offset += 4
        elif questions or rcode not in _MAY_OMIT_QUESTION:
            return None
        truncated = bool(flags & _TRUNCATED)
        found, aliases = self._follow(*_records(data, offset, answers, self.rrtype, lenient=truncated))
        if rcode:
            failure = {_NXDOMAIN: Failure.NXDOMAIN, _REFUSED: Failure.REFUSED}.get(rcode, Failure.SERVFAIL)
            return DnsAnswer(failure, (), aliases, truncated)
        none = None if found else Failure.NODATA
        if self.rrtype == HTTPS:
            return DnsAnswer(none, (), aliases, truncated, "ech" in found)
        return DnsAnswer(none, found, aliases, truncated)

    def _follow(
        self, addresses: dict[bytes, list[str]], aliases: dict[bytes, bytes]
    ) -> tuple[tuple[str, ...], tuple[str, ...]]:
        name = self.name
        chain: list[str] = []
        while name not in addresses and name in aliases:
            name = aliases[name]
            chain.append(_shown(name))
            if len(chain) > _MAX_ALIASES:
                raise MalformedDnsError("alias chain without an end")
        return tuple(dict.fromkeys(addresses.get(name, ()))), tuple(chain)


def dns_question(name: str, rrtype: str) -> DnsQuestion:
    """The question for `A`, `AAAA` or `HTTPS` of an A-label name.

    Raises:
        ValueError: the name cannot be asked about (a label over 63 octets, a name over 255).
    """
    labels = name.rstrip(".").encode("ascii").lower().split(b".")
    if any(not 1 <= len(label) <= 63 for label in labels) or sum(map(len, labels)) + len(labels) + 1 > _MAX_NAME:
        raise ValueError(f"{name!r} cannot be asked about")
    wire = b"".join(bytes((len(label),)) + label for label in labels) + b"\0"
    number = TYPES[rrtype]
    return DnsQuestion(wire + struct.pack("!HH", number, _IN), number, b".".join(labels))


def _records(
    data: bytes, offset: int, count: int, rrtype: int, *, lenient: bool
) -> tuple[dict[bytes, list[str]], dict[bytes, bytes]]:
    """Owner -> addresses and owner -> alias, of the answer section; an HTTPS record is `ech` or an empty text."""
    addresses: dict[bytes, list[str]] = {}
    aliases: dict[bytes, bytes] = {}
    for _ in range(count):
        if lenient and offset >= len(data):
            break
        owner, offset = _name(data, offset)
        kind, class_, _, length = _RECORD.unpack_from(data, offset)
        offset += _RECORD.size
        if offset + length > len(data):
            raise MalformedDnsError("cut short")
        if class_ == _IN and kind == rrtype == HTTPS:
            addresses.setdefault(owner, []).append("ech" if _offers_ech(data, offset, offset + length) else "")
        elif class_ == _IN and kind == rrtype:
            if length != _SIZES[rrtype]:
                raise MalformedDnsError("an address of a wrong length")
            addresses.setdefault(owner, []).append(str(ipaddress.ip_address(data[offset : offset + length])))
        elif class_ == _IN and kind == _CNAME:
            target, end = _name(data, offset)
            if end != offset + length:
                raise MalformedDnsError("an alias of a wrong length")
            aliases[owner] = target
        offset += length
    return addresses, aliases


def _offers_ech(data: bytes, offset: int, end: int) -> bool:
    """Whether an HTTPS record has an `ech` parameter (RFC 9460 section 2.2: priority, target, keys with values)."""
    _, offset = _name(data, offset + 2)
    while offset < end:
        key, length = _PARAMETER.unpack_from(data, offset)
        offset += _PARAMETER.size + length
        if key == _ECH:
            return offset <= end
    if offset != end:
        raise MalformedDnsError("parameters of a wrong length")
    return False


def _name(data: bytes, offset: int) -> tuple[bytes, int]:
    """The name at `offset`, lower case, and where it ends there (RFC 1035 section 4.1.4: pointers point back)."""
    labels: list[bytes] = []
    total = 1
    end = 0
    floor = offset
    while length := data[offset]:
        if length >= 0xC0:
            target = (length & 0x3F) << 8 | data[offset + 1]
            end = end or offset + 2
            if target >= floor:
                raise MalformedDnsError("a pointer that does not point back")
            offset = floor = target
            continue
        if length > 63:
            raise MalformedDnsError("an unknown kind of label")
        label = data[offset + 1 : offset + 1 + length]
        total += length + 1
        if len(label) != length or total > _MAX_NAME:
            raise MalformedDnsError("a name without an end")
        labels.append(label)
        offset += length + 1
    # A dot inside a label must not make one name look like another.
    escaped = [label.replace(b"\\", b"\\\\").replace(b".", b"\\.") if b"." in label else label for label in labels]
    return b".".join(escaped).lower(), end or offset + 1


def _shown(name: bytes) -> str:
    """A name as evidence carries it: octets that are no letters of a name escaped (RFC 1035 section 5.1)."""
    return "".join(chr(octet) if 33 <= octet < 127 else f"\\{octet:03d}" for octet in name)
