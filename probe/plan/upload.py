"""The upload plan: padded requests in one connection to a target that was served, where the settings enable it.

Small pages do not show a freeze of uploads: the target looks reachable, but uploads stop. Only a `reachable` target is
tested, because the test can change no other verdict::

    its own name    the other name    its own name    the other name

Each upload needs the result of the one before: under the own name it timed out, under the other name it was complete.
A healthy target costs one upload. At most four are made, one after another.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

from probe.model.hop import Purpose, StepPosition
from probe.model.observation import Exchange, Observation, Sending
from probe.model.step import Send, Step
from probe.model.verdict import Status, Verdict
from probe.plan.context import PlanContext
from probe.plan.plan import Plan

TURNS = 2
"""Uploads under each name: a freeze must be observed twice beside complete uploads under the other name."""


def served(verdict: Verdict) -> Exchange | None:
    """Return the page of the first hop that was served over verified TLS; None where there is none."""
    if verdict.status is not Status.REACHABLE:
        return None
    pages = [one for one in verdict.evidence.observations if isinstance(one, Exchange)]
    # A doubtful page in clear is fetched once over TLS too: that is not the hop's own URL.
    clear = {(one.chain, one.hop) for one in pages if one.url.startswith("http:")}
    fit = [
        one
        for one in pages
        if one.purpose is Purpose.SUBJECT
        and one.url.startswith("https:")
        and one.secure
        and one.answered
        and (one.chain, one.hop) not in clear
    ]
    return min(fit, key=lambda one: (one.chain, one.hop, one.at), default=None)


class UploadPlan(Plan):
    """The plan of the uploads to one server.

    Args:
        page: the page that was served.
        context: the names to use.
    """

    def __init__(self, page: Exchange, context: PlanContext) -> None:
        super().__init__()
        self._page = page
        self._name = context.random_name
        self._turns: Iterator[int] = count()
        self._queue_next()

    def observed(self, step: Step, seen: Observation) -> None:
        """Make the next sending while the question is open."""
        assert isinstance(seen, Sending)  # noqa: S101 - this plan asks for nothing else
        if seen.frozen if step.position.purpose is Purpose.SUBJECT else seen.complete:
            self._queue_next()

    def finished(self, step: Step, seen: tuple[Observation, ...]) -> None:
        """Ignore it: a sending makes one observation."""

    def _queue_next(self) -> None:
        attempt, other = divmod(next(self._turns), 2)
        if attempt >= TURNS:
            return
        page = self._page
        purpose = Purpose.NEUTRAL if other else Purpose.SUBJECT
        position = StepPosition(chain=page.chain, hop=page.hop, attempt=attempt, purpose=purpose)
        sni = self._name if other else ""
        self.queue.add(Send(url=page.url, address=page.address, sni=sni, verify=not other, position=position), self)
