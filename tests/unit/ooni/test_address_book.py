"""What helpers of other measurements know of a host."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from probe.model.verdict import ControlFacts, Status
from probe.ooni import address_book
from probe.ooni.address_book import AddressBook

NOW = datetime(2024, 2, 12, tzinfo=UTC)


def facts(*addresses: str, status: Status = Status.REACHABLE, time: datetime = NOW) -> ControlFacts:
    """A control that was served, unless another status is given."""
    return ControlFacts(time=time, statuses=(status,), addresses={"a.example": addresses})


def test_a_host_that_was_served_is_known_for_a_day() -> None:
    """Before and after; its addresses add up."""
    book = AddressBook()
    book.add("a.example", facts("151.101.1.10"))
    book.add("a.example", facts("151.101.1.20", time=NOW + timedelta(hours=1)))
    found = book.served("a.example", NOW)

    assert found is not None
    assert found.addresses == ("151.101.1.20", "151.101.1.10")
    assert book.served("a.example", NOW + timedelta(days=3)) is None


def test_a_host_that_was_not_served_is_not_known() -> None:
    """Nor one without addresses, or without a control."""
    book = AddressBook()
    book.add("a.example", facts("151.101.1.10", status=Status.DOWN))
    book.add("a.example", None)
    book.add("b.example", facts("151.101.1.10"))

    assert book.served("a.example", NOW) is book.served("b.example", NOW) is None


def test_the_book_is_bounded(monkeypatch: object) -> None:
    """The least recently seen host is forgotten."""
    book = AddressBook()
    for number in range(address_book.MAX_HOSTS + 1):
        book.add(
            f"h{number}", ControlFacts(time=NOW, statuses=(Status.REACHABLE,), addresses={f"h{number}": ("1.2.3.4",)})
        )

    assert book.served("h0", NOW) is None
    assert book.served("h1", NOW) is not None
