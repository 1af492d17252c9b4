"""How often a silence must be heard before it is believed: pure.

Silence is what loss looks like. One act in ten that stays without an answer, repetitions included, is a line that loses
a third of its packets either way, and three silences in a row happen on it once in a thousand times; five, once in a
hundred thousand. A line that is as bad as that also shows it elsewhere: the very act that was silent once is answered
another time. Each of these *strays* raises the bar by one.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING

from probe.judge.hops import Site
from probe.model.failure import Failure
from probe.model.hop import CUT_FAILURES, Layer, LayerFailure
from probe.model.observation import (
    Connection,
    Conversation,
    Exchange,
    Observation,
    QuicExchange,
    Resolution,
    TlsHandshake,
)
from probe.model.step import Purpose

if TYPE_CHECKING:
    from probe.judge.evidence_view import Leg

SILENCES = 5
"""Silences of one kind, of the target's and of other names at the same address, before they are believed. In
simulated measurements of honest networks in which one act in ten stays unanswered, three accused 33 of 28,000, five
none of 14,000 (`tests/golden/test_bad_lines.py`)."""
STOPS = 3
"""The same of pages that stopped after their first kilobytes, each after seconds in which they came: see
`probe.judge.throttling`."""
CUTS = 2
"""RST, FIN and ICMP are nobody's loss: twice is no accident."""
_LAYERS = {Connection: Layer.TCP, TlsHandshake: Layer.TLS, Exchange: Layer.HTTP, QuicExchange: Layer.QUIC}


def enough(leg: Leg, outcome: LayerFailure, heard: int) -> bool:
    """Whether a failure was met often enough to be the path's.

    Args:
        leg: of the failure.
        outcome: its manner.
        heard: how often it was met.
    """
    if outcome.failure is not Failure.TIMEOUT:
        return heard >= CUTS
    if outcome.layer is Layer.BODY:
        return heard >= STOPS
    return heard >= SILENCES + strays(leg.evidence.observations)


def beside(sites: Sequence[Site], outcome: LayerFailure) -> int:
    """How often other names at these addresses met the same silence: the address is silent, whatever the name."""
    if outcome.failure is not Failure.TIMEOUT:
        return 0
    return sum(
        one.failure is Failure.TIMEOUT and _LAYERS[type(one)] == outcome.layer
        for site in sites
        for purpose in (Purpose.NEUTRAL, Purpose.ALLOWED)
        for one in site.beside(purpose)
    )


def strays(observations: Sequence[Observation]) -> int:
    """How many acts were silent that at another time were answered: the line loses, or whoever silences it leaks.

    A SYN that is silent after a conversation with the same address was cut is none: some filters keep an address and
    port silent for a while (GFW: IMC'17, S&P'25).
    """
    answered: set[Hashable] = set()
    silent: list[Hashable] = []
    cut: set[str] = set()
    for one in observations:
        if not isinstance(one, Resolution | Conversation) or one.purpose is Purpose.ECH:
            continue
        act = _act(one)
        if one.failure is not Failure.TIMEOUT:
            answered.add(act)
        elif not isinstance(one, Connection) or one.address not in cut:
            silent.append(act)
        if not isinstance(one, Resolution | Connection) and one.failure in CUT_FAILURES:
            cut.add(one.address)
    return sum(act in answered for act in silent)


def _act(one: Resolution | Conversation) -> Hashable:
    """What was asked of whom."""
    match one:
        case Resolution():
            return one.trust, one.resolver, one.name
        case Connection():
            return one.address, one.port
        case Exchange():
            return one.url, one.address
        case QuicExchange():
            return "quic", one.address, one.port, one.sni, one.gap > 0
        case _:
            return "tls", one.address, one.port, one.sni
