"""Connections, handshakes and certificates become observations."""

from __future__ import annotations

from base64 import b64encode
from datetime import UTC, datetime
from typing import Any

import pytest

from probe.formats.ooni.observations import MAX_OBSERVATIONS, connection, handshake
from probe.formats.ooni.records import OoniConnect, OoniConnectStatus, OoniHandshake
from probe.model.failure import Failure
from probe.model.observation import Connection, QuicExchange, TlsHandshake
from probe.ooni.content_reader import MeasuredContent
from tests.unit.formats.ooni.measurements import ADDRESS, HOST, HTTP, keys, measurement, page, read, tcp, tls

NOW = datetime(2024, 2, 12, tzinfo=UTC)


def shaken(**fields: Any) -> TlsHandshake | QuicExchange:
    """A handshake with the target's address."""
    record = OoniHandshake(address=f"{ADDRESS}:443", server_name=HOST, **fields)
    return handshake(record, (ADDRESS, 443), 0, NOW, MeasuredContent())


@pytest.mark.parametrize(
    "status, failure",
    [
        (OoniConnectStatus(None, success=True), None),
        (OoniConnectStatus("connection_refused", success=False), Failure.RESET),
        (OoniConnectStatus(False, success=True), None),
        (OoniConnectStatus(None, success=False), Failure.LOCAL),
    ],
)
def test_a_connection_fails_as_its_status_says(status: OoniConnectStatus, failure: Failure | None) -> None:
    """Old versions write `false` for no failure."""
    found = connection(OoniConnect(ADDRESS, 443, status), 0)

    assert found is not None
    assert found.failure is failure


def test_a_connection_to_nowhere_is_none() -> None:
    """Without an address or a port there is nothing to say."""
    assert connection(OoniConnect("a.example", 443), 0) is None
    assert connection(OoniConnect(ADDRESS, 0), 0) is None


def test_only_a_verified_handshake_is_verified() -> None:
    """One that asked for no verification proves nothing."""
    assert shaken(no_tls_verify=False).failure is None
    verified = [
        getattr(shaken(**fields), "verified", None)
        for fields in ({}, {"no_tls_verify": True}, {"failure": "eof_error"})
    ]

    assert verified == [True, False, False]


def test_an_authority_that_nobody_knows_is_named() -> None:
    """OONI's reason stands in where the certificate itself shows none."""
    without = shaken(failure="ssl_unknown_authority")
    unread = shaken(
        failure="ssl_unknown_authority", peer_certificates=[{"format": "base64", "data": b64encode(b"x").decode()}]
    )

    assert isinstance(without, TlsHandshake)
    assert without.certificate is not None
    assert "issuer" in without.certificate.error
    assert isinstance(unread, TlsHandshake)
    assert unread.certificate is not None
    assert unread.certificate.error == "malformed certificate"


def test_a_handshake_over_udp_is_quic() -> None:
    """Urlgetter records both in one list."""
    found = shaken(network="udp", failure="generic_timeout_error")

    assert isinstance(found, QuicExchange)
    assert found.failure is Failure.TIMEOUT


def test_http_beside_tls_at_the_same_host() -> None:
    """For http OONI also shakes hands at port 443, to see whose the address is."""
    found = read(
        measurement(HTTP, keys(requests=[page(HTTP)], tcp_connect=[tcp(port=80), tcp()], tls_handshakes=[tls()]))
    )
    ports = {one.port for one in found.verdict.evidence.observations if isinstance(one, Connection)}

    assert ports == {80, 443}
    assert found.verdict.rule == "served"


def test_observations_are_bounded() -> None:
    """A measurement with ten thousand connections is cut."""
    many = [tcp(f"151.101.{n // 250}.{n % 250 + 1}") for n in range(10_000)]

    assert len(read(measurement(test_keys=keys(tcp_connect=many))).verdict.evidence.observations) <= MAX_OBSERVATIONS
