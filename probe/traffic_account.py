"""Account for the traffic of this process against budgets per day and month (UTC), which it never exceeds.

A limit that is checked afterwards does not hold. So a connection reserves the most that it can cost before it is
begun, and returns what it did not use. What is reserved is written down before it is spent, in blocks: an agent that
was killed counts its last block as spent.

The kernel's packets cannot be counted without privileges. They are estimated from connections, their length, bytes and
reads, so that the estimate is an upper bound: `python -m tests.lab.long_life` compares it with an interface's counters.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from datetime import datetime
from math import log2
from typing import NamedTuple

import msgspec

from probe.errors import StorageError

HEADER_BYTES = 80
"""Headers of a packet at most: 40 of IPv6, 20 of TCP, 20 of its options."""
SEGMENT_BYTES = 1200
"""Payload of a packet at least, where a sender has more to send: what IPv6's smallest packet of 1,280 bytes carries."""
HANDSHAKE_PACKETS = 7
"""SYN, SYN-ACK, ACK; FIN, FIN, ACK, RST: a connection that carries nothing."""
FIRST_RETRY_SECONDS = 0.2
"""Least time after which TCP sends anything again (RFC 6298 on Linux); each time after that is twice as long."""
RETRY_BYTES = 800
"""Bytes of a packet that is sent again, on average: a SYN, a ClientHello, a request."""
ANSWER_BYTES = 1232
"""Bytes of a DNS answer over UDP at most, by the EDNS record of the question."""
MEASURING_SHARE = 0.95
"""Share of each budget that measurements may use. The rest is left for reports, so that a change is always reported."""
WINDOW_SHARE = 0.05
"""Share of a day's budget that open connections may reserve together: the most that a kill can cost."""


class WireTraffic(NamedTuple):
    """Traffic in both directions, IP headers included. As a limit, 0 stands for none.

    Attributes:
        connections: TCP connections and UDP flows begun.
        packets, octets: sent and received.
    """

    connections: int = 0
    packets: int = 0
    octets: int = 0

    def plus(self, other: WireTraffic) -> WireTraffic:
        """The sum of both."""
        return WireTraffic(self[0] + other[0], self[1] + other[1], self[2] + other[2])

    def minus(self, other: WireTraffic) -> WireTraffic:
        """The difference, 0 at least."""
        return WireTraffic(*(max(0, one - two) for one, two in zip(self, other, strict=True)))

    def fits(self, limit: WireTraffic) -> bool:
        """Whether it exceeds no limit."""
        return all(not most or one <= most for one, most in zip(self, limit, strict=True))


NOTHING = WireTraffic()
QUERY_TRAFFIC = WireTraffic(1, 2, 2 * 48 + 120 + ANSWER_BYTES)
"""A DNS question over UDP, and the largest answer."""
STRAY_TRAFFIC = WireTraffic(0, 1, 48 + 512)
"""A further datagram: a second answer, an ICMP message."""
LOOKUP_TRAFFIC = WireTraffic(2, 8, 2400)
"""A lookup of the system: two questions, each asked twice; without EDNS an answer has 512 bytes."""
STREAM_TRAFFIC = WireTraffic(0, 8, 8 * HEADER_BYTES + 3000)
"""What a client says over a connection: ClientHello, Finished, a request with its cookies, close_notify."""
ENCRYPTED_QUERY_TRAFFIC = WireTraffic(0, 6, 6 * HEADER_BYTES + 600)
"""A DNS question over TLS, without the answer's bytes, which are counted as they are read."""

MAX_WINDOW = WireTraffic(200, 50_000, 15_000_000)
"""What open connections may reserve together at most, however large the budget is."""
MAX_BLOCK = WireTraffic(100, 2_000, 1_000_000)
"""What is granted at once beyond what is reserved, at most."""


