"""The state of a hop: immutable records of its tries and their results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple, Self

import msgspec
from msgspec.structs import replace

from probe.model.failure import OWN_FAULTS
from probe.model.hop import CUT_FAILURES, Layer, LayerFailure, Purpose, Subject
from probe.model.nearness import came_sooner
from probe.model.observation import Conversation, Exchange, Observation


class HopPhase(StrEnum):
    """The phase of a hop, which decides the steps that may still follow."""

    UNSERVED = "unserved"
    """No address has served the subject."""
    SUSPECT = "suspect"
    """Another address has served it, but every address that the network's resolvers gave is unconfirmed and failed."""
    SERVED = "served"
    """An address has served it: a further step can change the verdict only where the page came too soon."""


class TryResult(NamedTuple):
    """The result of one step.

    Attributes:
        observed: it made an observation.
        failure: how it failed; None where it succeeded or made no observation.
        page_began: the beginning of a page arrived.
        sooner: the answer came sooner than the round trip of the step's SYN.
    """

    observed: bool = False
    failure: LayerFailure | None = None
    page_began: bool = False
    sooner: bool = False

    @classmethod
    def of(cls, seen: Sequence[Observation]) -> Self:
        """Return the result of a step with these observations."""
        last = seen[-1] if seen else None
        return cls(bool(seen), failure_of(seen), isinstance(last, Exchange) and last.begun, came_sooner(seen))

    @property
    def succeeded(self) -> bool:
        """Whether the step made an observation and did not fail."""
        return self.observed and self.failure is None

    @property
    def cut(self) -> bool:
        """Whether it ended with a time-out, RST or FIN, as filters end conversations."""
        return self.failure is not None and self.failure.failure in CUT_FAILURES

    @property
    def counts(self) -> bool:
        """Whether it failed, and not by a fault of this host."""
        return self.failure is not None and self.failure.failure not in OWN_FAULTS


NO_RESULT = TryResult()


class AddressState(msgspec.Struct, frozen=True):
    """One candidate address.

    Attributes:
        tries: tries of the subject that were asked for.
        page_asked: the page was asked for, not a handshake alone.
        succeeded: a try succeeded.
        served: the subject itself was served.
        stopped_pages: tries whose page began and then stopped in silence.
        last: the result of the newest try of the subject.
        page: the first page in clear.
        compared: its page was compared with another address's.
    """

    tries: int = 0
    page_asked: bool = False
    succeeded: bool = False
    served: bool = False
    stopped_pages: int = 0
    last: TryResult = NO_RESULT
    page: Exchange | None = None
    compared: bool = False


class HopState(msgspec.Struct, frozen=True):
    """A hop.

    Attributes:
        subject: the subject of the hop.
        addresses: the candidates, in order.
        local: the addresses that programs on this host get from the network's resolvers, in order.
        unconfirmed: those of them that no other source gives for the name.
        beside: (address, purpose) -> the newest result of a step that did not try the subject itself.
        followed: the addresses whose failure got follow-ups, in order.
        failures: address and failure of each failed try of the subject, in order.
        repeats: tries asked for so far only because silence must be observed often.
        small_segments: a try with small segments was asked for.
        timed: the addresses at which other names were asked to learn how far the server is, in order.
        certified: a confirmed address that served a page in clear, or refuses since it cut a request, was asked for its
            certificate.
    """

    subject: Subject
    addresses: Mapping[str, AddressState] = msgspec.field(default_factory=dict)
    local: tuple[str, ...] = ()
    unconfirmed: frozenset[str] = frozenset()
    beside: Mapping[tuple[str, Purpose], TryResult] = msgspec.field(default_factory=dict)
    followed: tuple[str, ...] = ()
    failures: tuple[tuple[str, LayerFailure], ...] = ()
    repeats: int = 0
    small_segments: bool = False
    timed: tuple[str, ...] = ()
    certified: bool = False

    @property
    def phase(self) -> HopPhase:
        """The phase that follows from the results so far."""
        if not any(one.served for one in self.addresses.values()):
            return HopPhase.UNSERVED
        own = [address for address in self.local if address in self.addresses]
        forged = bool(own) and all(
            address in self.unconfirmed and not self.addresses[address].succeeded and not self.addresses[address].served
            for address in own
        )
        return HopPhase.SUSPECT if forged else HopPhase.SERVED

    @property
    def failed(self) -> list[str]:
        """The addresses whose newest try failed, and not by a fault of this host."""
        return [address for address, one in self.addresses.items() if one.last.counts]

    def result_beside(self, address: str, purpose: Purpose) -> TryResult:
        """The newest result of such a step at an address; `NO_RESULT` where there was none."""
        return self.beside.get((address, purpose), NO_RESULT)

    def neutral_was_cut(self, address: str) -> bool:
        """Whether the neutral name was cut beyond TCP at an address, as the subject was."""
        neutral = self.result_beside(address, Purpose.NEUTRAL)
        beyond_tcp = neutral.failure is not None and neutral.failure.layer not in {Layer.TCP, Layer.QUIC}
        return neutral.cut and beyond_tcp and self.addresses[address].last.counts

    def with_unconfirmed(self, unconfirmed: frozenset[str]) -> HopState:
        """The state once more is known of the name's addresses."""
        return replace(self, unconfirmed=unconfirmed)

    def with_address(self, address: str) -> HopState:
        """The state with one more candidate."""
        return replace(self, addresses={**self.addresses, address: AddressState()})

    def changed(self, address: str, **fields: object) -> HopState:
        """The state with fields of one address changed."""
        one = replace(self.addresses[address], **fields)
        return replace(self, addresses={**self.addresses, address: one})

    def with_try(self, address: str, seen: Sequence[Observation]) -> HopState:
        """The state after a try of the subject at one of the addresses."""
        result = TryResult.of(seen)
        before = self.addresses[address]
        succeeded = before.succeeded or result.succeeded
        served = before.served or (result.succeeded and not self.subject.url)
        stopped = before.stopped_pages + (result.failure is not None and result.page_began)
        state = self.changed(address, last=result, succeeded=succeeded, served=served, stopped_pages=stopped)
        if result.failure is None:
            return state
        return replace(state, failures=(*self.failures, (address, result.failure.pooled)))

    def with_beside(self, address: str, purpose: Purpose, seen: Sequence[Observation]) -> HopState:
        """The state after a step that did not try the subject itself."""
        return replace(self, beside={**self.beside, (address, purpose): TryResult.of(seen)})


def failure_of(seen: Sequence[Observation]) -> LayerFailure | None:
    """The failure of one step; None where it got what it went for, or saw nothing."""
    for one in reversed(seen):
        if isinstance(one, Conversation) and one.failure is not None:
            return one.ending
    return None
