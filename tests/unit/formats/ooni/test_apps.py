"""A measurement of an app becomes a target for each endpoint."""

from __future__ import annotations

from typing import Any

from probe.formats.ooni.measurement_header import SetAside
from probe.model.verdict import Status
from probe.ooni.reading import OoniReader
from tests.unit.formats.ooni.measurements import ADDRESS, OTHER, line_of, measurement, page, query, tcp, tls

PLAIN: dict[str, Any] = {"tags": None}


def statuses(test_name: str, **keys: Any) -> dict[str, Status]:
    """Target -> status."""
    found = OoniReader().read(line_of(measurement("", keys, test_name=test_name)), "day", 1)
    assert isinstance(found, list), found
    return {one.verdict.target: one.verdict.status for one in found}


def test_endpoints_of_a_messenger_are_connections_and_its_sites_urls() -> None:
    """One try proves nothing: an endpoint that is silent is unreachable, and no more."""
    web = "web.chat.example"
    found = statuses(
        "whatsapp",
        queries=[query(ADDRESS, host="e1.chat.example", **PLAIN), query(OTHER, host=web, **PLAIN)],
        tcp_connect=[
            tcp(ADDRESS, 5222, **PLAIN),
            tcp(ADDRESS, 443, "generic_timeout_error", **PLAIN),
            tcp(OTHER, 443, **PLAIN),
        ],
        tls_handshakes=[tls(OTHER, name=web, **PLAIN)],
        requests=[{**page(f"https://{web}/", **PLAIN), "address": None}],
    )

    assert found == {
        f"https://{web}/": Status.REACHABLE,
        f"tcp://{ADDRESS}:5222": Status.REACHABLE,
        f"tcp://{ADDRESS}:443": Status.UNREACHABLE,
        f"tcp://{OTHER}:443": Status.REACHABLE,
        "dns://e1.chat.example": Status.REACHABLE,
    }


def test_one_address_under_several_names_is_several_attempts() -> None:
    """Time-outs at it add up, and need a control to accuse anybody."""
    silent = [tcp(ADDRESS, 443, "generic_timeout_error", **PLAIN) for _ in range(6)]

    assert statuses("telegram", tcp_connect=silent) == {f"tcp://{ADDRESS}:443": Status.UNREACHABLE}


def test_relays_of_tor_are_connections() -> None:
    """Private bridges have no address in the record."""
    targets = {
        f"{ADDRESS}:9001": {"target_address": f"{ADDRESS}:9001", "tcp_connect": [tcp(ADDRESS, 9001, **PLAIN)]},
        "hash": {"target_address": "[scrubbed]", "tcp_connect": [tcp("[scrubbed]", 443, **PLAIN)]},
        "none": {"tcp_connect": None},
    }

    assert statuses("tor", targets=targets) == {f"tcp://{ADDRESS}:9001": Status.REACHABLE}


def test_an_app_without_records_is_set_aside() -> None:
    """Odd targets of tor among them."""
    for keys in ({}, {"targets": [1]}, {"targets": None}):
        found = OoniReader().read(line_of(measurement("", keys, test_name="tor")), "day", 1)
        assert isinstance(found, SetAside)
        assert found.reason == "nothing was measured"


def test_the_targets_of_a_measurement_are_bounded() -> None:
    """Whoever writes ten thousand connections gets a few hundred targets."""
    many = [tcp(f"151.101.{n // 250}.{n % 250 + 1}", **PLAIN) for n in range(2000)]

    assert len(statuses("signal", tcp_connect=many)) == 256
