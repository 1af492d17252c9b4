"""Pages and certificates of OONI measurements, read by the modules that read those of this program."""

from __future__ import annotations

import hashlib
from datetime import datetime

from probe.formats.ooni.contents import PageFeatures, ReceivedPage
from probe.measure import html_facts, page_charset, page_sample
from probe.measure.certificates import unverified_facts, verified_facts
from probe.measure.redaction import redacted_url
from probe.model.observation import Certificate


class MeasuredContent:
    """Reads pages and certificates as the program's own measurements do."""

    def page(self, page: ReceivedPage) -> PageFeatures:
        """The features of a page, without what could identify the visitor."""
        headers = [(name.lower(), value) for name, value in page.headers]
        sampled = bool(page.body) and page_sample.is_sampled(
            status=page.status, secure=page.secure, length=len(page.body)
        )
        text = ""
        if page.body:
            content_type = next((value for name, value in headers if name == "content-type"), b"")
            text = page_charset.decoded(page.body, content_type.decode("latin-1"))
        server = next((value for name, value in headers if name == "server"), b"")
        keeps_head = not page.secure and not 300 <= page.status < 400
        return PageFeatures(
            location=self.location(page),
            title=html_facts.title(text) if text else "",
            headers=html_facts.header_names(headers),
            head=page_sample.head_names(tuple(name for name, _ in page.headers)) if sampled and keeps_head else (),
            length=len(page.body),
            sha256=hashlib.sha256(page.body).hexdigest()[:32] if page.body else "",
            server=page_sample.server_name(server) if sampled else "",
            sample=page_sample.page_sample(text, page.url) if sampled else "",
        )

    def location(self, page: ReceivedPage) -> str:
        """The absolute URL of a redirect, as the next request has it; empty where it is none."""
        value = next((value for name, value in page.headers if name.lower() == "location"), b"")
        return html_facts.location(page.status, value, page.url)

    def url(self, url: str, asked: str) -> str:
        """A URL of the chain without what could identify the visitor."""
        return redacted_url(url, asked)

    def certificate(self, der: bytes, name: str, at: datetime, *, verified: bool) -> Certificate:
        """The facts of a leaf certificate."""
        return verified_facts(der) if verified else unverified_facts(der, name, at)
