"""One sweep: which SYN is due when, and what each address answered. No socket and no clock.

All addresses share the time-outs of their SYNs, so that each queue of deadlines is in order by itself: one queue for
each time a SYN is sent again, one for the end.
"""

from __future__ import annotations

import errno
from collections import deque
from collections.abc import Callable
from ipaddress import ip_address

from probe.model.syn import SynAnswer, SynRequest

RETRY_SECONDS = (1.0, 3.0, 7.0, 15.0)
"""Seconds after its first SYN at which an address gets another (RFC 6298 section 2, as connect(2) does)."""
MAX_BURST = 32
"""SYNs sent before answers are read."""
SendSyn = Callable[[int, int], int]
"""Sends a SYN (index, sequence number); returns 0, or the error number with which this host refused."""


class SynSweep:
    """The state of a request.

    Args:
        request: what to send.
        numbers: a random sequence number for each address.
    """

    def __init__(self, request: SynRequest, numbers: tuple[int, ...]) -> None:
        self.ident = request.ident
        self.port = request.port
        self.destinations = [int(ip_address(address)) for address in request.addresses]
        self.numbers = numbers
        self.answers: list[SynAnswer] = []
        self._index = {destination: index for index, destination in enumerate(self.destinations)}
        self._delays = [*(delay for delay in RETRY_SECONDS if delay < request.seconds), request.seconds]
        self._queues: list[deque[int]] = [deque() for _ in self._delays]
        self._sent = [0.0] * len(numbers)
        self._resent = bytearray(len(numbers))
        self._open = bytearray(b"\1" * len(numbers))
        self._next = 0
        self._left = len(numbers)

    @property
    def over(self) -> bool:
        """Whether every address has an answer."""
        return not self._left

    @property
    def unsent(self) -> bool:
        """Whether some address got no SYN yet."""
        return self._next < len(self.numbers)

    def take_answers(self) -> tuple[SynAnswer, ...]:
        """The answers since the last call."""
        taken, self.answers = tuple(self.answers), []
        return taken

    def answered(self, remote: int, number: int, code: int, now: float) -> None:
        """Take in an answer; only the first of an address counts, and only to the number that it was sent."""
        index = self._index.get(remote)
        if index is not None and self._open[index] and self._sent[index] and self.numbers[index] == number:
            self._close(index, code, now)

    def next_deadline(self) -> float:
        """When the next SYN is sent again, or the next address times out; infinite when nothing is under way."""
        earliest = float("inf")
        for queue, delay in zip(self._queues, self._delays, strict=True):
            while queue and not self._open[queue[0]]:
                queue.popleft()
            if queue:
                earliest = min(earliest, self._sent[queue[0]] + delay)
        return earliest

    def send_first(self, send: SendSyn, clock: Callable[[], float], most: int) -> int:
        """Send the next addresses their first SYN, at most so many; return how many were sent."""
        first = self._next
        self._next = min(first + most, len(self.numbers))
        for index in range(first, self._next):
            now = self._sent[index] = clock()
            self._queues[0].append(index)
            if code := send(index, self.numbers[index]):
                self._close(index, code, now, local=True)
        return self._next - first

    def send_again(self, send: SendSyn, now: float) -> int:
        """Send what is due again, and end what has timed out; return how many were sent."""
        count = 0
        for stage, (queue, delay) in enumerate(zip(self._queues, self._delays, strict=True)):
            last = stage == len(self._delays) - 1
            while queue and (not self._open[queue[0]] or self._sent[queue[0]] + delay <= now):
                if count >= MAX_BURST and not last:
                    break
                index = queue.popleft()
                if not self._open[index]:
                    continue
                if last:
                    self._close(index, errno.ETIMEDOUT, now)
                else:
                    self._queues[stage + 1].append(index)
                    self._resent[index] += 1
                    count += 1
                    send(index, self.numbers[index])
        return count

    def _close(self, index: int, code: int, now: float, *, local: bool = False) -> None:
        self._open[index] = 0
        self._left -= 1
        sent = self._sent[index]
        self.answers.append(SynAnswer(index, code, sent, now - sent, self._resent[index], local))
