"""The public name of a vantage."""

from __future__ import annotations

from probe.collector.state import public_name
from probe.model.event import Network

MTS, BEELINE = Network(asn=64500, country="RU"), Network(asn=64501, country="RU")


def test_a_vantage_has_one_public_name_in_each_network() -> None:
    """Reports of two vantages can be distinguished, and a volunteer's moves cannot be followed."""
    name = public_name(b"k" * 32, "agent", MTS)

    assert name == public_name(b"k" * 32, "agent", MTS)
    assert name != public_name(b"k" * 32, "agent", BEELINE)
    assert name != public_name(b"k" * 32, "other", MTS)
    assert len(name) == 8


def test_another_key_gives_another_public_name() -> None:
    """Without the collector's key a name cannot be computed."""
    assert public_name(b"k" * 32, "agent", MTS) != public_name(b"j" * 32, "agent", MTS)
