"""What is known of relays at a vantage, and when a connection leaves a doubt that a relay made it. Pure.

A relay on the path completes every handshake, also for an address where no host can be. A connection to such an address
shows it, and shows an observer a program that no browser is. A relay that answers for everybody does so all day, so the
outcome of a trial is remembered for each address family and port, and a trial is made after a doubt only. What fails
needs none: only a connection that was accepted may be a relay's.

====================================================  ===========================================================
a target's connection is accepted, and                an earlier trial counts when it is younger than
====================================================  ===========================================================
the target failed at its last full look, or in this   a minute: no change of status rests on an older one
one, or this is a re-test
it is answered much sooner than at the trial (a       a minute
relay is nearer); after an accepted trial also much
later (the relay has gone)
its address never answered at this vantage, or the    an hour
control does not reach the target
nothing of this                                       a random time: one to two days; half an hour to one and a
                                                      half after an accepted trial
====================================================  ===========================================================
"""

from __future__ import annotations

import msgspec

from probe.model.address import family
from probe.model.failure import OWN_FAULTS, Failure
from probe.model.hop import Purpose, StepPosition
from probe.model.observation import Connection, Observation
from probe.model.step import Connect

TRIAL_SECONDS = 3.5
"""How long an unrouted address may answer. A relay is nearer than any server; a SYN is sent three or four times."""
FRESH_SECONDS = 60.0
"""Age of a trial on which a change of status may rest."""
UNKNOWN_SECONDS = 3600.0
"""Age of a trial that counts for a target which never answered here, or which the control does not reach."""
SILENT_SECONDS = (86_400.0, 172_800.0)
"""Shortest and longest time for which a trial that failed is believed where nothing speaks against it."""
ACCEPTED_SECONDS = (1_800.0, 5_400.0)
"""The same for a trial that was accepted: while it counts, a target that works again is not seen to."""
MUCH = 2
"""Factor of a round trip that is another distance, not another queue."""
LEAST_MICROSECONDS = 2_000
"""A round trip that differs by less than this is no other distance: the scheduling of a host is as large."""
MAX_ROUND_TRIPS = 256
"""Addresses of one family and port whose round trips are remembered; the latest are kept."""


class RelayFinding(msgspec.Struct, frozen=True, array_like=True):
    """The outcome of the latest trial for one address family and port.

    Attributes:
        address, port: where no host can be.
        failure: how the trial failed; None: a relay accepted it.
        tried: when, in Unix seconds.
        until: when it is no longer believed, in Unix seconds.
        round_trips: address of a target -> its shortest round trip since, in microseconds; 0 where it is not known.
    """

    address: str
    port: int
    failure: Failure | None
    tried: float
    until: float
    round_trips: dict[str, int] = {}

    def observation(self, began: float) -> Connection:
        """The trial as an observation of another measurement, which began then: its time is negative."""
        at = min(-1, int((self.tried - began) * 1000))
        return Connection(address=self.address, port=self.port, failure=self.failure, purpose=Purpose.RELAY, at=at)


def relay_key(address: str, port: int) -> str:
    """The key of a finding: address family and port."""
    return f"{family(address)} {port}"


def trial_step(address: str, port: int) -> Connect:
    """The connection to an address where nothing listens."""
    return Connect(address=address, port=port, seconds=TRIAL_SECONDS, position=StepPosition(purpose=Purpose.RELAY))


def is_trial(step: object, address: str) -> bool:
    """Whether a step is a trial of this address."""
    return isinstance(step, Connect) and step.position.purpose is Purpose.RELAY and step.address == address


def leaves_doubt(
    found: RelayFinding | None, accepted: Connection, now: float, *, failed: bool = False, served_elsewhere: bool = True
) -> bool:
    """Whether an accepted connection needs another trial before it counts.

    Args:
        found: of the connection's family and port; None before the first trial.
        accepted: the connection.
        now: Unix seconds.
        failed: the target failed before, or this is a re-test.
        served_elsewhere: False where the control does not reach the target.
    """
    if found is None or not found.tried <= now < found.until:
        return True
    known = found.round_trips.get(accepted.address)
    age = now - found.tried
    if failed or (known is not None and _is_elsewhere(accepted.rtt, known, found.failure)):
        return age > FRESH_SECONDS
    return (known is None or not served_elsewhere) and age > UNKNOWN_SECONDS


def after_trial(before: RelayFinding | None, trial: Connection, now: float, draw: float) -> RelayFinding | None:
    """What is known after a trial; as before where it failed by this host's own fault.

    Args:
        before: what was known.
        trial: its outcome.
        now: when it was made, in Unix seconds.
        draw: random, from 0 to 1.
    """
    if trial.failure in OWN_FAULTS:
        return before
    shortest, longest = ACCEPTED_SECONDS if trial.failure is None else SILENT_SECONDS
    until = now + shortest + draw * (longest - shortest)
    silent = before is not None and trial.failure is not None and before.failure is not None
    kept = before.round_trips if silent and before is not None else {}
    return RelayFinding(trial.address, trial.port, trial.failure, now, until, kept)


def with_round_trips(found: RelayFinding, seen: tuple[Observation, ...], *, afresh: bool = False) -> RelayFinding:
    """The finding with the round trips of a measurement that used it.

    Args:
        found: as it was.
        seen: in the measurement.
        afresh: the measurement made a trial, so that the round trips before it do not count.
    """
    known, taken = dict(found.round_trips), set[str]()
    for one in seen:
        if isinstance(one, Connection) and one.purpose is Purpose.SUBJECT and one.failure is None and not one.segment:
            before = 0 if afresh and one.address not in taken else known.get(one.address, 0)
            taken.add(one.address)
            known.pop(one.address, None)  # the latest last
            known[one.address] = min((trip for trip in (before, one.rtt) if trip), default=0)
    for address in list(known)[:-MAX_ROUND_TRIPS]:
        del known[address]
    return msgspec.structs.replace(found, round_trips=known)


def _is_elsewhere(round_trip: int, known: int, failure: Failure | None) -> bool:
    """Whether a round trip is that of another place than the known one."""
    if not round_trip or not known:
        return False
    nearer = MUCH * round_trip + LEAST_MICROSECONDS <= known
    return nearer or (failure is None and round_trip >= MUCH * known + LEAST_MICROSECONDS)
