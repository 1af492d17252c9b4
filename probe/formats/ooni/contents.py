"""What reading a measurement needs of pages and certificates, which other rooms of the program read."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

import msgspec

from probe.model.observation import Certificate


class ReceivedPage(msgspec.Struct, frozen=True):
    """An answer to a request, as OONI recorded it.

    Attributes:
        url: that was asked for.
        status: HTTP status.
        headers: in order, names as they came.
        body: its octets; empty where they were not kept.
        secure: over a TLS session whose certificate verified.
    """

    url: str
    status: int
    headers: list[tuple[str, bytes]]
    body: bytes
    secure: bool


class PageFeatures(msgspec.Struct, frozen=True):
    """The fields of an `Exchange` that a page gives."""

    location: str = ""
    title: str = ""
    headers: tuple[str, ...] = ()
    head: tuple[str, ...] = ()
    length: int = 0
    sha256: str = ""
    server: str = ""
    sample: str = ""


class ContentReader(Protocol):
    """Reads pages and certificates as the program's own measurements do."""

    def page(self, page: ReceivedPage) -> PageFeatures:
        """The features of a page, without what could identify the visitor."""

    def location(self, page: ReceivedPage) -> str:
        """The absolute URL of a redirect, as the next request has it; empty where it is none."""

    def url(self, url: str, asked: str) -> str:
        """A URL of the chain without what could identify the visitor."""

    def certificate(self, der: bytes, name: str, at: datetime, *, verified: bool) -> Certificate:
        """The facts of a leaf certificate."""
