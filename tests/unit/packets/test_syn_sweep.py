"""A sweep: retransmissions, time-outs and answers, on a clock of the test."""

from __future__ import annotations

import errno

from probe.model.syn import SynAnswer, SynRequest
from probe.packets.syn_sweep import MAX_BURST, SynSweep

ADDRESSES = tuple(f"192.0.2.{n}" for n in range(1, 101))


class Wire:
    """Notes what is sent, and when.

    Attributes:
        refusal: the error number with which the host refuses.
    """

    def __init__(self, *addresses: str, seconds: float = 5.0) -> None:
        self.now = 100.0
        self.refusal = 0
        self.sent: list[tuple[float, int]] = []
        self.sweep = SynSweep(SynRequest(3, addresses, 443, seconds), tuple(range(500, 500 + len(addresses))))

    def send(self, index: int, number: int) -> int:
        """Take a SYN."""
        assert number == 500 + index
        self.sent.append((self.now, index))
        return self.refusal

    def begin(self, most: int = MAX_BURST) -> int:
        """Send the next first SYNs."""
        return self.sweep.send_first(self.send, lambda: self.now, most)

    def play(self) -> list[SynAnswer]:
        """Let time pass until every address has its answer."""
        found: list[SynAnswer] = []
        while not self.sweep.over:
            self.now = self.sweep.next_deadline()
            self.sweep.send_again(self.send, self.now)
            found += self.sweep.take_answers()
        return found


def test_silence_is_met_with_syns_after_one_and_three_seconds_and_times_out() -> None:
    wire = Wire("192.0.2.1")
    wire.begin()

    assert wire.play() == [SynAnswer(0, errno.ETIMEDOUT, 100.0, 5.0, 2)]
    assert [at for at, _ in wire.sent] == [100.0, 101.0, 103.0]


def test_an_answer_ends_an_address_and_only_the_first_counts() -> None:
    wire = Wire("192.0.2.1", "192.0.2.2")
    wire.begin()
    wire.sweep.answered(0xC0000202, 501, 0, 100.25)
    wire.sweep.answered(0xC0000202, 501, errno.ECONNREFUSED, 100.5)

    assert wire.sweep.take_answers() == (SynAnswer(1, 0, 100.0, 0.25),)
    assert [one.index for one in wire.play()] == [0]
    assert {index for at, index in wire.sent if at > 100.0} == {0}


def test_an_answer_after_a_second_syn_says_so() -> None:
    """Its round trip is not known (Karn's algorithm)."""
    wire = Wire("192.0.2.1")
    wire.begin()
    wire.sweep.send_again(wire.send, 101.0)
    wire.sweep.answered(0xC0000201, 500, 0, 101.5)

    assert wire.sweep.take_answers() == (SynAnswer(0, 0, 100.0, 1.5, 1),)


def test_forged_and_foreign_answers_are_ignored() -> None:
    """Another number, another address, an address that got no SYN yet."""
    wire = Wire("192.0.2.1", "192.0.2.2")
    wire.begin(1)
    wire.sweep.answered(0xC0000201, 499, 0, 100.5)
    wire.sweep.answered(0xC0000209, 500, 0, 100.5)
    wire.sweep.answered(0xC0000202, 501, 0, 100.5)

    assert wire.sweep.take_answers() == ()


def test_syns_are_sent_in_bursts() -> None:
    wire = Wire(*ADDRESSES)

    assert [wire.begin(), wire.begin(), wire.begin(40), wire.begin(40)] == [32, 32, 36, 0]
    assert not wire.sweep.unsent
    assert wire.sweep.send_again(wire.send, 101.0) == 32


def test_a_refusal_of_this_host_is_an_answer_of_its_own() -> None:
    wire = Wire("192.0.2.1")
    wire.refusal = errno.ENETUNREACH
    wire.begin()

    assert wire.sweep.take_answers() == (SynAnswer(0, errno.ENETUNREACH, 100.0, 0.0, local=True),)
    assert wire.sweep.over
    assert wire.sweep.next_deadline() == float("inf")


def test_a_short_time_out_has_no_second_syn() -> None:
    wire = Wire("192.0.2.1", seconds=0.5)
    wire.begin()

    assert wire.play() == [SynAnswer(0, errno.ETIMEDOUT, 100.0, 0.5)]
    assert len(wire.sent) == 1
