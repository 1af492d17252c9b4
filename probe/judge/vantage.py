"""Whether anything can be concluded at this vantage, from looks at places that must work if it does."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from probe.model.address import parse_address
from probe.model.failure import OWN_FAULTS, Failure
from probe.model.verdict import IPV6_WORKS, AnchorKind, AnchorLook, VantageNote, VantageState

_MUTE = frozenset({Failure.TIMEOUT, Failure.SERVFAIL, Failure.REFUSED, Failure.UNREACHABLE})
"""How a resolver fails that is dead, in getaddrinfo's words: one that denies names is alive."""


def conclude(looks: Sequence[AnchorLook]) -> VantageState:
    """The state of the vantage.

    =====================================================  ===========
    the latest look at each anchor                         state
    =====================================================  ===========
    there are none                                         `online`: without anchors nothing else is concluded
    one foreign anchor, or any where no foreign is given,  `online`
    works
    only domestic ones work, some foreign do not           `allowlist`
    none works, and more answer with foreign content       `portal`
    than are silent
    none works otherwise                                   `offline`
    =====================================================  ===========

    An anchor works where it answered, be its certificate out of date: nobody else has that one. `policed` is not
    concluded from anchors: it shows in the round, as a burst of failures over unrelated targets
    (`probe.judge.policing`).
    """
    latest = _latest(looks)
    if not latest:
        return VantageState.ONLINE
    working = {look.kind for look in latest if _works(look)}
    asked = {look.kind for look in latest}
    if AnchorKind.FOREIGN in working or (working and AnchorKind.FOREIGN not in asked):
        return VantageState.ONLINE
    if working:
        return VantageState.ALLOWLIST
    strange = sum(look.foreign_content for look in latest)
    silent = sum(not look.foreign_content and look.failure not in OWN_FAULTS for look in latest)
    return VantageState.PORTAL if strange > silent else VantageState.OFFLINE


def notes(looks: Sequence[AnchorLook]) -> tuple[VantageNote, ...]:
    """What is wrong with a vantage besides its state, sorted.

    ==================  ============================================================================================
    note                where, in the latest look at each anchor
    ==================  ============================================================================================
    `clock_wrong`       some certificates are out of date, and none of them all is not
    `ipv6_broken`       an IPv6 address was tried at some, and reached at none
    `resolver_dead`     the system's resolver failed at the names of all that answered, and somebody else found them
    `fake_addresses`    the system's resolver gave an address for benchmarks
    ==================  ============================================================================================

    One anchor that let its certificate run out, whose IPv6 is down or whose name the resolver lies about makes none.
    """
    latest = _latest(looks)
    answered = [look for look in latest if _works(look)]
    named = [look for look in answered if parse_address(urlsplit(look.url).hostname or "") is None]
    six = [look.six for look in latest if look.six]
    found = {
        VantageNote.CLOCK_WRONG: any(look.outdated for look in latest) and all(look.outdated for look in answered),
        VantageNote.IPV6_BROKEN: bool(six) and IPV6_WORKS not in six,
        VantageNote.RESOLVER_DEAD: bool(named) and all(look.resolver in _MUTE for look in named),
        VantageNote.FAKE_ADDRESSES: any(look.fake for look in latest),
    }
    return tuple(sorted(note for note, holds in found.items() if holds))


def _latest(looks: Sequence[AnchorLook]) -> tuple[AnchorLook, ...]:
    """The newest look at each anchor."""
    latest: dict[tuple[str, AnchorKind], AnchorLook] = {}
    for look in sorted(looks, key=lambda look: look.at):
        latest[look.url, look.kind] = look
    return tuple(latest.values())


def _works(look: AnchorLook) -> bool:
    return look.outdated or (look.failure is None and not look.foreign_content)
