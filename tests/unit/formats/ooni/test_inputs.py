"""The input of a measurement as a target."""

from __future__ import annotations

import pytest

from probe.formats.ooni.inputs import target_of
from probe.formats.ooni.records import OoniHandshake, OoniTestKeys


@pytest.mark.parametrize(
    "text, target",
    [
        ("https://A.example", "https://a.example/"),
        ("a.example", "http://a.example/"),
        ("tcpconnect://151.101.1.10:443", "tcp://151.101.1.10:443"),
        ("dnslookup://A.example", "dns://a.example"),
        ("quichandshake://a.example:443", "quic://a.example:443"),
        ("tlshandshake://151.101.1.10:443", None),
        ("stun://a.example:3478", None),
        ("151.101.1.0/24", None),
        ("", None),
        ("x" * 10_000, None),
    ],
)
def test_an_input_is_a_target_or_none(text: str, target: str | None) -> None:
    """Schemes that are no URL are urlgetter's."""
    found = target_of(text, OoniTestKeys())

    assert (None if found is None else str(found)) == target


def test_the_server_name_of_a_handshake_is_in_its_record() -> None:
    """Urlgetter takes it as an option."""
    keys = OoniTestKeys(tls_handshakes=[OoniHandshake(address="151.101.1.10:443", server_name="a.example")])

    assert str(target_of("tlshandshake://151.101.1.10:443", keys)) == "tls://151.101.1.10:443/a.example"
