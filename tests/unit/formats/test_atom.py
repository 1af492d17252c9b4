"""Atom feeds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree as ET

from probe.formats.atom import FeedEntry, feed

NOW = datetime(2017, 5, 4, 12, tzinfo=UTC)
ATOM = {"a": "http://www.w3.org/2005/Atom"}


def entry(**more: object) -> FeedEntry:
    """An entry with a few words."""
    parts = {"id": "https://c.example/e/1#r1", "title": "T", "link": "https://c.example/e/1", "updated": NOW}
    return FeedEntry(**(parts | more))  # type: ignore[arg-type]


def parsed(*entries: FeedEntry) -> ET.Element:
    """The feed, read back."""
    return ET.fromstring(feed("https://c.example/feed.atom", "probe", "https://c.example/", entries, NOW))  # noqa: S314


def test_a_feed_has_what_rfc_4287_requires() -> None:
    """An id, a title, an author and a time, for itself and for each entry."""
    root = parsed(entry(updated=NOW - timedelta(hours=2)), entry(updated=NOW - timedelta(hours=1)))

    assert [root.findtext(f"a:{name}", namespaces=ATOM) for name in ("id", "title", "updated")] == [
        "https://c.example/feed.atom",
        "probe",
        "2017-05-04T11:00:00Z",
    ]
    assert root.findtext("a:author/a:name", namespaces=ATOM) == "probe"
    assert [link.get("rel") for link in root.findall("a:link", ATOM)] == ["self", "alternate"]
    assert len(root.findall("a:entry", ATOM)) == 2


def test_an_empty_feed_is_dated_now() -> None:
    """RFC 4287 requires a time."""
    assert parsed().findtext("a:updated", namespaces=ATOM) == "2017-05-04T12:00:00Z"


def test_markup_is_escaped_and_characters_that_xml_forbids_are_left_out() -> None:
    """Titles come from strangers."""
    root = parsed(entry(title="<b>&\x00\x1b\ufffe]]>\ud800ok", categories=("a\x0bb",)))

    assert root.findtext("a:entry/a:title", namespaces=ATOM) == "<b>&]]>ok"
    category = root.find("a:entry/a:category", ATOM)
    assert category is not None
    assert category.get("term") == "ab"
