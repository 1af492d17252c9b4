"""Encode DNS questions for A, AAAA and HTTPS records and decode their answers (RFC 1035, 3596, 6891, 8914, 9460).

The codec is written by hand: a general library takes twenty times as long per message as the query itself. Tests
compare it with dnspython. The work for a message is bounded, whatever its bytes are: a pointer must point backwards,
`_MAX_LABELS` bounds the labels and pointers read in a message, a name ends at 255 octets, an alias chain at 16 links.
"""

from __future__ import annotations

import ipaddress
import struct

import msgspec

from probe.model.failure import Failure

HTTPS = 65
TYPES = {"A": 1, "AAAA": 28, "HTTPS": HTTPS}
_ADDRESS_BYTES = {1: 4, 28: 16}
_ECH = 5
"""Key of the HTTPS record parameter that offers Encrypted ClientHello (RFC 9460 section 14.3.2, RFC 9848)."""
_CNAME = 5
_IN = 1
EDNS_PAYLOAD_BYTES = 1232
"""Size of a UDP answer that a query with EDNS asks for (DNS Flag Day 2020): it fits into one packet on every path."""
MAX_EDE_CODES = 4
"""Extended DNS error codes (RFC 8914) that are kept of one answer; resolvers send one or two."""
_OPT = 41
_EDE = 15
_MAX_NAME_BYTES = 255
_MAX_ALIASES = 16
_MAX_LABELS = 8192
"""Labels and pointers read in one message. A message of 64 KiB has room for 4,000 records whose names each follow 8,000
pointers, which takes seconds. The longest alias chain, 34 uncompressed names of 127 labels, needs 4,318."""
_HEADER = struct.Struct("!6H")
_PARAMETER = struct.Struct("!HH")
_RECORD = struct.Struct("!HHIH")
_OCTETS = [bytes((number,)) for number in range(64)]
_TYPE_ENDS = {number: b"\0" + struct.pack("!HH", number, _IN) for number in TYPES.values()}
"""Number of a record type -> what follows the labels of a question: the root, type and class."""
_OPT_BEGINNING = b"\0\0\x29"
"""An OPT record's owner, the root, and its type."""
EDNS_RECORD = b"\0" + _RECORD.pack(_OPT, EDNS_PAYLOAD_BYTES, 0, 0)
"""The OPT record that ends a query with EDNS."""
_RECURSION_DESIRED = 0x0100
_RECURSION_AVAILABLE = 0x0080
_RESPONSE = 0x8000
_OPCODE = 0x7800
_TRUNCATED = 0x0200
_RCODE = 0x000F

# RFC 1035 section 4.1.1. NOTIMP, FORMERR and all others count as SERVFAIL.
_NXDOMAIN = 3
_REFUSED = 5
_REJECTS_EDNS = {1, 4, 16}
"""FORMERR, NOTIMP and BADVERS: RFC 6891 sections 6.1.3 and 7."""
_RCODES_WITHOUT_QUESTION = {1, 2, 4, 5}
"""A resolver that failed before it read the question need not repeat it."""


class MalformedDnsError(ValueError):
    """The bytes are not a DNS message, or the message contradicts itself."""


class DnsAnswer(msgspec.Struct, frozen=True):
    """A resolver's answer to one question.

    Attributes:
        failure: None when there are addresses.
        addresses: of the type asked for, in the answer's order.
        aliases: CNAME targets in order.
        truncated: the complete answer is available over TCP.
        ech: for an HTTPS record, which has no addresses: it offers Encrypted ClientHello.
        recursion: the server offers recursion (RA); None where nobody could tell.
        errors: extended DNS error codes (RFC 8914), in the answer's order, at most `MAX_EDE_CODES`.
        rejects_edns: the server does not understand a query with EDNS.
    """

    failure: Failure | None
    addresses: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    truncated: bool = False
    ech: bool = False
    recursion: bool | None = None
    errors: tuple[int, ...] = ()
    rejects_edns: bool = False

    def differs(self, other: DnsAnswer) -> bool:
        """Return whether one resolver cannot have given both answers to one query; the order is ignored."""
        return self.failure != other.failure or set(self.addresses) != set(other.addresses)


