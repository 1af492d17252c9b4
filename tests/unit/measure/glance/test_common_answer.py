"""The decoder by hand agrees with the decoder of all of DNS, and leaves to it what is not common."""

from __future__ import annotations

import dns.message
import dns.rrset
import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.measure.dns_wire import MalformedDnsError, dns_question
from probe.measure.glance.common_answer import common_addresses
from probe.measure.glance.shared_resolver import question_section

NAME = "www.lab.example"
QUESTION = question_section(NAME, "A")


def answer(*records: str, rrtype: str = "A", name: str = NAME, rcode: int = 0) -> bytes:
    """Return an answer as dnspython writes it; a record is `owner type value`."""
    query = dns.message.make_query(name, rrtype, id=7, use_edns=True)
    made = dns.message.make_response(query)
    made.flags |= 0x80
    made.set_rcode(rcode)
    for record in records:
        owner, kind, value = record.split()
        made.answer.append(dns.rrset.from_text(f"{owner}.", 60, "IN", kind, value))
    return made.to_wire()


@pytest.mark.parametrize(
    ("records", "found"),
    [
        ([f"{NAME} A 192.0.2.1"], ["192.0.2.1"]),
        ([f"{NAME} A 192.0.2.2", f"{NAME} A 192.0.2.1", f"{NAME} A 192.0.2.2"], ["192.0.2.2", "192.0.2.1"]),
        ([f"{NAME} CNAME cdn.example.", "cdn.example A 192.0.2.1"], ["192.0.2.1"]),
        ([f"{NAME} CNAME a.lab.example.", "a.lab.example CNAME b.example.", "b.example A 192.0.2.1"], ["192.0.2.1"]),
    ],
)
def test_addresses_are_found_through_aliases(records: list[str], found: list[str]) -> None:
    """In the answer's order, each once."""
    assert common_addresses(answer(*records), QUESTION) == found


def test_ipv6_addresses_are_written_as_everywhere() -> None:
    """Mapped ones have no dots."""
    data = answer(f"{NAME} AAAA 2001:db8::1", f"{NAME} AAAA ::ffff:192.0.2.1", rrtype="AAAA")

    assert common_addresses(data, question_section(NAME, "AAAA")) == ["2001:db8::1", "::ffff:c000:201"]


@pytest.mark.parametrize(
    "data",
    [
        answer(),
        answer(rcode=3),
        answer(f"{NAME} CNAME cdn.example."),
        answer(f"{NAME} A 192.0.2.1", rcode=2),
        answer(f"{NAME} A 192.0.2.1", name="WWW.lab.example"),
        answer("other.example A 192.0.2.1"),
        answer("cdn.example A 192.0.2.1", f"{NAME} CNAME cdn.example."),
        answer(f"{NAME} A 192.0.2.1")[:-12],
        b"",
        b"\0" * 12,
    ],
)
def test_everything_else_is_left_to_the_full_decoder(data: bytes) -> None:
    """An error, no address, another spelling, another order, a cut message."""
    assert common_addresses(data, QUESTION) is None


def test_a_cut_or_asked_message_is_no_common_answer() -> None:
    """TC is set; QR is not; the opcode is another."""
    data = bytearray(answer(f"{NAME} A 192.0.2.1"))
    for at, bit in ((2, 0x02), (2, 0x80), (2, 0x08)):
        changed = bytearray(data)
        changed[at] ^= bit
        assert common_addresses(bytes(changed), QUESTION) is None


@given(
    st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), max_size=6),
    st.sampled_from(
        [
            answer(f"{NAME} CNAME cdn.example.", "cdn.example A 192.0.2.1", "cdn.example A 192.0.2.9"),
            answer(f"{NAME} A 192.0.2.1"),
        ]
    ),
    st.integers(0, 200),
)
def test_what_both_decoders_read_they_read_alike(changes: list[tuple[int, int]], data: bytes, cut: int) -> None:
    """Octets are changed and the end is cut off; nothing raises."""
    changed = bytearray(data)
    for at, octet in changes:
        changed[at % len(changed)] = octet
    mutated = bytes(changed[: len(changed) - cut] if cut < len(changed) and cut % 2 else changed)
    found = common_addresses(mutated, QUESTION)
    if found is None:
        return
    try:
        full = dns_question(NAME, "A").parse(mutated, mutated[0] << 8 | mutated[1])
    except MalformedDnsError:
        full = None
    assert full is not None
    if full.failure is None:
        assert list(full.addresses) == found


@given(st.binary(max_size=300))
def test_no_bytes_raise(data: bytes) -> None:
    """Behind a good question, too."""
    common_addresses(data, QUESTION)
    common_addresses(b"\0\7\x81\x80\0\1\0\2\0\0\0\0" + QUESTION + data, QUESTION)
