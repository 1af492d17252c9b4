"""DNS messages by hand, held against a general library and against hostile bytes."""

from __future__ import annotations

import contextlib
import struct

import dns.message
import dns.rrset
import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.measure.dns_wire import DnsAnswer, MalformedDnsError, dns_question
from probe.model.failure import Failure

NAMES = st.lists(st.from_regex(r"[a-z0-9_](?:[a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True), min_size=1, max_size=5)
ADDRESSES = st.lists(st.ip_addresses(v=4).map(str), max_size=6, unique=True)


def built(name: str, chain: list[str], addresses: list[str], rrtype: str, ident: int) -> bytes:
    """An answer as the library writes it, with compressed names."""
    query = dns.message.make_query(name, rrtype, id=ident)
    reply = dns.message.make_response(query)
    owner = name
    for alias in chain:
        reply.answer.append(dns.rrset.from_text(f"{owner}.", 60, "IN", "CNAME", f"{alias}."))
        owner = alias
    if addresses:
        reply.answer.append(dns.rrset.from_text_list(f"{owner}.", 60, "IN", rrtype, addresses))
    return reply.to_wire()


@given(NAMES, st.integers(0, 65535), st.sampled_from(["A", "AAAA"]))
def test_a_query_is_what_the_library_reads(labels: list[str], ident: int, rrtype: str) -> None:
    """Name, type, id, and that recursion is desired."""
    name = ".".join(labels)
    read = dns.message.from_wire(dns_question(name, rrtype).message(ident))

    assert read.id == ident
    assert str(read.question[0].name) == f"{name}."
    assert read.question[0].rdtype == dns.rdatatype.from_text(rrtype)
    assert read.flags == dns.flags.RD


@given(NAMES, st.integers(0, 3), ADDRESSES, st.integers(0, 65535))
def test_an_answer_of_the_librarys_is_read_with_aliases_followed(
    labels: list[str], links: int, addresses: list[str], ident: int
) -> None:
    """Names compressed."""
    name = ".".join(labels)
    chain = [f"edge{rank}.cdn.example" for rank in range(links)]
    answer = dns_question(name, "A").parse(built(name, chain, addresses, "A", ident), ident)

    assert answer is not None
    assert set(answer.addresses) == set(addresses)  # the library shuffles what it writes
    assert answer.aliases == tuple(chain)
    assert answer.failure is (None if addresses else Failure.NODATA)


@given(st.binary(max_size=120))
def test_bytes_of_any_kind_are_an_answer_or_malformed_or_not_ours(data: bytes) -> None:
    """Nothing else is raised, whatever follows a good header."""
    asked = dns_question("lab.example", "AAAA")
    for message in (data, asked.message(7)[:2] + data, struct.pack("!6H", 7, 0x8180, 1, 9, 0, 0) + asked.wire + data):
        try:
            answer = asked.parse(message, 7)
        except MalformedDnsError:
            continue
        assert answer is None or isinstance(answer, DnsAnswer)


def test_an_answer_must_carry_id_question_and_response_bit() -> None:
    """A forger who guesses badly is not heard."""
    asked = dns_question("lab.example", "A")
    good = built("lab.example", [], ["192.0.2.1"], "A", 7)

    assert asked.parse(good, 7) is not None
    assert asked.parse(good, 8) is None
    assert asked.parse(built("lab.example", [], [], "AAAA", 7), 7) is None
    assert asked.parse(built("lap.example", [], ["192.0.2.1"], "A", 7), 7) is None
    assert asked.parse(asked.message(7), 7) is None


def test_a_resolver_that_refuses_may_leave_the_question_out() -> None:
    """As some do; one that answers may not."""
    asked = dns_question("lab.example", "A")

    refused = asked.parse(struct.pack("!6H", 7, 0x8185, 0, 0, 0, 0), 7)
    assert refused is not None
    assert refused.failure is Failure.REFUSED
    assert asked.parse(struct.pack("!6H", 7, 0x8180, 0, 0, 0, 0), 7) is None


@pytest.mark.parametrize(
    "tail",
    [
        b"\xc0\x1d" + bytes(20),
        b"\xff\xff" + bytes(20),
        b"\x40abc" + bytes(20),
        b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 0, 5) + bytes(5),
        b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 0, 400) + bytes(4),
        b"\xc0\x0c" + struct.pack("!HHIH", 5, 1, 0, 9) + b"\xc0\x0c" + bytes(7),
        b"\xc0",
        (b"\x3f" + b"a" * 63) * 5 + b"\0" + bytes(14),
    ],
    ids=["loop", "forward", "label kind", "size", "length", "alias length", "cut", "long name"],
)
def test_a_message_that_contradicts_itself_is_malformed(tail: bytes) -> None:
    """Compression loops first of all."""
    asked = dns_question("lab.example", "A")
    with pytest.raises(MalformedDnsError):
        asked.parse(struct.pack("!6H", 7, 0x8180, 1, 1, 0, 0) + asked.wire + tail, 7)


