"""Transfers that stall or crawl: the same page at the same address under another name, and the suspect again.

A page that stops after its first kilobytes, or comes far slower than any line of today, is nobody's fault yet. The same
server sending the same page under a name that nobody has listed is the comparison (the method of the people who showed
the throttling of 2021 and 2024: net4people/bbs#65, #382; Waujito/youtubeUnblock#10). Over TLS the name that a filter
reads is the server name, so only that is changed and the Host header stays: the server sends the same page, unless it
minds, and then nothing is shown. In clear the Host header is what a filter reads.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain, zip_longest
from urllib.parse import urlsplit

from probe.model.hop import Purpose, StepPosition
from probe.model.observation import Exchange
from probe.model.step import Fetch, Step
from probe.model.target import bracketed

SLOW = 50_000
"""Bytes a second below which a page deserves a comparison. Twitter was held to 16 to 19 kB/s in 2021, YouTube to about
as much in 2024, SNI-III to 0.7 (IMC'22); a line of 400 kbit/s that is slow by itself costs three more fetches a large
page."""
LARGE = 32_768
"""Bytes below which nothing is said of a rate: that much may be the burst that every limiter lets through."""

OTHERS = 3
"""How often the other name is asked for: once by chance fast, or slow, says nothing on a line that loses packets."""


def slow(page: Exchange) -> bool:
    """Whether a page that came was large enough, and slow enough, to ask why."""
    return page.flow is not None and page.flow.bytes >= LARGE and page.rate < SLOW


def elsewise(url: str, address: str, name: str, position: StepPosition) -> Fetch:
    """The same page at the same address under another name; whose certificate comes does not matter.

    Args:
        url: the page.
        address: where it is asked for.
        name: which nobody can have listed.
        position: with the purpose of a neutral try.
    """
    parts = urlsplit(url)
    if parts.scheme == "https":
        return Fetch(url=url, address=address, sni=name, verify=False, position=position)
    port = f":{parts.port}" if parts.port else ""
    other = parts._replace(netloc=bracketed(name) + port).geturl()
    return Fetch(url=other, address=address, verify=False, position=position)


def comparison(url: str, address: str, name: str, position: StepPosition, again: Iterable[Step]) -> tuple[Step, ...]:
    """Of a page that stopped or crawled: under the other name and its own, in turns.

    Args:
        url: the page.
        address: where it was asked for.
        name: which nobody can have listed.
        position: chain and hop.
        again: the subject's next tries.
    """
    neutral = [
        elsewise(
            url,
            address,
            name,
            StepPosition(chain=position.chain, hop=position.hop, attempt=attempt, purpose=Purpose.NEUTRAL),
        )
        for attempt in range(OTHERS)
    ]
    turns = chain.from_iterable(zip_longest(neutral, again))
    return tuple(step for step in turns if step is not None)
