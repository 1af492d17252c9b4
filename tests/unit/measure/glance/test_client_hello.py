"""The ClientHello is well-formed, of one segment, and varies as a browser's does."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.measure.failures import OperationError
from probe.measure.glance.client_hello import ClientHelloTemplates

SNI, PADDING, KEY_SHARE, ALPN = 0, 21, 51, 16


def extensions_of(record: bytes) -> dict[int, bytes]:
    """Check every length of a ClientHello in one record, and return its extensions in order."""
    assert record[:3] == b"\x16\3\1"
    assert int.from_bytes(record[3:5], "big") == len(record) - 5
    assert record[5] == 1
    assert int.from_bytes(record[6:9], "big") == len(record) - 9
    assert record[9:11] == b"\3\3"
    at = 11 + 32
    at += 1 + record[at]
    at += 2 + int.from_bytes(record[at : at + 2], "big")
    at += 1 + record[at]
    assert int.from_bytes(record[at : at + 2], "big") == len(record) - at - 2
    at += 2
    found = {}
    while at < len(record):
        kind, size = int.from_bytes(record[at : at + 2], "big"), int.from_bytes(record[at + 2 : at + 4], "big")
        assert kind not in found
        assert at + 4 + size <= len(record)
        found[kind] = record[at + 4 : at + 4 + size]
        at += 4 + size
    return found


@given(st.from_regex(r"[a-z0-9-]{1,63}(\.[a-z]{1,60}){0,3}", fullmatch=True), st.integers())
def test_every_length_in_the_hello_is_right(name: str, seed: int) -> None:
    """The server name is there as it was given, whatever its length."""
    record, session = ClientHelloTemplates(random=Random(seed)).pack(name)
    found = extensions_of(record)

    encoded = name.encode()
    assert found[SNI] == (len(encoded) + 3).to_bytes(2, "big") + b"\0" + len(encoded).to_bytes(2, "big") + encoded
    assert session in record
    assert len(session) == 32


@pytest.mark.parametrize("length", [1, 20, 100])
def test_the_hello_has_517_bytes_as_a_browsers(length: int) -> None:
    """Padding makes up for a short name."""
    record, _ = ClientHelloTemplates().pack("a" * length)

    assert len(record) == 517
    assert set(extensions_of(record)[PADDING]) == {0}


def test_the_hello_fits_into_one_segment_with_the_longest_name() -> None:
    """A server name in a second segment would pass filters that do not reassemble."""
    record, _ = ClientHelloTemplates().pack("a" * 253)

    assert len(record) < 1_200


def test_without_a_name_there_is_no_server_name() -> None:
    """An address is none (RFC 6066 section 3)."""
    assert SNI not in extensions_of(ClientHelloTemplates().pack("")[0])


def test_a_name_that_is_too_long_is_refused() -> None:
    with pytest.raises(OperationError, match="too long"):
        ClientHelloTemplates().pack("a" * 256)


def test_two_hellos_differ_in_random_bytes_and_in_order() -> None:
    """Nothing of one hello is found again in the next."""
    templates = ClientHelloTemplates()
    (first, session), (second, other) = templates.pack("a.example"), templates.pack("a.example")

    assert session != other
    assert first[11:43] != second[11:43]
    assert extensions_of(first)[KEY_SHARE][-32:] != extensions_of(second)[KEY_SHARE][-32:]
    orders = {tuple(extensions_of(templates.pack("a.example")[0])) for _ in range(16)}
    assert len(orders) > 8


def test_grease_is_first_and_last_but_padding() -> None:
    """As in Chrome, and the two values differ (RFC 8701 section 3.1)."""
    first, *_, last, padding = extensions_of(ClientHelloTemplates().pack("a.example")[0])

    assert (first & 0x0F0F, last & 0x0F0F, padding) == (0x0A0A, 0x0A0A, PADDING)
    assert first != last


def test_the_protocols_that_are_asked_for_are_offered() -> None:
    record, _ = ClientHelloTemplates((b"h3",)).pack("a.example")

    assert extensions_of(record)[ALPN] == b"\0\3\2h3"
