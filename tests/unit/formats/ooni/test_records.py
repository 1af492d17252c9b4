"""Texts and header fields as OONI writes them."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest

from probe.formats.ooni.records import OoniResponse, headers_of, octets_of


@pytest.mark.parametrize(
    "text, octets",
    [
        ("plain", b"plain"),
        (None, b""),
        ({"format": "base64", "data": b64encode(b"\xff\xfe").decode()}, b"\xff\xfe"),
        ({"format": "base64", "data": b64encode(b"\xff\xfe").decode().rstrip("=")}, b"\xff\xfe"),
        ({"format": "base64", "data": "%%%"}, b""),
        ({"format": "base64", "data": 7}, b""),
        ({"format": "rot13", "data": "n"}, b""),
    ],
)
def test_a_text_gives_its_octets(text: Any, octets: bytes) -> None:
    """Whatever cannot be read gives none."""
    assert octets_of(text) == octets


def test_a_text_is_bounded() -> None:
    """A body of any size costs no more than its bound."""
    assert len(octets_of("x" * 100, 10)) == 10
    assert len(octets_of({"format": "base64", "data": b64encode(bytes(3000)).decode()}, 30)) <= 30


def test_header_fields_come_as_a_list_or_a_map() -> None:
    """The list has their order and is preferred; a pair of another length is left out."""
    listed = OoniResponse(headers={"A": "1"}, headers_list=[["B", "2"], ["odd"], ["C", "3"]])

    assert headers_of(listed) == [("B", b"2"), ("C", b"3")]
    assert headers_of(OoniResponse(headers={"A": "1"})) == [("A", b"1")]
    assert headers_of(OoniResponse()) == []
