"""Fatal alerts are found among the records of a handshake."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.measure.tls_alerts import ALERTS, AlertReader

HANDSHAKE = b"\x16\x03\x03\x00\x03abc"


def alert_of(data: bytes, piece: int = 1000) -> str:
    """The alert in these records, which arrive in pieces."""
    reader = AlertReader()
    for at in range(0, len(data), piece):
        reader.feed(data[at : at + piece])
    return reader.alert


@pytest.mark.parametrize("piece", [1, 2, 1000])
@pytest.mark.parametrize(
    ("data", "alert"),
    [
        (bytes.fromhex("15030300020228"), "handshake_failure"),
        (HANDSHAKE + bytes.fromhex("15030100020278"), "no_application_protocol"),
        (bytes.fromhex("15030300020170"), ""),
        (bytes.fromhex("1503030002020f"), "alert_15"),
        (bytes.fromhex("150303000202"), ""),
        (HANDSHAKE[:-1], ""),
        (HANDSHAKE + b"\x17\x03\x03\x00\x02\x02\x28", ""),
        (b"HTTP/1.1 400 Bad Request", ""),
        (b"\x15\x09\x09\x00\x02\x02\x28", ""),
        (b"\x16\x03\x03\x00\x00" + bytes.fromhex("15030300020246"), "protocol_version"),
    ],
    ids=["alert", "after a record", "warning", "unknown", "half", "none", "data", "HTTP", "no TLS", "after nothing"],
)
def test_a_fatal_alert_is_named(data: bytes, alert: str, piece: int) -> None:
    """Warnings, encrypted records and bytes that are not TLS are none."""
    assert alert_of(data, piece) == alert


@given(st.binary(max_size=400), st.integers(1, 50))
def test_any_bytes_are_read(data: bytes, piece: int) -> None:
    """Nothing is raised, and the cuts change nothing."""
    assert alert_of(data, piece) == alert_of(data)


def test_the_registry_has_every_fatal_alert_of_tls_1_3() -> None:
    """RFC 8446 section 6."""
    assert {10, 20, 22, 40, *range(42, 52), 70, 71, 80, 86, 109, 110, 112, 113, 115, 116, 120} - {52} <= set(ALERTS)
