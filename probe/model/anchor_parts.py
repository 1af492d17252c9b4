"""Which anchors a look asks: a part of them in turns, so that anchors cost little on a line that is not in doubt.

Every part has anchors of both schemes where both are given. One over https proves itself, but costs twice the
packets. One in clear text has a known answer, which anybody on the path can give.

A process of cron goes on where the one before it ended (`AnchorMemory`), as long as that found the line well.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from probe.model.verdict import AnchorKind, AnchorLook

Anchor = tuple[str, AnchorKind]
"""URL and kind."""

SECURE_IN_PART = 1
"""Anchors over https in a part."""
CLEAR_IN_PART = 2
"""Anchors in clear text in a part."""


class AnchorPage(NamedTuple):
    """The page of a foreign anchor over TLS, as far as it is known.

    Attributes:
        milliseconds: of the TCP handshake.
        address: that served it.
        length: bytes; 0 where unknown.
    """

    milliseconds: int
    address: str
    length: int


class AnchorMemory(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a process knows of the anchors when it ends.

    Attributes:
        turn: the number of the last look.
        looks: the latest look at each anchor.
        reached: URL -> the IPv4 address at which the anchor worked.
        pages: URL -> its page.
    """

    turn: int = 0
    looks: tuple[AnchorLook, ...] = ()
    reached: dict[str, str] = {}
    pages: dict[str, AnchorPage] = {}


def usual_part(anchors: Sequence[Anchor], turn: int) -> list[Anchor]:
    """The anchors that a usual look asks: all where they are few, else foreign ones of both schemes in turns.

    Domestic ones are asked only where there are no foreign ones: what they show matters once all foreign ones fail, and
    then all are asked.

    Args:
        anchors: all that are given.
        turn: the number of the look.
    """
    both = SECURE_IN_PART + CLEAR_IN_PART
    if len(anchors) <= both:
        return list(anchors)
    deciding = [anchor for anchor in anchors if anchor[1] is AnchorKind.FOREIGN] or list(anchors)
    secure = [anchor for anchor in deciding if is_secure(anchor)]
    clear = [anchor for anchor in deciding if not is_secure(anchor)]
    return [
        *_in_turns(secure, turn, SECURE_IN_PART if clear else both),
        *_in_turns(clear, turn, CLEAR_IN_PART if secure else both),
    ]


def is_secure(anchor: Anchor) -> bool:
    """Whether an anchor is asked over https, so that a certificate proves who answers."""
    return anchor[0].startswith("https:")


def _in_turns(anchors: Sequence[Anchor], turn: int, many: int) -> list[Anchor]:
    if len(anchors) <= many:
        return list(anchors)
    return [anchors[(turn * many + rank) % len(anchors)] for rank in range(many)]
