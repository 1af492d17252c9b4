"""Atom feeds (RFC 4287)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from xml.etree import ElementTree as ET

import msgspec

CONTENT_TYPE = "application/atom+xml"
_NAMESPACE = "http://www.w3.org/2005/Atom"


class FeedEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of a feed.

    Attributes:
        id: an IRI that never changes and that no other entry has.
        link: the page about it.
        updated: when it was published or last changed.
        summary: plain text.
        categories: terms that readers filter by.
    """

    id: str
    title: str
    link: str
    updated: datetime
    summary: str = ""
    categories: tuple[str, ...] = ()


def feed(address: str, title: str, home: str, entries: Iterable[FeedEntry], now: datetime) -> bytes:
    """The feed as a document.

    Args:
        address: URL of the feed itself; it is also the feed's id.
        title: title of the feed, and the name of its author.
        home: URL of the page that the feed belongs to.
        entries: the newest first.
        now: the feed's `updated` when it has no entry.
    """
    listed = list(entries)
    root = ET.Element("feed", {"xmlns": _NAMESPACE})
    _text(root, "id", address)
    _text(root, "title", title)
    _text(root, "updated", _moment(max((entry.updated for entry in listed), default=now)))
    ET.SubElement(root, "link", {"rel": "self", "type": CONTENT_TYPE, "href": address})
    ET.SubElement(root, "link", {"rel": "alternate", "type": "text/html", "href": home})
    _text(ET.SubElement(root, "author"), "name", title)
    for entry in listed:
        element = ET.SubElement(root, "entry")
        _text(element, "id", entry.id)
        _text(element, "title", entry.title)
        _text(element, "updated", _moment(entry.updated))
        ET.SubElement(element, "link", {"rel": "alternate", "type": "text/html", "href": entry.link})
        _text(element, "summary", entry.summary)
        for category in entry.categories:
            ET.SubElement(element, "category", {"term": _clean(category)})
    document: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return document


def _text(parent: ET.Element, name: str, text: str) -> None:
    ET.SubElement(parent, name).text = _clean(text)


def _clean(text: str) -> str:
    """The text without the characters that XML 1.0 does not allow (section 2.2)."""
    return "".join(c for c in text if c in "\t\n\r" or "\x20" <= c <= "\ud7ff" or "\ue000" <= c not in "\ufffe\uffff")


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).replace(microsecond=0).isoformat().replace("+00:00", "Z")