def test_an_alias_chain_without_an_end_is_malformed() -> None:
    """A name that is its own alias."""
    asked = dns_question("lab.example", "A")
    loop = b"\xc0\x0c" + struct.pack("!HHIH", 5, 1, 0, 2) + b"\xc0\x0c"
    with pytest.raises(MalformedDnsError):
        asked.parse(struct.pack("!6H", 7, 0x8180, 1, 1, 0, 0) + asked.wire + loop, 7)


def test_a_dot_within_a_label_makes_no_other_name() -> None:
    """One label `lab.example` is not the two labels."""
    asked = dns_question("lab.example", "A")
    forged = b"\x0blab.example\0" + asked.wire[-4:]

    assert asked.parse(struct.pack("!6H", 7, 0x8180, 1, 0, 0, 0) + forged, 7) is None


def test_the_order_of_addresses_makes_no_difference() -> None:
    """Another word or another address does."""
    one = DnsAnswer(None, ("192.0.2.1", "192.0.2.2"))

    assert not one.differs(DnsAnswer(None, ("192.0.2.2", "192.0.2.1"), ("alias.example",)))
    assert one.differs(DnsAnswer(None, ("192.0.2.1",)))
    assert one.differs(DnsAnswer(Failure.NXDOMAIN))


@pytest.mark.parametrize("name", ["a" * 64 + ".example", ".".join(["a" * 60] * 5), "a..b"])
def test_a_name_that_cannot_be_asked_about_is_refused(name: str) -> None:
    """Before anything is sent."""
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
def test_an_https_record_says_whether_ech_is_offered(records: list[str], failure: Failure | None, ech: bool) -> None:
    """RFC 9460; the library writes what we read."""
    name = "www.example.org"
    asked = dns_question(name, "HTTPS")
    reply = dns.message.make_response(dns.message.from_wire(asked.message(7)))
    if records:
        reply.answer.append(dns.rrset.from_text_list(f"{name}.", 60, "IN", "HTTPS", records))

    assert asked.parse(reply.to_wire(), 7) == DnsAnswer(failure, (), ech=ech)


@given(cut=st.integers(1, 40), octet=st.integers(0, 255))
def test_a_broken_https_record_is_malformed_or_says_nothing_false(cut: int, octet: int) -> None:
    """Whatever stands in it: an answer, or the one error."""
    name = "www.example.org"
    asked = dns_question(name, "HTTPS")
    reply = dns.message.make_response(dns.message.from_wire(asked.message(7)))
    reply.answer.append(dns.rrset.from_text_list(f"{name}.", 60, "IN", "HTTPS", ['1 . alpn=h2 ech="AAT+DQAA"']))
    wire = bytearray(reply.to_wire())
    wire[-cut] = octet
    with contextlib.suppress(MalformedDnsError):
        read = asked.parse(bytes(wire), 7)
        assert read is None or read.addresses == ()
