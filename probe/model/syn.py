"""The lines between `probe.measure` and the SYN scanner `python -m probe.packets.scan`: what to send, what came back.

JSON Lines. The records are written as arrays, because a wide range has thousands of answers.
"""

from __future__ import annotations

import msgspec

MAX_SWEEP_ADDRESSES = 4_096
"""Addresses of one request; 160 KiB of IPv6 literals."""
DEFAULT_RATE = 1_000.0
"""SYNs a second, from all requests together: half a megabit a second, and a home router's table of connections, which
has tens of thousands of entries and forgets one in seconds, does not fill."""


class SynRequest(msgspec.Struct, frozen=True, array_like=True):
    """Send a SYN to each address, as connect(2) would: again after 1, 3 and 7 seconds, until one is answered.

    Attributes:
        ident: comes back in the replies.
        addresses: of one family, each once.
        seconds: time-out of each address, from its first SYN.
        rate: SYNs a second; 0 for no limit (laboratories, one's own network).
    """

    ident: int
    addresses: tuple[str, ...]
    port: int
    seconds: float
    rate: float = DEFAULT_RATE


class SynAnswer(msgspec.Struct, frozen=True, array_like=True):
    """How one address answered.

    Attributes:
        index: of the address in the request.
        code: 0 for a SYN-ACK, else the error number that connect(2) would give: an RST is ECONNREFUSED, an ICMP message
            what Linux makes of it, silence ETIMEDOUT.
        sent: when its first SYN was sent, in seconds of CLOCK_MONOTONIC.
        took: seconds until the answer or the time-out.
        resent: SYNs sent again.
        local: this host refused to send, so that nothing came from the network.
    """

    index: int
    code: int
    sent: float
    took: float
    resent: int = 0
    local: bool = False


class SynReply(msgspec.Struct, frozen=True, array_like=True):
    """One line of the scanner: one at the start, then answers as they come. A sweep ends when each address has one.

    Attributes:
        ident: of the request; 0 for the line at the start.
        answers: those that were not reported yet.
        trouble: why it cannot scan, for a person; the process then ends.
    """

    ident: int
    answers: tuple[SynAnswer, ...] = ()
    trouble: str = ""
