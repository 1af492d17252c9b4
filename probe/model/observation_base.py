"""The fields that every kind of observation has: its times, its place in the target, and how it failed."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from probe.model.failure import Failure
from probe.model.hop import Purpose


class ObservationTraffic(NamedTuple):
    """The traffic that one observation represents; UDP is not counted.

    Attributes:
        connections: TCP handshakes begun.
        handshakes: TLS handshakes begun.
        address: their destination.
    """

    connections: int = 0
    handshakes: int = 0
    address: str = ""


class ObservationBase(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind"):
    """The fields of every observation; each kind adds its own.

    Attributes:
        at: milliseconds from the start of the measurement to the start of this layer; negative for a relay trial that
            targets of a pass share, where it began before.
        took: milliseconds from the layer's start to its end.
        chain, hop, attempt, purpose: the position of the step (`probe.model.hop.StepPosition`).
        failure: how the layer ended; None where it succeeded.
        detail: a few words for readers (an alert's name, an OpenSSL reason); no rule may read it.
    """

    at: int = 0
    took: int = 0
    chain: int = 0
    hop: int = 0
    attempt: int = 0
    purpose: Purpose = Purpose.SUBJECT
    failure: Failure | None = None
    detail: str = ""

    @property
    def traffic(self) -> ObservationTraffic:
        """The connections and handshakes that the step began; none unless the kind overrides this."""
        return ObservationTraffic()

    @property
    def transferred(self) -> int:
        """The bytes of an answer whose arrival was measured; 0 unless the kind overrides this."""
        return 0

    @property
    def capture_name(self) -> str:
        """The name by which a packet capture finds this conversation; empty unless the kind overrides this."""
        return ""
