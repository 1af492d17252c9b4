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


FIRST_MARK_BYTES = 16_384
"""Bytes of the first mark of a flow; each further mark is at twice as many."""

MAX_MARKS = 5
"""Marks of a flow: up to 256 KiB."""

MIN_STEADY_SILENCE_RATIO = 8
"""Times the longest pause that the silence after a steady transfer must last."""


class Flow(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The arrival of an answer's bytes at the socket, below TLS and content coding.

    Attributes:
        bytes: received since the request was sent.
        took: milliseconds from the first byte to the last.
        stall: the longest silence between two reads, milliseconds.
        quiet: milliseconds of silence after the last byte, until the step ended.
        marks: milliseconds from the first byte until 16, 32, 64, 128 and 256 KiB had arrived, as far as they did. Two
            transfers of different sizes are compared at the same mark.
        lag: milliseconds of a data packet's round trip at the end, queues on the path included (`tcpi_rcv_rtt`); 0 when
            unknown.
        segments: segments with data in this connection; 0 when unknown.
        disordered: those that arrived out of order, because a packet before them was lost or late (Linux only).
    """

    bytes: int
    took: int = 0
    stall: int = 0
    quiet: int = 0
    marks: tuple[int, ...] = ()
    lag: int = 0
    segments: int = 0
    disordered: int = 0

    @property
    def rate(self) -> float:
        """Bytes a second over the whole answer, the silence at its end included."""
        return 1000 * self.bytes / max(1, self.took + self.quiet)

    def time_to(self, mark: int) -> int:
        """Milliseconds until the mark of this number was reached; at least so many where it was not."""
        return self.marks[mark] if mark < len(self.marks) else self.took + self.quiet


def is_freeze(silence: int, *, longest_pause: int, before: int) -> bool:
    """Whether the silence at the end of a transfer is a freeze rather than loss.

    It must last longer than all of the transfer before it, and twice as long as any pause in that: on a line that loses
    many packets the pauses grow. After a transfer without such pauses it need not last longer than the transfer: on a
    slow line the first kilobytes take a second or more.

    Args:
        silence: milliseconds at the end.
        longest_pause: milliseconds of the longest pause before.
        before: milliseconds from the transfer's start to its last byte.
    """
    if silence < max(MIN_FREEZE_SILENCE_MS, 2 * longest_pause):
        return False
    return silence >= before or 0 < MIN_STEADY_SILENCE_RATIO * longest_pause <= silence
