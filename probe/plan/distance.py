"""The steps that show how long an answer of the server takes, where one came sooner than the round trip of its SYN.

Judging needs answers under other names at the same address (`probe.judge.nearer`). Most failures of a handshake are
followed by the neutral name anyway; these steps are for those that are not, and for pages in clear. They have a purpose
of their own, because an answer on another port does not show that this one answers other names.
"""

from __future__ import annotations

from probe.model.hop import LayerFailure, Purpose, StepPosition, Subject
from probe.model.step import Fetch, Step
from probe.model.target import DEFAULT_PORTS, bracketed
from probe.plan.context import PlanContext
from probe.plan.followup import Question, other_name_step, questions_after

DISTANCE_TRIES = 2
"""Answers under other names: the lower counts, so that one slow answer accuses nobody."""


def asked_anyway(subject: Subject, failed: LayerFailure | None) -> bool:
    """Whether the neutral name follows such a failure in any case."""
    if failed is None:
        return False
    asked = questions_after(failed, encrypted=subject.encrypted)
    return Question.NEUTRAL in asked or Question.NEUTRAL_PAGE in asked


def repeats_subject(subject: Subject, failed: LayerFailure | None) -> bool:
    """Whether the subject follows such a failure in any case."""
    return failed is not None and Question.AGAIN in questions_after(failed, encrypted=subject.encrypted)


def distance_steps(subject: Subject, address: str, context: PlanContext, position: StepPosition) -> tuple[Step, ...]:
    """The neutral name in the subject's protocol.

    Args:
        subject: the subject of the hop.
        address: where it was answered so soon.
        context: the name to use.
        position: chain and hop.
    """
    places = [_place(position, attempt) for attempt in range(DISTANCE_TRIES)]
    if subject.scheme == "http":  # the first page: a filter may read the path of the subject's
        port = "" if subject.port == DEFAULT_PORTS["http"] else f":{subject.port}"
        url = f"http://{bracketed(context.random_name)}{port}/"
        return tuple(Fetch(url=url, address=address, verify=False, position=place) for place in places)
    return tuple(other_name_step(subject, context.random_name, address, place, page=False) for place in places)


def distance_in_clear(address: str, context: PlanContext, position: StepPosition) -> tuple[Step, ...]:
    """The neutral name at port 80, where every name is cut at the subject's port; arguments as above."""
    url = f"http://{bracketed(context.random_name)}/"
    return tuple(
        Fetch(url=url, address=address, verify=False, position=_place(position, attempt))
        for attempt in range(DISTANCE_TRIES)
    )


def _place(position: StepPosition, attempt: int) -> StepPosition:
    return StepPosition(chain=position.chain, hop=position.hop, attempt=attempt, purpose=Purpose.DISTANCE)
