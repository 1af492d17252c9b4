"""DNS messages are encoded and decoded as dnspython does it, and hostile messages cost little."""

from __future__ import annotations

import contextlib
import struct
from itertools import cycle, islice

import dns.edns
import dns.message
import dns.rcode
import dns.rrset
import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.measure.dns_wire import DnsAnswer, MalformedDnsError, _Reader, dns_question
from probe.model.failure import Failure
from tests.unit.measure.cpu_time import MAX_CPU_SECONDS, cpu_seconds

NAMES = st.lists(st.from_regex(r"[a-z0-9_](?:[a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True), min_size=1, max_size=5)
ADDRESSES = st.lists(st.ip_addresses(v=4).map(str), max_size=6, unique=True)
ASKED = dns_question("lab.example", "A")
ID = 7


def built(name: str, chain: list[str], addresses: list[str], rrtype: str, ident: int) -> bytes:
    """Return an answer as dnspython writes it, with compressed names."""
    query = dns.message.make_query(name, rrtype, id=ident)
    reply = dns.message.make_response(query)
    owner = name
    for alias in chain:
        reply.answer.append(dns.rrset.from_text(f"{owner}.", 60, "IN", "CNAME", f"{alias}."))
        owner = alias
    if addresses:
        reply.answer.append(dns.rrset.from_text_list(f"{owner}.", 60, "IN", rrtype, addresses))
    return reply.to_wire()


def message(count: int, records: bytes, wire: bytes = ASKED.wire) -> bytes:
    """Return an answer with these records."""
    return struct.pack("!6H", ID, 0x8180, 1, count, 0, 0) + wire + records


def record(owner: bytes, kind: int, data: bytes) -> bytes:
    """Return one record."""
    return owner + struct.pack("!HHIH", kind, 1, 60, len(data)) + data


def pointer(offset: int) -> bytes:
    """Return a compression pointer."""
    return struct.pack("!H", 0xC000 | offset)


@given(NAMES, st.integers(0, 65535), st.sampled_from(["A", "AAAA"]))
def test_dnspython_reads_the_query_that_was_encoded(labels: list[str], ident: int, rrtype: str) -> None:
    """Name, type, id and the recursion flag agree."""
    name = ".".join(labels)
    read = dns.message.from_wire(dns_question(name, rrtype).message(ident))

    assert read.id == ident
    assert str(read.question[0].name) == f"{name}."
    assert read.question[0].rdtype == dns.rdatatype.from_text(rrtype)
    assert read.flags == dns.flags.RD


@given(NAMES, st.integers(0, 3), ADDRESSES, st.integers(0, 65535))
def test_an_answer_of_dnspython_is_decoded_and_its_aliases_are_followed(
    labels: list[str], links: int, addresses: list[str], ident: int
) -> None:
    """Dnspython compresses names and shuffles the addresses."""
    name = ".".join(labels)
    chain = [f"edge{rank}.cdn.example" for rank in range(links)]
    answer = dns_question(name, "A").parse(built(name, chain, addresses, "A", ident), ident)

    assert answer is not None
    assert set(answer.addresses) == set(addresses)
    assert answer.aliases == tuple(chain)
    assert answer.failure is (None if addresses else Failure.NODATA)


@given(st.binary(max_size=120))
def test_any_bytes_are_an_answer_or_malformed_or_ignored(data: bytes) -> None:
    """No other exception is raised, also where the bytes follow a valid header."""
    asked = dns_question("lab.example", "AAAA")
    for attempt in (data, asked.message(ID)[:2] + data, message(9, data, asked.wire)):
        try:
            answer = asked.parse(attempt, ID)
        except MalformedDnsError:
            continue
        assert answer is None or isinstance(answer, DnsAnswer)


def test_an_answer_with_another_id_or_question_or_without_the_response_flag_is_ignored() -> None:
    """A forger who guesses wrong has no effect."""
    good = built("lab.example", [], ["192.0.2.1"], "A", ID)

    assert ASKED.parse(good, ID) is not None
    assert ASKED.parse(good, ID + 1) is None
    assert ASKED.parse(built("lab.example", [], [], "AAAA", ID), ID) is None
    assert ASKED.parse(built("lap.example", [], ["192.0.2.1"], "A", ID), ID) is None
    assert ASKED.parse(ASKED.message(ID), ID) is None


def test_an_error_reply_may_omit_the_question_and_an_answer_may_not() -> None:
    """Some resolvers refuse a query without repeating its question."""
    refused = ASKED.parse(struct.pack("!6H", ID, 0x8185, 0, 0, 0, 0), ID)

    assert refused is not None
    assert refused.failure is Failure.REFUSED
    assert ASKED.parse(struct.pack("!6H", ID, 0x8180, 0, 0, 0, 0), ID) is None


@pytest.mark.parametrize(
    "tail",
    [
        b"\xc0\x1d" + bytes(20),
        b"\xff\xff" + bytes(20),
        b"\x40abc" + bytes(20),
        record(b"\xc0\x0c", 1, bytes(5)),
        b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 0, 400) + bytes(4),
        b"\xc0\x0c" + struct.pack("!HHIH", 5, 1, 0, 9) + b"\xc0\x0c" + bytes(7),
        b"\xc0",
        (b"\x3f" + b"a" * 63) * 5 + b"\0" + bytes(14),
    ],
    ids=["loop", "forward", "label kind", "size", "length", "alias length", "cut", "long name"],
)
def test_a_message_that_contradicts_itself_is_malformed(tail: bytes) -> None:
    """A compression loop ends, too."""
    with pytest.raises(MalformedDnsError):
        ASKED.parse(message(1, tail), ID)


def test_an_endless_alias_chain_is_malformed() -> None:
    """A name is its own alias."""
    with pytest.raises(MalformedDnsError):
        ASKED.parse(message(1, record(b"\xc0\x0c", 5, b"\xc0\x0c")), ID)


def test_records_that_follow_thousands_of_pointers_cost_little() -> None:
    """Each pointer points at the one before; each of 4,000 records follows a chain of 8,000."""
    start = len(message(1, record(b"\0", 16, b"")))
    length = (0x3FFF - start) // 2
    links = b"".join(pointer(start + 2 * rank - 2 if rank else 12) for rank in range(length))
    ends = islice(cycle(range(length - 2000, length)), (65535 - start - len(links)) // 12)
    records = [record(pointer(start + 2 * end), 16, b"") for end in ends]
    data = message(1 + len(records), record(b"\0", 16, links) + b"".join(records))

    def parse() -> None:
        with pytest.raises(MalformedDnsError, match="too many"):
            ASKED.parse(data, ID)

    assert 65000 < len(data) <= 65535
    assert cpu_seconds(parse) < MAX_CPU_SECONDS


@pytest.mark.parametrize(
    "owner", [b"\1a" * 127 + b"\0", b"\0", b"\xc0\x0c"], ids=["127 labels", "the root", "one pointer"]
)
def test_an_answer_full_of_records_costs_little(owner: bytes) -> None:
    """64 KiB of records with long names, with no name, with the name asked for."""
    one = record(owner, 1, b"\x0a\0\0\1")
    count = (65535 - len(message(0, b""))) // len(one)

    def parse() -> None:
        with contextlib.suppress(MalformedDnsError):
            ASKED.parse(message(count, one * count), ID)

    assert cpu_seconds(parse) < MAX_CPU_SECONDS


def test_an_https_record_full_of_parameters_costs_little() -> None:
    """16,000 parameters without a value."""
    asked = dns_question("lab.example", "HTTPS")
    parameters = b"".join(struct.pack("!HH", rank + 6, 0) for rank in range(16300))
    data = message(1, record(b"\xc0\x0c", 65, b"\0\1\0" + parameters), asked.wire)
    answers: list[DnsAnswer | None] = []

    assert cpu_seconds(lambda: answers.append(asked.parse(data, ID))) < MAX_CPU_SECONDS
    assert [(one.failure, one.ech) for one in answers if one is not None] == [(None, False)]


def test_every_address_of_a_large_answer_is_decoded() -> None:
    """The bound on labels does not affect a normal answer, whose names all point at one place."""
    records = b"".join(record(b"\xc0\x0c", 1, struct.pack("!BBH", 10, 0, rank)) for rank in range(4000))
    answer = ASKED.parse(message(4000, records), ID)

    assert answer is not None
    assert len(answer.addresses) == 4000


def test_the_longest_alias_chain_of_the_longest_names_is_decoded() -> None:
    """Sixteen aliases of 127 labels each, none of them compressed."""
    names = [b"".join(bytes((1, 97 + rank)) for _ in range(127)) + b"\0" for rank in range(17)]
    asked = dns_question(".".join("a" * 127), "A")
    links = b"".join(record(names[rank], 5, names[rank + 1]) for rank in range(16))
    answer = asked.parse(message(17, links + record(names[16], 1, b"\x0a\0\0\1"), asked.wire), ID)

    assert answer is not None
    assert answer.addresses == ("10.0.0.1",)
    assert len(answer.aliases) == 16


def test_a_dot_inside_a_label_makes_no_other_name() -> None:
    """The one label `lab.example` differs from the two labels."""
    forged = b"\x0blab.example\0" + ASKED.wire[-4:]

    assert ASKED.parse(struct.pack("!6H", ID, 0x8180, 1, 0, 0, 0) + forged, ID) is None


def test_two_answers_differ_by_failure_or_addresses_and_not_by_order() -> None:
    """Aliases are ignored as well."""
    one = DnsAnswer(None, ("192.0.2.1", "192.0.2.2"))

    assert not one.differs(DnsAnswer(None, ("192.0.2.2", "192.0.2.1"), ("alias.example",)))
    assert one.differs(DnsAnswer(None, ("192.0.2.1",)))
    assert one.differs(DnsAnswer(Failure.NXDOMAIN))


@pytest.mark.parametrize("name", ["a" * 64 + ".example", ".".join(["a" * 60] * 5), "a..b"])
def test_a_name_that_cannot_be_encoded_is_refused(name: str) -> None:
    """A label over 63 octets, a name over 255, an empty label."""
    with pytest.raises(ValueError, match="cannot be asked about"):
        dns_question(name, "A")


@pytest.mark.parametrize(
    ("records", "failure", "ech"),
    [
        (['1 . alpn="h2,h3" ech="AAT+DQAA"'], None, True),
        (["1 . alpn=h2", '2 svc.example.net. ech="AAT+DQAA" ipv4hint=192.0.2.1'], None, True),
        (["1 . alpn=h2 ipv4hint=192.0.2.1"], None, False),
        (["0 elsewhere.example.net."], None, False),
        ([], Failure.NODATA, False),
    ],
)
def test_an_https_record_shows_whether_ech_is_offered(records: list[str], failure: Failure | None, ech: bool) -> None:
    """Dnspython writes the records (RFC 9460)."""
    name = "www.example.org"
    asked = dns_question(name, "HTTPS")
    reply = dns.message.make_response(dns.message.from_wire(asked.message(ID)))
    if records:
        reply.answer.append(dns.rrset.from_text_list(f"{name}.", 60, "IN", "HTTPS", records))

    answer = asked.parse(reply.to_wire(), ID)

    assert answer is not None
    assert (answer.failure, answer.addresses, answer.ech) == (failure, (), ech)


@given(cut=st.integers(1, 40), octet=st.integers(0, 255))
def test_a_damaged_https_record_never_yields_an_address(cut: int, octet: int) -> None:
    """It is an answer without addresses, or malformed."""
    name = "www.example.org"
    asked = dns_question(name, "HTTPS")
    reply = dns.message.make_response(dns.message.from_wire(asked.message(ID)))
    reply.answer.append(dns.rrset.from_text_list(f"{name}.", 60, "IN", "HTTPS", ['1 . alpn=h2 ech="AAT+DQAA"']))
    wire = bytearray(reply.to_wire())
    wire[-cut] = octet
    with contextlib.suppress(MalformedDnsError):
        read = asked.parse(bytes(wire), ID)
        assert read is None or read.addresses == ()


@pytest.mark.parametrize(
    ("codes", "kept"), [([], ()), ([15], (15,)), ([22, 23], (22, 23)), ([1, 2, 3, 4, 5, 6], (1, 2, 3, 4))]
)
def test_extended_errors_are_decoded_and_their_number_is_bounded(codes: list[int], kept: tuple[int, ...]) -> None:
    """Dnspython writes the options (RFC 8914)."""
    reply = dns.message.make_response(dns.message.from_wire(ASKED.message(ID)), recursion_available=True)
    reply.use_edns(0, 0, 1232, options=[dns.edns.EDEOption(code, "why") for code in codes])
    answer = ASKED.parse(reply.to_wire(), ID)

    assert answer is not None
    assert (answer.errors, answer.recursion, answer.rejects_edns) == (kept, True, False)


def test_recursion_that_is_not_available_is_seen() -> None:
    """A filter that answers itself often leaves RA out."""
    answer = ASKED.parse(dns.message.make_response(dns.message.from_wire(ASKED.message(ID))).to_wire(), ID)

    assert answer is not None
    assert answer.recursion is False


@pytest.mark.parametrize("rcode", ["FORMERR", "NOTIMP", "BADVERS"])
def test_an_answer_that_rejects_edns_is_no_answer_about_the_name(rcode: str) -> None:
    """The code of BADVERS is 16: its header alone says NOERROR, which would read as no data."""
    reply = dns.message.make_response(dns.message.from_wire(ASKED.message(ID)))
    reply.set_rcode(dns.rcode.from_text(rcode))
    answer = ASKED.parse(reply.to_wire(), ID)

    assert answer is not None
    assert (answer.failure, answer.rejects_edns) == (Failure.SERVFAIL, True)


@given(st.binary(max_size=60))
def test_bytes_after_the_answers_never_spoil_them(tail: bytes) -> None:
    """They are read for the OPT record alone."""
    reply = struct.pack("!6H", ID, 0x8180, 1, 1, 3, 3) + ASKED.wire + record(pointer(12), 1, b"\x0a\0\0\1") + tail
    answer = ASKED.parse(reply, ID)

    assert answer is not None
    assert answer.addresses == ("10.0.0.1",) or answer.failure is Failure.SERVFAIL or answer.failure is Failure.NXDOMAIN


def test_a_query_without_edns_has_no_additional_record() -> None:
    """What a server gets that rejects EDNS; dnspython reads both."""
    plain, usual = (dns.message.from_wire(ASKED.message(ID, edns=edns)) for edns in (False, True))

    assert (plain.edns, usual.edns, usual.payload) == (-1, 0, 1232)


@given(
    st.sampled_from(["A", "AAAA"]),
    st.integers(1, 4),
    st.binary(max_size=30),
    st.lists(st.tuples(st.integers(0, 90), st.integers(0, 255)), max_size=2),
)
def test_plain_answers_are_decoded_as_all_others_are(
    rrtype: str, count: int, cut: bytes, changes: list[tuple[int, int]]
) -> None:
    """Whatever octets are changed, added or missing, the shorter way leads to the same or is not taken."""
    question = dns_question("www.example.org", rrtype)
    size = 4 if rrtype == "A" else 16
    record = b"\xc0\x0c" + question.wire[-4:] + struct.pack("!IH", 60, size)
    records = b"".join(record + bytes([151, *range(number, number + size - 1)]) for number in range(count))
    opt = b"\0\0\x29\x04\xd0" + bytes(6)
    data = bytearray(struct.pack("!6H", 7, 0x8180, 1, count, 0, 1) + question.wire + records + opt)
    for at, octet in changes:
        data[at % len(data)] = octet
    message = bytes(data[: len(data) - len(cut)]) if len(cut) % 2 else bytes(data) + cut
    found = question._plain_answer(message)

    if found is not None:
        assert found == question._parse(_Reader(message))
    if not changes and not cut:
        assert found is not None
