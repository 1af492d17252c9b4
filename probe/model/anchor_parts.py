"""Which anchors a look asks: a part of them in turns, so that anchors cost little on a line that is not in doubt.

Every part has anchors of both schemes where both are given. One over https proves itself, but costs twice the
packets. One in clear text has a known answer, which anybody on the path can give.
"""

from __future__ import annotations

from collections.abc import Sequence

from probe.model.verdict import AnchorKind

Anchor = tuple[str, AnchorKind]
"""URL and kind."""

SECURE_IN_PART = 1
"""Anchors over https in a part."""
CLEAR_IN_PART = 2
"""Anchors in clear text in a part."""


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
