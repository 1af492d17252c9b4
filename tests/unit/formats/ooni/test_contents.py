"""What reading needs of pages is what the program's own measurements keep of them."""

from __future__ import annotations

from datetime import UTC, datetime

from probe.formats.ooni.contents import ContentReader, PageFeatures, ReceivedPage
from probe.formats.ooni.observations import handshake
from probe.formats.ooni.records import OoniHandshake
from probe.model.observation import Certificate, TlsHandshake


class Blind:
    """A reader that reads nothing."""

    def page(self, page: ReceivedPage) -> PageFeatures:
        """Its length."""
        return PageFeatures(length=len(page.body))

    def location(self, page: ReceivedPage) -> str:
        """Where it was asked for."""
        return page.url

    def url(self, url: str, asked: str) -> str:
        """Both URLs."""
        return url + asked

    def certificate(self, der: bytes, name: str, at: datetime, *, verified: bool) -> Certificate:
        """What it was asked for."""
        return Certificate(subject=f"{name} {len(der)} {verified}")


def test_any_reader_will_do() -> None:
    """The format knows of certificates and pages no more than the reader says."""
    reader: ContentReader = Blind()
    record = OoniHandshake(server_name="a.example", peer_certificates=["xyz"])
    found = handshake(record, ("151.101.1.10", 443), 0, datetime(2024, 1, 1, tzinfo=UTC), reader)

    assert isinstance(found, TlsHandshake)
    assert found.certificate == Certificate(subject="a.example 3 True")
