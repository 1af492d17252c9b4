"""The fields of a certificate are read as `cryptography` reads them, and as far as a damaged one allows."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.measure.x509 import X509Fields, read_fields
from tests.unit.measure.cpu_time import MAX_CPU_SECONDS, cpu_seconds
from tests.unit.measure.made_certificates import GOOD, NOT_AFTER, NOT_BEFORE, ODDITIES, certificate, damaged, der

TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1, max_size=16)
NAMES = st.lists(st.from_regex(r"[a-z]{1,20}\.example", fullmatch=True), min_size=1, max_size=12)
DATES = st.integers(-631152000, 4102444800).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))


def fields(data: bytes) -> X509Fields:
    """Read fields that are readable at least in part."""
    found = read_fields(data)
    assert found is not None
    return found


@given(NAMES, TEXT, TEXT, DATES, DATES)
def test_the_fields_are_those_of_the_library(
    names: list[str], subject: str, issuer: str, one: datetime, other: datetime
) -> None:
    """Names in any script, dates before and after 2050."""
    made = certificate(names, subject=subject, issuer=issuer, not_before=min(one, other), not_after=max(one, other))
    found = fields(der(made))

    assert (found.subject_name, found.issuer_name, found.names) == (subject, issuer, tuple(names))
    assert (found.not_before, found.not_after) == (made.not_valid_before_utc, made.not_valid_after_utc)
    assert (found.issuer == found.subject) == (issuer == subject)
    assert found.problems == ()


@pytest.mark.parametrize(
    ("oddity", "problems"),
    [
        ("unknown version", ("unknown version",)),
        ("negative serial number", ()),
        ("duplicate extension", ("duplicate extension",)),
        ("unknown kind of name", ()),
        ("broken IP address", ()),
        ("broken name", ()),
        ("names that overrun", ("extensions",)),
        ("month 13", ("dates",)),
        ("date in letters", ("dates",)),
        ("broken UTF-8", ()),
        ("half a surrogate pair", ()),
        ("a name that is no name", ()),
    ],
)
def test_one_oddity_leaves_the_other_fields_readable(oddity: str, problems: tuple[str, ...]) -> None:
    """The problem is named; the expiry and one of the names remain."""
    found = fields(ODDITIES[oddity])

    assert found.problems == problems
    assert found.not_after == NOT_AFTER
    assert found.not_before == (None if problems == ("dates",) else NOT_BEFORE)
    assert found.subject_name == "a.example" or found.issuer_name == "Lab CA"


def test_a_name_that_is_no_sequence_is_a_problem_of_its_field() -> None:
    """The issuer's SEQUENCE becomes a SET; the subject is read."""
    issuer = b"\x30\x11\x31\x0f\x30\x0d\x06\x03\x55\x04\x03\x0c\x06Lab CA"
    found = fields(damaged(GOOD, issuer, b"\x31" + issuer[1:]))

    assert (found.issuer_name, found.subject_name, found.problems) == ("", "a.example", ("issuer",))


@pytest.mark.parametrize("data", [b"", b"\x30", b"\x30\x00", b"\x30\x02\x30\x00", GOOD[:-1], GOOD[1:], b"\x30\x85" * 9])
def test_bytes_that_are_no_certificate_have_no_fields(data: bytes) -> None:
    """A certificate that is cut short is none either."""
    assert read_fields(data) is None


@given(st.integers(0, len(GOOD) - 1), st.integers(0, 255))
def test_any_byte_may_be_damaged(position: int, octet: int) -> None:
    """Nothing is raised."""
    data = GOOD[:position] + bytes((octet,)) + GOOD[position + 1 :]

    assert read_fields(data) is None or isinstance(read_fields(data), X509Fields)


@pytest.mark.parametrize("count", [1, 12_000])
def test_a_certificate_full_of_names_costs_little(count: int) -> None:
    """OpenSSL accepts chains of 100 KiB."""
    data = der(certificate([f"{rank:x}.a" for rank in range(count)]))

    assert cpu_seconds(lambda: read_fields(data)) < MAX_CPU_SECONDS
    assert len(fields(data).names) == count


def test_deep_and_empty_elements_cost_little() -> None:
    """64 KiB of empty elements inside an extension, an issuer and a validity."""
    filling = b"\x30\x00" * 32000
    data = b"\x30\x83" + len(filling).to_bytes(3, "big") + filling
    for wrapped in (data, b"\x30\x83" + len(data).to_bytes(3, "big") + data):
        assert cpu_seconds(lambda wrapped=wrapped: read_fields(wrapped)) < MAX_CPU_SECONDS  # type: ignore[misc]
