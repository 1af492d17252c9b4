"""Decide which pages to fetch again: pages of another server, pages that stop, and slow pages.

A page that stops after its first kilobytes, or is far slower than today's lines, is no evidence by itself. It is
compared with the same page from the same server under a name that no list contains (the method that showed the
throttling of 2021 and 2024: net4people/bbs#65, #382; Waujito/youtubeUnblock#10). Over TLS a filter reads the server
name, so only that changes, and the Host header stays. The server then sends the same page, unless it compares the two
names; in that case the comparison shows nothing. In clear, a filter reads the Host header.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain, zip_longest
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from probe.lazy import lazy
from probe.model.failure import Failure
from probe.model.hop import Purpose, StepPosition
from probe.model.observation import Exchange
from probe.model.step import Fetch, Step
from probe.model.target import bracketed
from probe.plan.context import LinePage, PlanContext

if TYPE_CHECKING:
    from probe.model import page_likeness
else:
    page_likeness = lazy("probe.model.page_likeness")

SLOW_BYTES_PER_SECOND = 50_000
"""A page below this rate is compared. Twitter was throttled to 16 to 19 kB/s in 2021, YouTube to about as much in
2024, SNI-III to 0.7 (IMC'22); a line of 400 kbit/s that is slow by itself costs three more fetches a large page."""
MIN_RATE_BYTES = 32_768
"""A transfer of fewer bytes has no rate, because rate limiters let a burst of that size pass."""
NEUTRAL_FETCHES = 3
"""Fetches under the neutral name: on a line that loses packets, a single one may be fast or slow by chance."""
LINE_FETCHES = 3
"""Fetches of an anchor's page, for the same reason."""


def is_doubtful(page: Exchange, context: PlanContext) -> bool:
    """Whether a page in clear has a known fingerprint, or is not what the control got for its URL.

    A title can be copied: another program that wrote the page, or other header fields and text, are reasons, too.
    """
    if context.has_fingerprint(page):
        return True
    control = context.control
    expected = [one for one in control.pages if one.url == page.url] if control is not None else []
    return bool(expected) and not any(
        one.status == page.status
        and one.title == page.title
        and urlsplit(one.location).hostname == urlsplit(page.location).hostname
        and (page.redirects or page_likeness.likeness(page, one) is page_likeness.Likeness.ALIKE)
        and (page.redirects or page_likeness.same_program(page, one) is not False)
        for one in expected
    )


def is_slow(page: Exchange) -> bool:
    """Whether a page was large enough to have a rate, and that rate is low."""
    return page.flow is not None and page.flow.bytes >= MIN_RATE_BYTES and page.rate < SLOW_BYTES_PER_SECOND


def crawls(page: Exchange) -> bool:
    """Whether a page came slowly, whole or until time was up, and did not freeze.

    Its speed is compared with other transfers', which must then have the address for themselves.
    """
    cut_short = page.failure is Failure.TIMEOUT and page.begun and not page.answered and not page.frozen
    return is_slow(page) or (cut_short and page.rate < SLOW_BYTES_PER_SECOND)


def same_page_step(url: str, address: str, name: str, position: StepPosition) -> Fetch:
    """The step that fetches the same page at the same address under another name, without verifying the certificate.

    Args:
        url: the page.
        address: where it is asked for.
        name: the other name.
        position: with the purpose of a neutral try.
    """
    parts = urlsplit(url)
    if parts.scheme == "https":
        return Fetch(url=url, address=address, sni=name, verify=False, position=position)
    port = f":{parts.port}" if parts.port else ""
    other = parts._replace(netloc=bracketed(name) + port).geturl()
    return Fetch(url=other, address=address, verify=False, position=position)


def line_page(url: str, address: str, context: PlanContext) -> LinePage | None:
    """An anchor's page to hold a slow page against; None where a slow page shows nothing.

    Without a control that got the page fast, the server itself may be slow, and no other page tells.

    Args:
        url: the slow page.
        address: where it was asked for.
        context: has the control and the anchors' pages.
    """
    control = context.control if context.served_elsewhere else None
    known = next((one for one in control.pages if one.url == url), None) if control is not None else None
    if known is None or known.flow is None or known.flow.rate < SLOW_BYTES_PER_SECOND:
        return None
    return next((page for page in context.line_pages if page.address != address), None)


def comparison(
    url: str, address: str, context: PlanContext, position: StepPosition, again: Iterable[Step]
) -> tuple[Step, ...]:
    """The steps that compare a page that stopped or crawled, in turns: under the neutral name, an anchor's, its own.

    Args:
        url: the page.
        address: where it was asked for.
        context: the neutral name, the control, and the anchors' pages.
        position: chain and hop.
        again: the subject's next tries.
    """
    neutral = [
        same_page_step(
            url,
            address,
            context.random_name,
            StepPosition(chain=position.chain, hop=position.hop, attempt=attempt, purpose=Purpose.NEUTRAL),
        )
        for attempt in range(NEUTRAL_FETCHES)
    ]
    beside = line_page(url, address, context)
    line = [
        Fetch(
            url=beside.url,
            address=beside.address,
            position=StepPosition(chain=position.chain, hop=position.hop, attempt=attempt, purpose=Purpose.LINE),
        )
        for attempt in range(LINE_FETCHES)
        if beside is not None
    ]
    turns = chain.from_iterable(zip_longest(neutral, line, again))
    return tuple(step for step in turns if step is not None)
