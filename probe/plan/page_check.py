"""Whether a page that came in clear text deserves a second look. Only a hint of where to look: judging is elsewhere."""

from __future__ import annotations

from urllib.parse import urlsplit

from probe.model.observation import Exchange
from probe.model.verdict import ControlFacts


def doubtful(page: Exchange, control: ControlFacts | None, *, fingerprinted: bool) -> bool:
    """Whether the page has a fingerprint, of a block page for example, or is not what the control got for its URL."""
    if fingerprinted:
        return True
    seen = [one for one in control.pages if one.url == page.url] if control is not None else []
    return bool(seen) and not any(
        one.status == page.status
        and one.title == page.title
        and urlsplit(one.location).hostname == urlsplit(page.location).hostname
        for one in seen
    )
