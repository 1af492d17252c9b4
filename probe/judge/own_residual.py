"""The silence of an address right after the target's own name was cut there (residual blocking).

`probe.judge.residual` excuses names that fail because another was cut. Here the target's own was: many filters cut
the conversation that carries a forbidden name and then drop everything that the same client sends to the address and
port, the GFW for 90 to 360 s (IMC'17, S&P'25), six of the twelve public censors of Geneva for good (CCS'19). The second
attempt then fails at an earlier layer than the first, and both are one behaviour.

A lost packet, an overloaded server and a server that limits connections also end attempts at different layers, but in
another order:

====================================================  ==================================================
residual blocking                                     which rules out
====================================================  ==================================================
after each cut the very next attempt meets silence,   a server that bans an address after some
whatever its name                                     connections, of which it answered one or let two hang
all of the silence is at one layer                    packet loss, which hits every layer
it lasts until the last attempt, or for               an overloaded server that accepts now and then
`MIN_SILENCE_MS`
====================================================  ==================================================
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import TypeGuard
from urllib.parse import urlsplit

from probe.model.failure import Failure
from probe.model.hop import CUT_FAILURES, Layer, LayerFailure, Purpose
from probe.model.observation import Connection, Conversation, Exchange, QuicExchange, TlsHandshake

MIN_SILENCE_MS = 12_000
"""How long after the cut a silence must last where it ends. Filters keep one for 20 s and more (TSPU: 40 s, IMC'22); a
full accept queue lets one of the next two SYNs in, or a retransmission of theirs."""

Attempt = tuple[Conversation, ...]
"""What one attempt saw, from the first layer to the last."""


def attempts_by_endpoint(seen: Iterable[Conversation]) -> dict[tuple[str, int], tuple[Attempt, ...]]:
    """The attempts over TCP at each address and port, whatever their name or purpose, in order of time."""
    found: dict[tuple[str, int], list[list[Conversation]]] = {}
    latest: dict[Hashable, list[Conversation]] = {}
    for one in seen:
        if isinstance(one, QuicExchange):
            continue
        endpoint = one.address, _port_of(one)
        key = endpoint, one.chain, one.hop, one.purpose, one.attempt
        if isinstance(one, Connection) or key not in latest:
            latest[key] = []
            found.setdefault(endpoint, []).append(latest[key])
        latest[key].append(one)
    return {
        endpoint: tuple(tuple(group) for group in sorted(groups, key=lambda group: group[0].at))
        for endpoint, groups in found.items()
    }


def residual_failures(attempts: Sequence[Attempt]) -> tuple[Attempt, ...]:
    """Those of the attempts at one address and port whose silence followed a cut as residual blocking does.

    What came before the first cut of the target's own name does not count. None counts where any cut was followed by
    something else: then the address does not fall silent because of a cut.
    """
    first = next((number for number, one in enumerate(attempts) if _is_own_cut(one)), len(attempts))
    found: list[Attempt] = []
    silence: list[Attempt] = []
    before: Attempt = ()
    for attempt in attempts[first:]:
        cut = before[-1].ending if before else None
        end = attempt[-1].ending
        if _is_cut(cut) and _is_earlier_failure(end, cut) and _is_at_layer_of(attempt, silence):
            silence.append(attempt)
            continue
        if _is_cut(cut) and not silence and (not _is_cut(end) or _is_timeout(cut)):
            return ()
        if silence and attempt[0].at + attempt[0].took >= _end_of(before) + MIN_SILENCE_MS:
            found += silence
        before, silence = attempt, []
    return (*found, *silence)


def _port_of(one: Connection | TlsHandshake | Exchange) -> int:
    if not isinstance(one, Exchange):
        return one.port
    try:
        parts = urlsplit(one.url)
        port = parts.port
    except ValueError:  # stored evidence may hold anything
        return 0
    return port or (443 if parts.scheme == "https" else 80)


def _end_of(attempt: Attempt) -> int:
    return max((one.at + one.took for one in attempt), default=0)


def _is_cut(end: LayerFailure | None) -> TypeGuard[LayerFailure]:
    return end is not None and end.layer is not Layer.TCP and end.failure in CUT_FAILURES


def _is_own_cut(attempt: Attempt) -> bool:
    return attempt[-1].purpose is Purpose.SUBJECT and _is_cut(attempt[-1].ending)


def _is_timeout(end: LayerFailure) -> bool:
    return end.failure is Failure.TIMEOUT


def _is_earlier_failure(end: LayerFailure | None, cut: LayerFailure) -> bool:
    """Whether an attempt fell silent, or was cut, at an earlier layer than the cut; a refused SYN is the server's."""
    return end is not None and end.layer.depth < cut.layer.depth and (_is_timeout(end) or _is_cut(end))


def _is_at_layer_of(attempt: Attempt, silence: Sequence[Attempt]) -> bool:
    return not silence or type(attempt[-1]) is type(silence[0][-1])
