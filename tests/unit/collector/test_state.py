"""What a vantage is called in public."""

from __future__ import annotations

from probe.collector.state import public_name
from probe.model.event import Network

MTS, BEELINE = Network(asn=64500, country="RU"), Network(asn=64501, country="RU")


def test_a_vantage_keeps_its_name_in_a_network_and_has_another_in_the_next() -> None:
    """So that reports can be told apart and a volunteer's moves cannot be followed."""
    name = public_name(b"k" * 32, "agent", MTS)

    assert name == public_name(b"k" * 32, "agent", MTS)
    assert name != public_name(b"k" * 32, "agent", BEELINE)
    assert name != public_name(b"k" * 32, "other", MTS)
    assert len(name) == 8


def test_without_the_collector_s_key_the_name_cannot_be_computed() -> None:
    """It is a keyed hash."""
    assert public_name(b"k" * 32, "agent", MTS) != public_name(b"j" * 32, "agent", MTS)
