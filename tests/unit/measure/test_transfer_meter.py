"""A transfer is measured in a few numbers, and only where it is large enough to show anything."""

from __future__ import annotations

import socket
import struct
import sys
from collections.abc import Iterator
from contextlib import closing

import pytest

from probe.measure import transfer_meter
from probe.measure.transfer_meter import PacketArrival, TransferMeter, packet_arrival
from probe.model.failure import Failure


class Clock:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        """Return the time of the test."""
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Replace the meter's clock."""
    made = Clock()
    monkeypatch.setattr(transfer_meter, "time", made)
    return made


@pytest.fixture
def meter() -> Iterator[TransferMeter]:
    """A meter of a socket without a connection."""
    with closing(socket.socket()) as sock:
        yield TransferMeter(sock)


def fed(meter: TransferMeter, clock: Clock, *parts: tuple[float, int]) -> TransferMeter:
    """Count each of (seconds waited, bytes received) and return the meter."""
    for seconds, count in parts:
        clock.now += seconds
        meter.count(count)
    return meter


def test_a_flow_has_the_bytes_the_time_and_the_longest_pause(meter: TransferMeter, clock: Clock) -> None:
    """Bytes from before the request and the wait for the first byte do not count."""
    fed(meter, clock, (0, 500))
    meter.start()

    made = fed(meter, clock, (5, 10_000), (0.1, 10_000), (0.7, 10_000), (0, 0)).flow(None)

    assert made is not None
    assert (made.bytes, made.took, made.stall, made.quiet) == (30_000, 800, 700, 0)


def test_silence_at_the_end_counts_after_a_time_out(meter: TransferMeter, clock: Clock) -> None:
    """The transfer stopped three seconds before the step timed out."""
    fed(meter, clock, (0, 8_000), (0.05, 6_000))
    clock.now += 3

    made = meter.flow(Failure.TIMEOUT)

    assert made is not None
    assert (made.bytes, made.took, made.quiet) == (14_000, 50, 3000)


def test_small_answers_have_no_flow(meter: TransferMeter, clock: Clock) -> None:
    """A whole page of a few kilobytes, or session tickets before a time-out."""
    assert meter.flow(Failure.TIMEOUT) is None
    assert fed(meter, clock, (0, 600)).flow(Failure.TIMEOUT) is None
    assert fed(meter, clock, (0, 9_000)).flow(None) is None


def test_a_flow_has_the_time_to_each_mark(meter: TransferMeter, clock: Clock) -> None:
    """One read may pass several; a mark that was not reached is missing, and no more than five are kept."""
    short = fed(meter, clock, (0, 10_000), (0.1, 6_384), (0.2, 60_000)).flow(None)
    meter.start()
    long = fed(meter, clock, (0, 1), (0.5, 2_000_000)).flow(None)

    assert short is not None
    assert short.marks == (100, 300, 300)
    assert (short.time_to(2), short.time_to(3)) == (300, 300)
    assert long is not None
    assert long.marks == (500,) * 5


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's figures are Linux'")
def test_the_kernel_says_how_many_segments_came_and_how_late(meter: TransferMeter) -> None:
    """Over the loopback interface they come in order."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        ours = socket.create_connection(server.getsockname())
        theirs, _ = server.accept()
        with closing(ours), closing(theirs):
            theirs.sendall(b"x" * 1_000)
            ours.recv(1_000)
            arrival = packet_arrival(ours)

    assert arrival.segments == 1
    assert arrival.disordered == 0


def test_an_old_kernel_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before Linux 5.4 the structure is shorter."""

    class Old:
        def getsockopt(self, *_: int) -> bytes:
            return struct.pack("=92xI", 5)

    monkeypatch.setattr(sys, "platform", "linux")

    assert packet_arrival(Old()) == PacketArrival()  # type: ignore[arg-type]
