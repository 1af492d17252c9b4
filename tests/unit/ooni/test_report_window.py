"""What else one client measured shows how its line was."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec

from probe.judge.vantage import conclude
from probe.model.verdict import VantageState
from probe.ooni.reading import JudgedMeasurement
from probe.ooni.report_window import WINDOW, ReportWindow
from tests.unit.formats.ooni.measurements import HTTP, keys, measurement, page, query, read, tcp

DEAD = {"queries": [query(failure="dns_temporary_failure")], "tcp_connect": [], "tls_handshakes": [], "requests": []}
TIME = read(measurement()).verdict.time


def of(url: str, **changes: Any) -> JudgedMeasurement:
    """A measurement of a URL."""
    return read(measurement(url, keys(**changes)))


def window(*measurements: JudgedMeasurement) -> ReportWindow:
    """The window of a report."""
    found = ReportWindow()
    for one in measurements:
        found.add(one)
    return found


def test_inputs_that_worked_are_anchors() -> None:
    """Those that failed beside them are not: they may be what is blocked."""
    found = window(read(measurement()), of("https://b.example/", **DEAD)).anchors(TIME, "https://c.example/")

    assert [(one.url, one.failure) for one in found] == [("https://news.example.org/", None)]
    assert conclude(found) is VantageState.ONLINE


def test_a_client_for_which_nothing_works_is_offline() -> None:
    """Three inputs and the helper each time; two, or a helper that answers, show nothing."""
    dead = [of(f"https://{name}.example/", **DEAD, control=None, control_failure="x") for name in "abc"]
    told = [of(f"https://{name}.example/", **DEAD) for name in "abc"]

    assert conclude(window(*dead).anchors(TIME, "https://a.example/")) is VantageState.OFFLINE
    assert window(*dead[:2]).anchors(TIME, "https://a.example/") == ()
    assert window(*told).anchors(TIME, "https://a.example/") == ()


def test_one_page_for_every_host_is_a_portal() -> None:
    """While nothing else works."""
    login = [["Location", "http://login.hotel.example/"]]
    pages = []
    for name in "abc":
        url = f"http://{name}.example/"
        changes = {
            "queries": [query("151.101.1.10", host=f"{name}.example")],
            "requests": [page(url, 302, headers=login, body="")],
            "tcp_connect": [tcp(port=80)],
            "tls_handshakes": [],
            "control": None,
            "control_failure": "generic_timeout_error",
        }
        one = of(url, **changes)
        pages.append(msgspec.structs.replace(one, verdict=msgspec.structs.replace(one.verdict, status="unreachable")))
    looks = window(*pages).anchors(TIME, "http://a.example/")

    assert conclude(looks) in {VantageState.PORTAL, VantageState.OFFLINE}
    assert conclude(looks) is not VantageState.ONLINE


def test_the_window_is_ten_minutes() -> None:
    """What the line was like an hour ago shows nothing."""
    assert window(read(measurement())).anchors(TIME + WINDOW + timedelta(seconds=1), HTTP) == ()


def test_names_of_targets_that_worked_are_other_names() -> None:
    """They show that the resolver answers; the target's own name is none of them."""
    found = window(read(measurement()), of("https://b.example/", **DEAD))

    assert {one.name for one in found.other_names(TIME, "c.example")} == {"news.example.org"}
    assert found.other_names(TIME, "news.example.org") == ()
