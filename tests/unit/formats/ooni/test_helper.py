"""What OONI's test helper says becomes the control."""

from __future__ import annotations

from typing import Any

from probe.formats.ooni.helper import without_helpers_success
from probe.model.hop import Subject
from probe.model.observation import Exchange, Resolution, TlsHandshake
from probe.model.resolver import Trust
from probe.model.verdict import ControlFacts, Status
from tests.unit.formats.ooni.measurements import (
    ADDRESS,
    FORGED,
    HOST,
    HTTP,
    OTHER,
    control,
    keys,
    measurement,
    page,
    query,
    read,
    tcp,
)


def facts(**changes: Any) -> ControlFacts | None:
    """The control of a measurement with these test keys."""
    return read(measurement(test_keys=keys(**changes))).verdict.evidence.control


def test_the_addresses_are_those_it_was_given_and_those_that_showed_tls() -> None:
    """A certificate that verified at the helper acquits an address; names among the addresses are left out."""
    valid = {OTHER: {"asn": 1, "flags": 11}, FORGED: {"asn": 2, "flags": 3}}
    shown = {"146.75.65.11:443": {"server_name": HOST, "status": True, "failure": None}}
    found = facts(control=control(ADDRESS, "alias.example", ip_info=valid, tls_handshake=shown))

    assert found is not None
    assert found.addresses == {HOST: (ADDRESS, OTHER, "146.75.65.11")}
    assert found.statuses == (Status.REACHABLE,)


def test_a_name_that_it_did_not_find_is_nowhere() -> None:
    """The failure says so in our words."""
    found = facts(control=control(failure="dns_lookup_error", dns="dns_name_error"))

    assert found is not None
    assert (found.statuses, found.failures) == ((Status.DOWN,), ("dns.nxdomain",))


def test_addresses_that_it_could_not_reach_are_failing() -> None:
    """Where it reached others."""
    tried = {f"{ADDRESS}:443": {"status": True, "failure": None}, f"{OTHER}:443": {"status": False, "failure": "x"}}
    found = facts(control=control(ADDRESS, OTHER, tcp_connect=tried))

    assert found is not None
    assert found.failing == (OTHER,)


def test_a_helper_that_was_not_reached_is_no_control() -> None:
    """Nor is one that answered nothing about the page."""
    assert facts(control_failure="generic_timeout_error") is None
    assert facts(control=None) is None
    assert facts(control=control(http_request=None)) is None


def test_its_page_is_compared_where_the_target_answered_with_a_page() -> None:
    """It does not tell the URL of its last page, so nothing is compared after a redirect."""
    direct = read(measurement(HTTP, keys(requests=[page(HTTP)], tcp_connect=[tcp(port=80)]))).verdict.evidence.control
    moved = page(HTTP, 302, headers=[["Location", "http://other.example/"]], body="")
    led = read(measurement(HTTP, keys(requests=[moved], tcp_connect=[tcp(port=80)]))).verdict.evidence.control

    assert direct is not None
    assert [(one.url, one.title) for one in direct.pages] == [(HTTP, "Daily news of the region")]
    assert led is not None
    assert led.pages == ()


def test_pages_from_addresses_of_the_helper_are_left_out() -> None:
    """Handshakes there stay: they show whose the addresses are."""
    target = Subject("http", HOST, 80, HTTP)
    asked = Resolution(name=HOST, rrtype="A", resolver="system", trust=Trust.SYSTEM, addresses=(FORGED,))
    shown = TlsHandshake(address=ADDRESS, port=443, sni=HOST, verified=True)
    theirs, own = Exchange(url=HTTP, address=ADDRESS, status=200), Exchange(url=HTTP, address=FORGED, status=200)

    assert without_helpers_success(target, [asked, shown, theirs, own]) == (asked, shown, own)
    assert without_helpers_success(target, [shown, theirs]) == (shown, theirs)
    assert query(ADDRESS)["engine"] == "getaddrinfo"