class DnsQuestion(msgspec.Struct, frozen=True):
    """A name and a record type.

    Attributes:
        wire: the encoded question section.
        rrtype: number of the record type.
        name: lower case, octets separated by dots.
    """

    wire: bytes
    rrtype: int
    name: bytes

    def message(self, ident: int, *, edns: bool = True) -> bytes:
        """Encode the query message with this id, with EDNS (RFC 6891) or without."""
        header = _HEADER.pack(ident, _RECURSION_DESIRED, 1, 0, 0, int(edns))
        return header + self.wire + (EDNS_RECORD if edns else b"")

    def parse(self, data: bytes, ident: int) -> DnsAnswer | None:
        """Decode the answer in `data`; None when it does not answer this question under this id.

        Raises:
            MalformedDnsError: the message has the right id and cannot be decoded.
        """
        if len(data) < 2 or int.from_bytes(data[:2], "big") != ident:
            return None
        try:
            return self._plain_answer(data) or self._parse(_Reader(data))
        except (struct.error, IndexError) as error:
            raise MalformedDnsError("cut short") from error

    def _plain_answer(self, data: bytes) -> DnsAnswer | None:
        """Decode an answer that has nothing but addresses of the name itself; None for any other.

        It repeats the question octet for octet, each owner is a pointer to the question, and an OPT record without
        options may follow. `_parse` decodes it alike.
        """
        question = self.wire
        # QR set, opcode 0, no TC; RCODE 0; one question and no authorities (RFC 1035 section 4.1.1).
        if len(data) < _HEADER.size or data[2] & 0xFA != 0x80 or data[3] & _RCODE or data[4:6] != b"\0\1":
            return None
        count, additionals = data[7], data[11]
        if data[6] or data[8:11] != b"\0\0\0" or not count or not data.startswith(question, _HEADER.size):
            return None
        size = _ADDRESS_BYTES.get(self.rrtype, 0)
        beginning = b"\xc0\x0c" + question[-4:]
        offset = _HEADER.size + len(question)
        found: list[str] = []
        for _ in range(count):
            end = offset + 12 + size
            if (
                not size
                or end > len(data)
                or not data.startswith(beginning, offset)
                or data[offset + 10 : offset + 12] != bytes((0, size))
            ):
                return None
            address = data[offset + 12 : end]
            found.append("{}.{}.{}.{}".format(*address) if len(address) == 4 else str(ipaddress.ip_address(address)))
            offset = end
        if additionals:
            plain = data[offset : offset + 3] == _OPT_BEGINNING and data[offset + 5 : offset + 6] == b"\0"
            if additionals > 1 or not plain or data[offset + 9 : offset + 11] != b"\0\0":
                return None
            offset += 11
        if offset != len(data):
            return None
        return DnsAnswer(
            None, tuple(found) if count == 1 else tuple(dict.fromkeys(found)), recursion=bool(data[3] & 0x80)
        )

    def _parse(self, reader: _Reader) -> DnsAnswer | None:
        data = reader.data
        _, flags, questions, answers, authorities, additionals = _HEADER.unpack_from(data)
        rcode = flags & _RCODE
        if not flags & _RESPONSE or flags & _OPCODE:
            return None
        offset = _HEADER.size
        if questions == 1:
            name, offset = reader.name(offset)
            if name != self.name or data[offset : offset + 4] != self.wire[-4:]:
                return None
            offset += 4
        elif questions or rcode not in _RCODES_WITHOUT_QUESTION:
            return None
        truncated = bool(flags & _TRUNCATED)
        records, links, offset = reader.records(offset, answers, self.rrtype, lenient=truncated)
        values, aliases = self._follow(records, links)
        high_rcode, errors = reader.opt(offset, authorities + additionals)
        rcode |= high_rcode << 4
        failure: Failure | None = None if values else Failure.NODATA
        if rcode:
            failure = {_NXDOMAIN: Failure.NXDOMAIN, _REFUSED: Failure.REFUSED}.get(rcode, Failure.SERVFAIL)
        return DnsAnswer(
            failure,
            () if rcode or self.rrtype == HTTPS else values,
            aliases,
            truncated,
            ech=not rcode and "ech" in values,
            recursion=bool(flags & _RECURSION_AVAILABLE),
            errors=errors,
            rejects_edns=rcode in _REJECTS_EDNS,
        )

    def _follow(
        self, values: dict[bytes, list[str]], aliases: dict[bytes, bytes]
    ) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Follow the aliases from the name asked for; return the values at the end and the chain."""
        name = self.name
        chain: list[str] = []
        while name not in values and name in aliases:
            name = aliases[name]
            chain.append(_printable(name))
            if len(chain) > _MAX_ALIASES:
                raise MalformedDnsError("endless alias chain")
        return tuple(dict.fromkeys(values.get(name, ()))), tuple(chain)


def dns_question(name: str, rrtype: str) -> DnsQuestion:
    """Return the question for the `A`, `AAAA` or `HTTPS` records of a name in A-labels.

    Raises:
        ValueError: the name cannot be encoded (a label over 63 octets, a name over 255).
    """
    written = name.rstrip(".").encode("ascii").lower()
    labels = written.split(b".")
    sizes = list(map(len, labels))
    if not 1 <= min(sizes) <= max(sizes) <= 63 or len(written) + 2 > _MAX_NAME_BYTES:
        raise ValueError(f"{name!r} cannot be asked about")
    wire = b"".join([_OCTETS[size] + label for size, label in zip(sizes, labels, strict=True)])
    number = TYPES[rrtype]
    return DnsQuestion(wire + _TYPE_ENDS[number], number, written)


class _Reader:
    """Decode one message; names that several records point at are decoded once."""

    __slots__ = ("_labels", "_names", "data")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self._labels = 0
        self._names: dict[int, bytes] = {}
        """Target of a pointer at a record's name -> the name there."""

    def records(
        self, offset: int, count: int, rrtype: int, *, lenient: bool
    ) -> tuple[dict[bytes, list[str]], dict[bytes, bytes], int]:
        """Decode the answer section.

        Returns:
            owner -> values (addresses; `ech` or "" for HTTPS), owner -> alias, the offset after the section.
        """
        data = self.data
        values: dict[bytes, list[str]] = {}
        aliases: dict[bytes, bytes] = {}
        for _ in range(count):
            if lenient and offset >= len(data):
                break
            owner, offset = self.name(offset)
            kind, class_, _, length = _RECORD.unpack_from(data, offset)
            offset += _RECORD.size
            end = offset + length
            if end > len(data):
                raise MalformedDnsError("cut short")
            if class_ == _IN and kind == rrtype == HTTPS:
                values.setdefault(owner, []).append("ech" if self._offers_ech(offset, end) else "")
            elif class_ == _IN and kind == rrtype:
                if length != _ADDRESS_BYTES[rrtype]:
                    raise MalformedDnsError("an address of a wrong length")
                values.setdefault(owner, []).append(str(ipaddress.ip_address(data[offset:end])))
            elif class_ == _IN and kind == _CNAME:
                target, after = self.name(offset)
                if after != end:
                    raise MalformedDnsError("an alias of a wrong length")
                aliases[owner] = target
            offset = end
        return values, aliases, offset

    def opt(self, offset: int, count: int) -> tuple[int, tuple[int, ...]]:
        """Find the OPT record among the records after the answers; return the high bits of the RCODE and the EDE codes.

        Bytes that cannot be decoded there end the search: the answer itself was complete.
        """
        try:
            for _ in range(count):
                owner, offset = self.name(offset)
                kind, _, ttl, length = _RECORD.unpack_from(self.data, offset)
                offset += _RECORD.size
                if kind == _OPT and not owner:
                    return ttl >> 24, self._ede_codes(offset, min(offset + length, len(self.data)))
                offset += length
        except (struct.error, IndexError, MalformedDnsError):
            pass
        return 0, ()

    def _ede_codes(self, offset: int, end: int) -> tuple[int, ...]:
        """The info codes of the EDE options between two offsets (RFC 6891 section 6.1.2, RFC 8914 section 2)."""
        codes: list[int] = []
        while offset + _PARAMETER.size <= end and len(codes) < MAX_EDE_CODES:
            option, length = _PARAMETER.unpack_from(self.data, offset)
            offset += _PARAMETER.size
            if option == _EDE and length >= 2 and offset + 2 <= end:
                codes.append(int.from_bytes(self.data[offset : offset + 2], "big"))
            offset += length
        return tuple(codes)

    def name(self, offset: int) -> tuple[bytes, int]:
        """Decode the name at `offset`; return it in lower case and the offset after it.

        Offsets only grow, so a target that an earlier pointer led to lies before this one, too.
        """
        data = self.data
        if data[offset] < 0xC0:
            return self._read_name(offset)
        target = (data[offset] & 0x3F) << 8 | data[offset + 1]
        known = self._names.get(target)
        if known is None:
            known, _ = self._read_name(offset)
            self._names[target] = known
        return known, offset + 2

    def _read_name(self, offset: int) -> tuple[bytes, int]:
        """Decode a name label by label (RFC 1035 section 4.1.4)."""
        data = self.data
        labels: list[bytes] = []
        total = 1
        end = 0
        floor = offset
        read = self._labels
        while length := data[offset]:
            read += 1
            if read > _MAX_LABELS:
                raise MalformedDnsError("too many labels and pointers")
            if length >= 0xC0:
                target = (length & 0x3F) << 8 | data[offset + 1]
                end = end or offset + 2
                if target >= floor:
                    raise MalformedDnsError("a pointer that does not point backwards")
                offset = floor = target
                continue
            if length > 63:
                raise MalformedDnsError("an unknown kind of label")
            label = data[offset + 1 : offset + 1 + length]
            total += length + 1
            if len(label) != length or total > _MAX_NAME_BYTES:
                raise MalformedDnsError("a name without an end")
            labels.append(label)
            offset += length + 1
        self._labels = read
        # A dot inside a label must not make one name look like another.
        escaped = [label.replace(b"\\", b"\\\\").replace(b".", b"\\.") if b"." in label else label for label in labels]
        return b".".join(escaped).lower(), end or offset + 1

    def _offers_ech(self, offset: int, end: int) -> bool:
        """Return whether an HTTPS record has an `ech` parameter (RFC 9460 2.2: priority, target, parameters)."""
        _, offset = self.name(offset + 2)
        while offset < end:
            key, length = _PARAMETER.unpack_from(self.data, offset)
            offset += _PARAMETER.size + length
            if key == _ECH:
                return offset <= end
        if offset != end:
            raise MalformedDnsError("parameters of a wrong length")
        return False


def _printable(name: bytes) -> str:
    """Return a name as evidence shows it: other octets than printable ASCII are escaped (RFC 1035 section 5.1)."""
    return "".join(chr(octet) if 33 <= octet < 127 else f"\\{octet:03d}" for octet in name)
