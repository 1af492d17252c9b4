"""How the bytes of a transfer arrive, and when a transfer counts as frozen."""

from __future__ import annotations

import msgspec

MAX_FREEZE_BYTES = 65_536
"""Bytes in one connection after which no freeze is expected: filters stop transfers after 12 to 34 KiB
(net4people/bbs#490, #546; published checkers look at 10 to 69 KB)."""

MIN_ANSWER_BYTES = 4_096
"""Bytes that prove that an answer began: more than the session tickets that follow a TLS 1.3 handshake, and less than a
whole TLS record (at most 16 KiB), which may never be completed."""

MIN_SENT_BYTES = 8_192
"""Bytes sent and answered before silence counts as a freeze: two requests, so that the connection has carried something
of size. Freezes after 25 packets begin about here (net4people/bbs#490)."""

MIN_FREEZE_SILENCE_MS = 2_000
"""Milliseconds of silence that a lost packet alone does not make: four retransmissions at the usual 0.2 s, doubled."""


class Flow(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The arrival of an answer's bytes at the socket, below TLS and content coding.

    Attributes:
        bytes: received since the request was sent.
        took: milliseconds from the first byte to the last.
        stall: the longest silence between two reads, milliseconds.
        quiet: milliseconds of silence after the last byte, until the step ended.
    """

    bytes: int
    took: int = 0
    stall: int = 0
    quiet: int = 0


def is_freeze(silence: int, *, longest_pause: int, before: int) -> bool:
    """Whether the silence at the end of a transfer is a freeze rather than loss.

    It must last longer than all of the transfer before it, and twice as long as any pause in that: on a line that loses
    many packets the pauses grow.

    Args:
        silence: milliseconds at the end.
        longest_pause: milliseconds of the longest pause before.
        before: milliseconds from the transfer's start to its last byte.
    """
    return silence >= max(MIN_FREEZE_SILENCE_MS, 2 * longest_pause, before)
