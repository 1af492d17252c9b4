"""The upload plan: padded requests in one connection to a target that was served, where the settings ask for it.

A freeze of uploads hides behind any small page: the target looks reachable, and uploads stop. Only a target that is
`reachable` is tried, since no other verdict could change::

    its own name    the other name    its own name    the other name

Each is made only where the one before left the question open: the own name stopped in silence, the other name's sending
was complete. A healthy target costs one sending; at most four are made, one after another.
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
"""Sendings under each name: a freeze is believed when it was observed twice beside complete sendings."""


def served(verdict: Verdict) -> Exchange | None:
    """The page of the first hop that was served over verified TLS; None where there is none."""
    if verdict.status is not Status.REACHABLE:
        return None
    pages = [one for one in verdict.evidence.observations if isinstance(one, Exchange)]
    # A page in clear is sometimes asked for once over TLS too: that is not the hop's own URL.
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
    """The sendings to one server.

    Args:
        page: the page that was served.
        context: the names to use.
    """

    def __init__(self, page: Exchange, context: PlanContext) -> None:
        super().__init__()
        self._page = page
        self._name = context.random_name
        self._turns: Iterator[int] = count()
        self._go_on()

    def observed(self, step: Step, seen: Observation) -> None:
        """Make the next sending while the question is open."""
        assert isinstance(seen, Sending)  # noqa: S101 - this plan asks for nothing else
        if seen.frozen if step.position.purpose is Purpose.SUBJECT else seen.complete:
            self._go_on()

    def finished(self, step: Step, seen: tuple[Observation, ...]) -> None:
        """Ignore it: a sending makes one observation."""

    def _go_on(self) -> None:
        attempt, other = divmod(next(self._turns), 2)
        if attempt >= TURNS:
            return
        page = self._page
        purpose = Purpose.NEUTRAL if other else Purpose.SUBJECT
        position = StepPosition(chain=page.chain, hop=page.hop, attempt=attempt, purpose=purpose)
        sni = self._name if other else ""
        self.queue.add(Send(url=page.url, address=page.address, sni=sni, verify=not other, position=position), self)
