"""A control's facts as the answer of OONI's helper."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from probe.formats.ooni.helper_answer import NO_CONTROL, helper_answer
from probe.model.hop import Subject
from probe.model.verdict import ControlFacts, ControlPage, Status

NOW = datetime(2026, 10, 1, tzinfo=UTC)
URL = "https://a.example/"
SUBJECT = Subject("https", "a.example", 443, URL)


def facts(*statuses: Status, **more: object) -> ControlFacts:
    """A control with two addresses."""
    fields = {"addresses": {"a.example": ("151.101.1.10", "151.101.1.20")}, **more}
    return ControlFacts(time=NOW, statuses=statuses, **fields)  # type: ignore[arg-type]


def test_a_served_control_has_addresses_endpoints_and_a_page() -> None:
    """An address that failed there is told."""
    page = ControlPage(url=URL, status=200, title="News", headers=("x-made-by",), length=7)
    found, failure = helper_answer(facts(Status.REACHABLE, pages=(page,), failing=("151.101.1.20",)), SUBJECT)

    assert failure is None
    assert found["dns"] == {"addrs": ["151.101.1.10", "151.101.1.20"], "failure": None}
    assert {name: one["status"] for name, one in found["tcp_connect"].items()} == {
        "151.101.1.10:443": True,
        "151.101.1.20:443": False,
    }
    assert found["http_request"] == {
        "body_length": 7,
        "failure": None,
        "headers": {"x-made-by": ""},
        "status_code": 200,
        "title": "News",
    }


@pytest.mark.parametrize(
    "failures, word, dns",
    [
        (("dns.nxdomain",), "dns_nxdomain_error", "dns_nxdomain_error"),
        (("tcp.timeout",), "generic_timeout_error", None),
        (("tls.certificate",), "ssl_invalid_certificate", None),
        ((), "unknown_error", None),
        (("odd", "tcp.odd"), "unknown_error", None),
    ],
)
def test_a_control_that_failed_says_how(failures: tuple[str, ...], word: str, dns: str | None) -> None:
    """In OONI's words."""
    found, failure = helper_answer(facts(Status.DOWN, failures=failures), SUBJECT)

    assert failure is None
    assert (found["http_request"]["failure"], found["dns"]["failure"]) == (word, dns)


@pytest.mark.parametrize("control", [None, facts(Status.REACHABLE, Status.DOWN), facts(Status.UNKNOWN), facts()])
def test_what_is_no_control_is_written_as_none(control: ControlFacts | None) -> None:
    """The block is there all the same, as oonidata expects."""
    found, failure = helper_answer(control, SUBJECT)

    assert failure == NO_CONTROL
    assert found["dns"]["addrs"] == []
