"""The detector: sightings in, transitions out.

::

    detector = Detector()
    for sighting in ...:
        transitions += detector.feed(sighting)
    transitions += detector.end_round(now)

Laws (property-tested): `load(dump())` at any point changes no later transition; `unknown` sightings change nothing.

It never reads a clock. Time may stand still, leap (the laptop slept) and go back (somebody set the clock: every
remembered moment goes back with it). A vantage that moves to another network starts new series there, and finds the
old ones again when it comes home.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

import msgspec

from probe.detect.detector_input import CauseUpdate, DetectorInput, SettledStatus
from probe.detect.failure_classes import NO_INFORMATION, NO_WITNESS, SUCCESS, failure_class_of, witness
from probe.detect.hypotheses import REGIMES
from probe.detect.network_series import NetworkSeries, moment_of
from probe.detect.series import Sample
from probe.detect.vantage_series import BATCH_GAP_SECONDS, BATCH_SPAN_SECONDS, VantageSeries
from probe.errors import StateError
from probe.model.transition import Transition
from probe.model.verdict import Cause, Status

_REACHABLE: Final = Status.REACHABLE

STATE_VERSION: Final = 1

MIGRATIONS: Final[dict[int, Callable[[Any], Any]]] = {}
"""By version: how its state becomes the next version's."""

MAX_NETWORKS: Final = 4
"""Networks whose series are kept; the one not seen for longest is forgotten."""


class Detector:
    """Folds sightings of any number of targets into transitions.

    Attributes:
        closed: batches closed since it was made or loaded.
    """

    def __init__(self) -> None:
        self._asn = 0
        self._networks: dict[int, NetworkSeries] = {0: NetworkSeries()}
        self._network = self._networks[0]
        self._vantage = VantageSeries()
        self._batch: dict[str, list[Sample]] = {}
        self._first = self._last = 0.0
        self.closed = 0

    @property
    def network(self) -> NetworkSeries:
        """The network the vantage is on: its series and what the last batch did to them."""
        return self._network

    def feed(self, verdict_input: DetectorInput) -> list[Transition]:
        """Take one verdict; the transitions of a batch that this one shows to be over.

        A gap of more than 60 s, or a span of more than 180 s, ends a batch, but for a re-test of what is in it: where
        every try waits in silence, re-tests come late. `end_round` ends a batch at once.
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
            found += self._vantage.saw(moment, where.state)
        if verdict_input.status is _REACHABLE:
            sample: Sample = (moment, SUCCESS, (), NO_WITNESS)
        else:
            failure_class = failure_class_of(verdict_input.status, verdict_input.causes)
            if failure_class == NO_INFORMATION:
                return found
            anchors = where is not None and where.answered()
            sample = (
                moment,
                failure_class,
                verdict_input.causes,
                witness(verdict_input.status, verdict_input.causes, anchors=anchors),
            )
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
        """Whether it is a re-test of a target in the open batch: a batch of re-tests alone would be one of failures."""
        samples = self._batch.get(verdict_input.target)
        return samples is not None and 0.0 <= moment - samples[-1][0] <= BATCH_SPAN_SECONDS and verdict_input.again()

    def _begin(self, moment: float) -> None:
        """A batch begins; when its moment lies before the last one, the clock was set back."""
        if moment < self._last - BATCH_SPAN_SECONDS:
            self._network.shift(moment - self._last)
        self._first = self._last = moment

    def end_round(self, now: datetime) -> list[Transition]:
        """Close the open batch.

        Args:
            now: the moment at which its transitions are said to have become sure.
        """
        return self._close(now.timestamp()) + self._vantage.end_round()

    def finish(self) -> list[Transition]:
        """Close the open batch at its own last moment: nothing more is coming."""
        return self._close(self._last) + self._vantage.end_round()

    def _close(self, now: float) -> list[Transition]:
        batch, self._batch = self._batch, {}
        if not batch:
            return []
        self.closed += 1
        return self._network.close(batch, now)

    def _move(self, asn: int) -> list[Transition]:
        """The vantage is on another network now. What was learned before its number was known is the first one's."""
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

    def settled(self, target: str) -> SettledStatus | None:
        """What is believed of a target on this network; None while nothing is."""
        series = self._network.series.get(target)
        if series is None:
            return None
        state = series.interference
        if state is not None:
            nats = max(0.0, state.clearing, *state.turning)
            return SettledStatus(REGIMES[state.regime].status, moment_of(state.onset), state.causes, nats)
        if not series.worked:
            return None
        nats = max(0.0, *series.suspicion.sums) if series.suspicion is not None else 0.0
        return SettledStatus(Status.REACHABLE, moment_of(series.since), (), nats)

    def differs(self, verdict_input: DetectorInput) -> bool:
        """Whether a verdict contradicts what is believed of its target, and so asks for re-tests.

        Working against failing is what counts: which of the failing statuses it is shows itself in time. `unknown`
        contradicts nothing; a first failure contradicts the hope that a target works.
        """
        failure_class = failure_class_of(verdict_input.status, verdict_input.causes)
        if failure_class == NO_INFORMATION:
            return False
        series = self._network.series.get(verdict_input.target)
        interfered = series is not None and series.interference is not None
        return interfered == (failure_class == SUCCESS)

    def updates(self) -> list[CauseUpdate]:
        """The changes of causes inside open blocks since this was last asked."""
        taken, self._network.updates = self._network.updates, []
        return taken

    def dump(self) -> bytes:
        """The whole state, the open batch included."""
        plain = {
            "version": STATE_VERSION,
            "asn": self._asn,
            "networks": [[asn, network.plain()] for asn, network in self._networks.items()],
            "vantage": self._vantage.plain(),
            "batch": list(self._batch.items()),
            "span": [self._first, self._last],
        }
        return msgspec.msgpack.encode(plain)

    @classmethod
    def load(cls, state: bytes) -> Detector:
        """The inverse of `dump`; older versions are brought up to this one.

        Raises:
            StateError: it is of a newer version, or no detector's state at all.
        """
        plain = _current(state)
        self = cls()
        try:
            self._asn = plain["asn"]
            self._networks = {asn: NetworkSeries.of(network) for asn, network in plain["networks"]}
            self._network = self._networks[self._asn]
            self._vantage = VantageSeries.of(plain["vantage"])
            self._batch = {target: [_look(*sample) for sample in samples] for target, samples in plain["batch"]}
            self._first, self._last = plain["span"]
        except (KeyError, TypeError, ValueError) as error:
            raise StateError("the detector's state is broken", mend="move the state file away") from error
        return self


def _look(moment: float, failure_class: int, causes: list[str], witnesses: int) -> Sample:
    return moment, failure_class, tuple(Cause(cause) for cause in causes), int(witnesses)


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
