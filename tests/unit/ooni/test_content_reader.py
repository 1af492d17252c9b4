"""Pages of OONI measurements are read by the modules that read our own."""

from __future__ import annotations

from datetime import UTC, datetime

from probe.formats.ooni.contents import ReceivedPage
from probe.ooni.content_reader import MeasuredContent

PAGE = "<html><title>Доступ ограничен</title><body>Доступ к ресурсу ограничен по решению</body></html>"  # noqa: RUF001 - Russian


def test_a_page_without_a_label_is_decoded_by_its_octets() -> None:
    """Block pages are often mislabelled."""
    page = ReceivedPage("http://a.example/", 200, [("Server", b"nginx/1.2")], PAGE.encode("cp1251"), secure=False)
    found = MeasuredContent().page(page)

    assert (found.title, found.server, found.head) == ("Доступ ограничен", "nginx/1.2", ("Server",))


def test_a_redirect_is_absolute() -> None:
    """As the next request has it."""
    page = ReceivedPage("http://a.example/x", 302, [("location", b"/y?z=1")], b"", secure=False)

    assert MeasuredContent().location(page) == "http://a.example/y?z=1"
    assert MeasuredContent().location(ReceivedPage("http://a.example/", 200, [], b"", secure=False)) == ""


def test_values_that_may_name_the_visitor_are_left_out() -> None:
    """But not those that the target itself has."""
    reader = MeasuredContent()

    assert "203.0.113.9" not in reader.url("http://warn.example/?ip=203.0.113.9", "http://a.example/")
    assert reader.url("http://a.example/?id=12345678", "http://a.example/?id=12345678").endswith("12345678")


def test_a_certificate_that_cannot_be_read_says_so() -> None:
    """It is a finding."""
    found = MeasuredContent().certificate(b"x", "a.example", datetime(2024, 1, 1, tzinfo=UTC), verified=False)

    assert found.error == "malformed certificate"
