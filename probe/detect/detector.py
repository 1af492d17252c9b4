"""The detector: verdicts in, transitions out.

::

    detector = Detector()
    for verdict_input in ...:
        transitions += detector.feed(verdict_input)
    transitions += detector.end_round(now)

Laws (property-tested): `load(dump())` at any point changes no later transition; `unknown` verdicts change nothing.

The detector never reads a clock. The times of verdicts may jump ahead (the laptop slept) or go back (the wall clock was
set; stored moments are corrected, see `probe.detect.round_times`). A vantage that moves to another network starts new
series there, and continues the old ones when it returns.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from probe.detect.detector_input import (
    CauseUpdate,
    CurrentStatus,
    DetectorInput,
    FirstSight,
    UnsettledFailure,
    VantageInput,
)
from probe.detect.failure_classes import (
    NO_INFORMATION,
    NO_WITNESS,
    SUCCESS,
    FailureClass,
    failure_class_of,
    witness,
)
from probe.detect.hypotheses import REGIMES
from probe.detect.network_series import NetworkSeries, moment_of
from probe.detect.round_times import ClockCorrection, RoundTimes
from probe.detect.series import Sample
from probe.detect.vantage_series import BATCH_GAP_SECONDS, BATCH_SPAN_SECONDS, VantageSeries
from probe.errors import StateError
from probe.model.transition import Transition
from probe.model.verdict import Cause, Status

_REACHABLE: Final = Status.REACHABLE

_NOWHERE: Final = VantageInput()

_EXPLAINED: Final = (FailureClass.SILENT, FailureClass.CUT, FailureClass.FORGED)
"""Classes whose evidence says more: what answered beside or nearer, and whether the control was served."""

STATE_VERSION: Final = 1

MIGRATIONS: Final[dict[int, Callable[[Any], Any]]] = {}
"""Functions by version that convert its state to the next version."""

MAX_NETWORKS: Final = 4
"""Bound of networks whose series are kept; the least recently used one is discarded."""

UNWATCHED_RETENTION: Final = timedelta(days=30)
"""How long after its last informative verdict the series of a target that has left the watchlist is kept. A target that
returns within that time continues its series; without a bound the state would grow for as long as lists change."""


class Detector:
    """Turns verdicts of any number of targets into transitions.

    Attributes:
        closed: number of batches closed since the detector was created or loaded.
    """

    def __init__(self) -> None:
        self._asn = 0
        self._networks: dict[int, NetworkSeries] = {0: NetworkSeries()}
        self._network = self._networks[0]
        self._vantage = VantageSeries()
        self._batch: dict[str, list[Sample]] = {}
        self._first = self._last = 0.0
        self._round_times = RoundTimes()
        self.closed = 0

    @property
    def network(self) -> NetworkSeries:
        """The series of the present network, and the decisions of the last batch."""
        return self._network

    def feed(self, verdict_input: DetectorInput) -> list[Transition]:
        """Process one verdict; return the transitions of the batch that it ends, if it ends one.

        A gap of more than 60 s, or a span of more than 180 s, ends a batch. A re-test of a target in the batch does not
        end it, because re-tests come late where every attempt times out. `end_round` ends a batch at once.
        """
        moment = verdict_input.time.timestamp()
        batch = self._batch
        found: list[Transition] = []
        ended = batch and (
            moment - self._last > BATCH_GAP_SECONDS
            or not -BATCH_SPAN_SECONDS <= moment - self._first <= BATCH_SPAN_SECONDS
        )
        if ended and not self._belongs(verdict_input, moment):
            found = self._close(self._last)
            batch = self._batch
        where = verdict_input.vantage
        if where is not None:
            if where.asn and where.asn != self._asn:
                found += self._move(where.asn)
                batch = self._batch
            found += self._vantage.add_state(moment, where.state)
        sample: Sample | None
        if verdict_input.status is _REACHABLE:
            sample = moment, SUCCESS, (), NO_WITNESS, 0.0
        else:
            sample = _failed_sample(verdict_input, moment)
            if sample is None:
                return found
        if not batch:
            self._begin(moment)
        elif moment > self._last:
            self._last = moment
        samples = batch.get(verdict_input.target)
        if samples is None:
            batch[verdict_input.target] = [sample]
        else:
            samples.append(sample)
        return found

    def _belongs(self, verdict_input: DetectorInput, moment: float) -> bool:
        """Return whether a verdict is a re-test of the open batch: re-tests alone would be a batch of failures."""
        samples = self._batch.get(verdict_input.target)
        return (
            samples is not None and 0.0 <= moment - samples[-1][0] <= BATCH_SPAN_SECONDS and verdict_input.is_retest()
        )

    def _begin(self, moment: float) -> None:
        """Begin a batch; if its moment precedes the last one, the wall clock was set back."""
        if moment < self._last - BATCH_SPAN_SECONDS:
            self._correct(self._round_times.set_back(moment, self._last))
        self._first = self._last = moment

    def clock_set(self, seconds: float) -> None:
        """Correct every stored moment; a caller with a monotonic clock knows that the wall clock was set.

        Call it between rounds, when no batch is open.

        Args:
            seconds: by how much the clock was set ahead; negative when it was set back.
        """
        correction = ClockCorrection(seconds)
        self._round_times.correct(correction)
        self._last = correction.corrected(self._last)
        self._vantage.correct(correction)
        self._correct(correction)

    def _correct(self, correction: ClockCorrection) -> None:
        for network in self._networks.values():
            network.correct(correction)

    def end_round(self, now: datetime) -> list[Transition]:
        """Close the open batch and return its transitions.

        Args:
            now: the time to report for the transitions.
        """
        return self._close(now.timestamp()) + self._vantage.end_round()

    def finish(self) -> list[Transition]:
        """Close the open batch at the time of its last verdict; no more verdicts follow."""
        return self._close(self._last) + self._vantage.end_round()

    def _close(self, now: float) -> list[Transition]:
        batch, self._batch = self._batch, {}
        if not batch:
            return []
        self.closed += 1
        self._round_times.add(self._first, self._last)
        return self._network.close(batch, now)

    def _move(self, asn: int) -> list[Transition]:
        """Change to another network. State from before the first AS number was known belongs to the first network."""
        found = self._close(self._last)
        known = self._networks
        if not self._asn:
            known[asn] = known.pop(0)
        self._network = known.pop(asn) if asn in known else NetworkSeries()
        known[asn] = self._network
        self._asn = asn
        while len(known) > MAX_NETWORKS:
            del known[next(iter(known))]
        return found

    def drop_unwatched(self, watched: Collection[str], now: datetime) -> None:
        """Drop, on every network, the series of targets that left the watchlist `UNWATCHED_RETENTION` ago.

        Args:
            watched: the targets of the watchlist.
            now: the end of the round.
        """
        earliest = (now - UNWATCHED_RETENTION).timestamp()
        for network in self._networks.values():
            network.drop_unwatched(watched, earliest)

    def settled(self, target: str) -> CurrentStatus | None:
        """Return the settled status of a target on this network; None before the first one.

        A target that failed at first has none until it works without doubt, or until it is certain what it has.
        """
        series = self._network.series.get(target)
        if series is None:
            return None
        state = series.interference
        if state is not None:
            nats = max(0.0, state.clearing, *state.turning)
            status = REGIMES[state.regime].status
            return CurrentStatus(status, moment_of(state.onset), state.causes, nats, state.before_watch)
        if series.unsettled:
            return None
        nats = max(0.0, *series.suspicion.sums) if series.suspicion is not None else 0.0
        return CurrentStatus(Status.REACHABLE, moment_of(series.since), (), nats)

    def unsettled_failures(self) -> list[UnsettledFailure]:
        """Return the targets that fail here without a settled status that says so, the first to fail first."""
        failing = [one for one in self._network.series.values() if one.interference is None and one.failing_since]
        return [
            UnsettledFailure(target=one.target, since=moment_of(one.failing_since), causes=one.causes)
            for one in sorted(failing, key=lambda one: (one.failing_since, one.target))
        ]

    def differs(self, verdict_input: DetectorInput) -> bool:
        """Return whether a verdict contradicts the settled status of its target, so that it needs re-tests.

        Only success against failure counts, not which failing status it is. `unknown` contradicts nothing. A failure of
        a target without a settled status does.
        """
        failure_class = failure_class_of(verdict_input.status, verdict_input.causes)
        if failure_class == NO_INFORMATION:
            return False
        series = self._network.series.get(verdict_input.target)
        interfered = series is not None and series.interference is not None
        return interfered == (failure_class == SUCCESS)

    def updates(self) -> list[CauseUpdate]:
        """Return the cause updates since the last call."""
        taken, self._network.updates = self._network.updates, []
        return taken

    def first_sights(self) -> list[FirstSight]:
        """Return the failing statuses that were settled at first sight since the last call."""
        taken, self._network.first_sights = self._network.first_sights, []
        return taken

    def dump(self) -> bytes:
        """Return the whole state, including the open batch, as bytes."""
        plain = {
            "version": STATE_VERSION,
            "asn": self._asn,
            "networks": [[asn, network.to_plain()] for asn, network in self._networks.items()],
            "vantage": self._vantage.to_plain(),
            "batch": list(self._batch.items()),
            "span": [self._first, self._last],
            "rounds": self._round_times.spans,
        }
        return msgspec.msgpack.encode(plain)

    @classmethod
    def load(cls, state: bytes) -> Detector:
        """Rebuild a detector from `dump`; states of older versions are converted.

        Raises:
            StateError: the state is of a newer version, or is no state of a detector.
        """
        plain = _current(state)
        self = cls()
        try:
            self._asn = plain["asn"]
            self._networks = {asn: NetworkSeries.from_plain(network) for asn, network in plain["networks"]}
            self._network = self._networks[self._asn]
            self._vantage = VantageSeries.from_plain(plain["vantage"])
            self._batch = {target: [_look(*sample) for sample in samples] for target, samples in plain["batch"]}
            self._first, self._last = plain["span"]
            self._round_times = RoundTimes([(begin, end) for begin, end in plain.get("rounds", ())])
        except (KeyError, TypeError, ValueError) as error:
            raise StateError("the detector's state is broken", mend="move the state file away") from error
        return self


def _failed_sample(verdict_input: DetectorInput, moment: float) -> Sample | None:
    """Return the sample in a verdict other than `reachable`; None when it carries no information."""
    status, causes = verdict_input.status, verdict_input.causes
    failure_class = failure_class_of(status, causes)
    if failure_class == NO_INFORMATION:
        return None
    where = verdict_input.vantage or _NOWHERE
    if failure_class not in _EXPLAINED:
        return moment, failure_class, causes, witness(status, causes, anchors=where.answered()), 0.0
    facts = verdict_input.evidence_facts()
    flags = witness(
        status,
        causes,
        anchors=where.answered(),
        beside=facts.answered_beside,
        nearer=facts.answered_nearer and failure_class != FailureClass.SILENT,
        independent_anchors=where.independent_anchors(),
    )
    return moment, failure_class, causes, flags, facts.served_at


def _look(moment: float, failure_class: int, causes: list[str], witnesses: int, served: float = 0.0) -> Sample:
    return moment, failure_class, tuple(Cause(cause) for cause in causes), int(witnesses), served


def _current(state: bytes) -> Any:
    try:
        plain = msgspec.msgpack.decode(state)
        version = plain["version"]
    except (msgspec.DecodeError, KeyError, TypeError) as error:
        raise StateError("this is no detector's state", mend="move the state file away") from error
    if not isinstance(version, int) or version > STATE_VERSION:
        raise StateError(
            f"the detector's state is of version {version}, this program knows {STATE_VERSION}",
            mend="use the newer program, or move the state file away",
        )
    while version < STATE_VERSION:
        plain = MIGRATIONS[version](plain)
        version += 1
    return plain
