"""Log lines without addresses."""

from __future__ import annotations

import logging

import pytest

from probe.collector.connections.address_free_log import AddressFreeFormatter, without_addresses


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("Error handling request from 203.0.113.7", "Error handling request from [address]"),
        ("raddr=('203.0.113.7', 4711)>", "raddr=('[address]', 4711)>"),
        ("203.0.113.7:443 closed", "[address]:443 closed"),
        ("raddr=('2001:db8::7', 4711, 0, 0)", "raddr=('[address]', 4711, 0, 0)"),
        ("from [2001:db8:0:1:2:3:4:5]:80", "from [address]:80"),
        ("::ffff:203.0.113.7 failed", "[address] failed"),
        ("2026-11-30 21:30:05,123 INFO", "2026-11-30 21:30:05,123 INFO"),
        ("version 3.14.5 of 1.2.3.400", "version 3.14.5 of 1.2.3.400"),
    ],
)
def test_every_address_is_replaced(text: str, clean: str) -> None:
    """Both families, with and without ports; times and versions stay."""
    assert without_addresses(text) == clean


def _fail() -> None:
    raise ConnectionResetError(104, "reset by ('203.0.113.7', 4711)")


def test_a_traceback_has_no_address_either() -> None:
    """Exceptions of the system name the peer."""
    with pytest.raises(ConnectionResetError) as caught:
        _fail()
    record = logging.LogRecord("x", logging.ERROR, "", 0, "failed for %s", ("203.0.113.8",), None)
    record.exc_info = (caught.type, caught.value, caught.tb)

    text = AddressFreeFormatter("%(message)s").format(record)
    assert "203.0.113" not in text
    assert "Traceback" in text
