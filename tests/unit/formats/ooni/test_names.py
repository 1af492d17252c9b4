"""Look-ups become resolutions with the trust that their resolver deserves."""

from __future__ import annotations

import pytest

from probe.formats.ooni.names import addresses_of, depth_of, late_answers, milliseconds, resolutions
from probe.formats.ooni.records import OoniAnswer, OoniQuery
from probe.model.failure import Failure
from probe.model.resolver import Trust

ANSWERS = [OoniAnswer("A", ipv4="151.101.1.10"), OoniAnswer("AAAA", ipv6="2a04:4e42::10"), OoniAnswer("CNAME")]


@pytest.mark.parametrize(
    "engine, trust",
    [("getaddrinfo", Trust.SYSTEM), (None, Trust.SYSTEM), ("doh", Trust.TRUSTED), ("udp", Trust.PUBLIC)],
)
def test_the_engine_gives_the_trust(engine: str | None, trust: Trust) -> None:
    """Who was asked decides how far the answer is believed."""
    found = list(resolutions(OoniQuery("a.example", "A", engine, "8.8.8.8:53", answers=ANSWERS), 0))

    assert [(one.trust, one.addresses) for one in found] == [(trust, ("151.101.1.10",))]


def test_any_is_both_families() -> None:
    """Getaddrinfo asks for both; a family without addresses has none."""
    both = list(resolutions(OoniQuery("a.example", "ANY", "getaddrinfo", answers=ANSWERS), 0))
    one = list(resolutions(OoniQuery("a.example", "ANY", "getaddrinfo", answers=ANSWERS[:1]), 0))

    assert [(seen.rrtype, seen.addresses) for seen in both] == [("A", ("151.101.1.10",)), ("AAAA", ("2a04:4e42::10",))]
    assert [seen.failure for seen in one] == [None, Failure.NODATA]


def test_what_is_no_lookup_gives_nothing() -> None:
    """An unknown engine, another record type, an address in the place of a name."""
    for query in (
        OoniQuery("a.example", "A", "carrier pigeon"),
        OoniQuery("a.example", "TXT", "udp"),
        OoniQuery("151.101.1.10", "A", "getaddrinfo"),
        OoniQuery("", "A", "getaddrinfo"),
    ):
        assert list(resolutions(query, 0)) == []


def test_a_later_answer_differs_from_the_first() -> None:
    """The same answer twice is a retransmission."""
    first = OoniQuery("a.example", "A", "udp", "8.8.8.8:53", answers=ANSWERS[:1], t=0.01)
    other = OoniQuery("a.example", "A", "udp", "8.8.8.8:53", answers=[OoniAnswer("A", ipv4="1.2.3.4")], t=0.05)

    assert list(late_answers(first, first, 0)) == []
    assert [(one.addresses, one.gap) for one in late_answers(other, first, 0)] == [(("1.2.3.4",), 40)]


def test_answers_are_bounded_and_checked() -> None:
    """Texts that are no addresses are left out; of thousands a few dozen are read."""
    many = [OoniAnswer("A", ipv4=f"151.101.{n // 256}.{n % 256}") for n in range(1000)]

    assert len(addresses_of(OoniQuery(answers=many))) == 64
    assert addresses_of(OoniQuery(answers=[OoniAnswer("A", ipv4="not one")])) == ()


@pytest.mark.parametrize("tags, depth", [(["depth=3"], 3), (["classic"], None), (None, None), (["depth=x"], None)])
def test_the_tag_gives_the_hop(tags: list[str] | None, depth: int | None) -> None:
    """Versions before 0.5 have no such tag."""
    assert depth_of(tags) == depth


@pytest.mark.parametrize("seconds, shown", [(1.2345, 1234), (None, 0), (-1.0, 0), (1e30, 0)])
def test_times_are_bounded(seconds: float | None, shown: int) -> None:
    """A time that cannot be is none."""
    assert milliseconds(seconds) == shown