def payload_traffic(octets: int, reads: int = 1) -> WireTraffic:
    """The packets that carried these bytes in so many reads, each acknowledged at once."""
    packets = 2 * (octets // SEGMENT_BYTES + reads)
    return WireTraffic(0, packets, octets + packets * HEADER_BYTES)


def connection_traffic(seconds: float) -> WireTraffic:
    """Opening and closing a connection that was open for so long, with all that may have been sent again meanwhile."""
    again = 0 if seconds < FIRST_RETRY_SECONDS else 2 * (1 + int(log2(seconds / FIRST_RETRY_SECONDS)))
    return WireTraffic(1, HANDSHAKE_PACKETS + again, HANDSHAKE_PACKETS * HEADER_BYTES + again * RETRY_BYTES)


def worst_connection(octets: int, reads: int, seconds: float) -> WireTraffic:
    """The most that a connection costs which reads so many bytes in so many reads, and ends after so many seconds."""
    sent = payload_traffic(24_000, 20)
    return connection_traffic(seconds).plus(payload_traffic(octets, reads)).plus(STREAM_TRAFFIC).plus(sent)


class BudgetSpentError(Exception):
    """The budget of the day or of the month does not allow it.

    Args:
        what: `day's` or `month's`, and of what.
    """


class TrafficRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What is written down of an account.

    Attributes:
        day, month: `2026-11-30`, `2026-11`.
        day_used, month_used: spent as far as is known.
        day_granted, month_granted: the same with what is reserved; after a kill this counts as spent.
        day_latest, month_latest: the latest that was dated before the clock was set back; empty where it never was.
        day_before, month_before: spent since then in earlier ones. It counts when the clock is set right.
        spent_at: when the budget last refused anything.
    """

    day: str = ""
    month: str = ""
    day_used: WireTraffic = NOTHING
    month_used: WireTraffic = NOTHING
    day_granted: WireTraffic = NOTHING
    month_granted: WireTraffic = NOTHING
    day_latest: str = ""
    month_latest: str = ""
    day_before: WireTraffic = NOTHING
    month_before: WireTraffic = NOTHING
    spent_at: datetime | None = None


class _Period:
    """One day or month.

    Attributes:
        name: `day` or `month`.
        limit: of the period.
        label: of the present one.
        used, granted, latest, before: as in the record.
    """

    __slots__ = ("before", "granted", "label", "latest", "limit", "name", "used")
    label: str
    latest: str
    before: WireTraffic
    granted: WireTraffic
    used: WireTraffic

    def __init__(self, name: str, limit: WireTraffic, kept: TrafficRecord) -> None:
        self.name, self.limit = name, limit
        ends = "", "_latest", "_before", "_granted"
        self.label, self.latest, self.before, self.granted = (getattr(kept, name + end) for end in ends)
        self.used = self.granted

    def roll(self, label: str) -> bool:
        """Begin a new period; one whose label is older goes on: the clock was set back, and may be set right again."""
        if label == self.label:
            return False
        if label < self.label:
            self.latest = max(self.latest, self.label)
        else:
            spent = self.before.plus(self.used)
            self.before = spent if label < self.latest else NOTHING
            self.used = self.granted = spent if label == self.latest else NOTHING
        self.label = label
        return True


class TrafficAccount:
    """The traffic of a process, and its budgets.

    Args:
        day, month: the budgets.
        now: the date and time.
        record: as it was written last; None for a new account.
        store: writes a record down, durably; None where nothing is limited.
        longest: seconds that a connection is open at most.

    Attributes:
        is_limited: whether there is any budget.
        refused: how often a budget refused something since the start.
    """

    def __init__(
        self,
        day: WireTraffic,
        month: WireTraffic,
        now: Callable[[], datetime],
        *,
        record: TrafficRecord | None = None,
        store: Callable[[TrafficRecord], None] | None = None,
        longest: float = 60.0,
    ) -> None:
        kept = record or TrafficRecord()
        self.is_limited = any(day) or any(month)
        self.refused = 0
        self.longest = longest
        self._now = now
        self._store = store
        self._day = _Period("day", day, kept)
        self._month = _Period("month", month, kept)
        self._reserved = NOTHING
        self._connections = self._packets = self._octets = 0
        self._spent_at = kept.spent_at
        self._roll()

    def reserve(self, worst: WireTraffic) -> bool:
        """Reserve the most that something costs; `settle` ends it.

        Returns:
            False while open reservations may still need what is left.

        Raises:
            BudgetSpentError: the budget is spent.
        """
        if not self.is_limited:
            return True
        self._roll()
        self._check(worst, MEASURING_SHARE)
        together = self._reserved.plus(worst)
        if any(self._reserved) and not (together.fits(self._window()) and self._has_room(together, MEASURING_SHARE)):
            return False
        if not self._grant(together):
            raise self._spent("day's budget cannot be written down")
        self._reserved = together
        return True

    def settle(self, worst: WireTraffic, actual: WireTraffic) -> None:
        """Return a reservation, and count what it cost beside the bytes that were read."""
        if self.is_limited:
            self._reserved = self._reserved.minus(worst)
        self.charge(actual)

    def charge(self, actual: WireTraffic) -> None:
        """Count traffic that a reservation covers."""
        connections, packets, octets = actual
        self._connections += connections
        self._packets += packets
        self._octets += octets

    def try_charge(self, worst: WireTraffic, share: float = MEASURING_SHARE) -> bool:
        """Count something small before it is sent, unless a budget forbids it; `refund` what it did not cost."""
        if self.is_limited:
            self._roll()
            together = self._reserved.plus(worst)
            if not self._has_room(together, share) or not self._grant(together):
                self.refused += 1
                self._spent_at = self._now()
                return False
        self.charge(worst)
        return True

    def refund(self, traffic: WireTraffic) -> None:
        """Return a part of what `try_charge` counted."""
        self._packets -= traffic.packets
        self._octets -= traffic.octets

    def left(self) -> tuple[WireTraffic, WireTraffic]:
        """What is left of the day's and of the month's budget for measurements; 0 where there is no budget, too."""
        self._roll()
        return tuple(  # type: ignore[return-value]
            WireTraffic(*(int(most * MEASURING_SHARE) for most in period.limit)).minus(period.used)
            for period in (self._day, self._month)
        )

    def has_room(self, worst: WireTraffic) -> bool:
        """Whether a further reservation may be granted, once what is open has ended."""
        self._roll()
        return not self.is_limited or self._has_room(worst, MEASURING_SHARE)

    def record(self, ahead: WireTraffic | None) -> TrafficRecord:
        """What to write down with a round.

        Args:
            ahead: to be granted beyond what is used and reserved, so that the next round need not write; None at the
                end of the process, where what is used is all that was spent.
        """
        self._roll()
        if ahead is None:
            self._day.granted, self._month.granted = self._day.used, self._month.used
        else:
            self._widen(self._reserved.plus(ahead))
        return self._as_record()

    def _as_record(self) -> TrafficRecord:
        parts = {"": "label", "_used": "used", "_granted": "granted", "_latest": "latest", "_before": "before"}
        fields = {one.name + end: getattr(one, part) for one in (self._day, self._month) for end, part in parts.items()}
        return TrafficRecord(**fields, spent_at=self._spent_at)

    @property
    def limits(self) -> tuple[WireTraffic, WireTraffic]:
        """The budgets of a day and of a month."""
        return self._day.limit, self._month.limit

    def used_today(self) -> WireTraffic:
        """What the day has cost so far."""
        self._roll()
        return self._day.used

    def _roll(self) -> None:
        """Add what was counted since to the present day and month, and begin new ones where their time has come."""
        if self._packets or self._octets or self._connections:
            counted = WireTraffic(self._connections, self._packets, self._octets)
            self._connections = self._packets = self._octets = 0
            for period in (self._day, self._month):
                period.used = period.used.plus(counted)
        label = self._now().strftime("%Y-%m-%d")
        new_day, new_month = self._day.roll(label), self._month.roll(label[:7])
        if (new_day or new_month) and any(self._reserved):
            self._grant(self._reserved)

    def _check(self, worst: WireTraffic, share: float) -> None:
        for period in (self._day, self._month):
            for word, used, more, most in zip(WireTraffic._fields, period.used, worst, period.limit, strict=True):
                if most and used + more > most * share:
                    raise self._spent(f"{period.name}'s budget of {_WORDS[word]} is spent")

    def _has_room(self, together: WireTraffic, share: float) -> bool:
        return all(
            not most or used + more <= most * share
            for period in (self._day, self._month)
            for used, more, most in zip(period.used, together, period.limit, strict=True)
        )

    def _window(self) -> WireTraffic:
        """The most that may be reserved at once: a share of the smaller budget, and one connection always."""
        return WireTraffic(
            *(min(int(WINDOW_SHARE * most), top) for most, top in zip(self._smallest(), MAX_WINDOW, strict=True))
        )

    def _smallest(self) -> Iterator[int]:
        for day, month in zip(self._day.limit, self._month.limit, strict=True):
            yield min(one for one in (day, month) if one) if day or month else 0

    def _grant(self, together: WireTraffic) -> bool:
        """Have so much beyond what is used written down, with a block more; False where that is not possible."""
        if all(period.used.plus(together).minus(period.granted) == NOTHING for period in (self._day, self._month)):
            return True
        before = self._day.granted, self._month.granted
        block = (min(int(WINDOW_SHARE / 5 * most), top) for most, top in zip(self._smallest(), MAX_BLOCK, strict=True))
        self._widen(together.plus(WireTraffic(*block)))
        try:
            if self._store is not None:
                self._store(self._as_record())
        except StorageError:
            self._day.granted, self._month.granted = before
            return False
        return True

    def _widen(self, together: WireTraffic) -> None:
        for period in (self._day, self._month):
            wanted = zip(period.used.plus(together), period.limit, strict=True)
            period.granted = WireTraffic(*(min(want, most) if most else want for want, most in wanted))

    def _spent(self, what: str) -> BudgetSpentError:
        self.refused += 1
        self._spent_at = self._now()
        return BudgetSpentError(f"the {what}")


_WORDS = {"connections": "connections", "packets": "packets", "octets": "bytes"}

current_account: ContextVar[TrafficAccount | None] = ContextVar("current_account", default=None)
"""The account of what this task sends: of DNS questions and reports. Connections go through the round's budget."""


def may_spend(worst: WireTraffic, share: float = MEASURING_SHARE) -> bool:
    """Count something small with the account of this task; False where a budget forbids it."""
    account = current_account.get()
    return account is None or account.try_charge(worst, share)


def demand(worst: WireTraffic) -> None:
    """Count something small with the account of this task.

    Raises:
        OSError: a budget forbids it (EDQUOT): a reason of this host, which says nothing about the network.
    """
    if not may_spend(worst):
        raise OSError(errno.EDQUOT, "the traffic budget is spent")


def spend(actual: WireTraffic) -> None:
    """Count what has come already with the account of this task."""
    account = current_account.get()
    if account is not None:
        account.charge(actual)


def note_answer(octets: int) -> None:
    """Return what the answer to a question over UDP was smaller than the largest."""
    account = current_account.get()
    if account is not None and octets < ANSWER_BYTES:
        account.refund(WireTraffic(0, 0, ANSWER_BYTES - octets))
