"""How often a failure is repeated: until it was observed often enough to count, or was shown to be an accident.

`probe.judge.repetition` says how often it must be observed. Attempts that one behaviour explains count together there
and here. Where the judge is stricter, a try too few is made, and the target is not called blocked.
"""

from __future__ import annotations

from typing import NamedTuple

from probe.model.failure import Failure
from probe.model.hop import CUT_FAILURES, SILENT_SYN, Layer, LayerFailure, Purpose
from probe.plan.context import HopLimits, PlanContext
from probe.plan.hop_state import HopState

_CUTS = CUT_FAILURES | {Failure.UNREACHABLE, Failure.GARBAGE}


class FailureCount(NamedTuple):
    """How often the deepest failure was observed.

    Attributes:
        alike: tries of the subject that failed so, at any address.
        silenced: tries at its address since then, where all met silence at the SYN, as residual blocking makes it.
        beside: other names that failed so, or met that silence.
        in_handshake: tries that timed out after the ClientHello, where the deepest failure is silence after a request.
        others: tries of the subject that failed otherwise.
        answered: one of those was refused or answered, as no filter does that cuts conversations.
    """

    alike: int
    silenced: int
    beside: int
    in_handshake: int
    others: int
    answered: bool

    @classmethod
    def of(cls, state: HopState, deepest: LayerFailure, address: str) -> FailureCount:
        """Count the failures so far; `deepest` was observed at `address`."""
        ends = [failure for _, failure in state.failures]
        here = [failure for where, failure in state.failures if where == address]
        alike = ends.count(deepest)
        since = here[here.index(deepest) + 1 :]
        silenced = len(since) if deepest.layer is not Layer.TCP and set(since) == {SILENT_SYN} else 0
        explained = {deepest, SILENT_SYN} if silenced else {deepest}
        beside = sum(one.failure is not None and one.failure.pooled in explained for one in state.beside.values())
        late = deepest == LayerFailure(Layer.HTTP, Failure.TIMEOUT)
        in_handshake = ends.count(LayerFailure(Layer.TLS, Failure.TIMEOUT)) if late else 0
        others = [end for end in ends if end not in {deepest, SILENT_SYN}]
        answered = any(end.failure not in CUT_FAILURES or end.layer is Layer.TCP for end in others)
        return cls(alike, silenced, beside, in_handshake, len(ends) - alike - silenced, answered)

    @property
    def together(self) -> int:
        """Everything that one behaviour explains."""
        return self.alike + self.silenced + self.beside

    def is_in_doubt(self, deepest: LayerFailure, wanted: int, limits: HopLimits) -> bool:
        """Whether one more try may change the verdict.

        An RST, a FIN or an ICMP error is repeated where it was seen once, among time-outs.
        """
        if deepest.failure is not Failure.TIMEOUT:
            once = self.alike == 1 and self.silenced + self.others > 0 and not self.answered
            return once and deepest.failure in _CUTS and self.together + self.others < wanted
        mixed = self.in_handshake + self.silenced > 0 and wanted == limits.proof_tries
        return (
            self.alike + self.silenced < limits.silent_tries
            or self.together < wanted
            or (mixed and self.together + self.in_handshake < limits.mixed_tries)
        )


def is_refused_since(state: HopState, deepest: LayerFailure, address: str) -> bool:
    """Whether port 80 of an address refuses every connection since it reset or closed a request of the subject.

    A server that has just crashed does so, too; then its other port refuses as well, or this one soon serves again.
    """
    if (state.subject.scheme, state.subject.port) != ("http", 80) or deepest.failure is Failure.TIMEOUT:
        return False
    here = [failure for where, failure in state.failures if where == address]
    since = here[here.index(deepest) + 1 :]
    return deepest.layer is Layer.HTTP and set(since) == {LayerFailure(Layer.TCP, Failure.RESET)}


def tries_wanted(context: PlanContext, state: HopState, address: str) -> int:
    """How often silence at an address must be observed: `proof_tries` where it could count as a block.

    Where every try stopped in the page, they are no more than `silent_tries`: each takes long, and shows much.
    """
    limits = context.limits
    neutral = state.result_beside(address, Purpose.NEUTRAL)
    failed = sum(where == address for where, _ in state.failures)
    stopped = state.addresses[address].stopped_pages
    if 0 < failed == stopped:
        return limits.silent_tries
    answered = neutral.observed and not neutral.cut
    return limits.proof_tries if context.served_elsewhere or answered else limits.silent_tries
