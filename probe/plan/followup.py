"""The questions that follow a failed try at one address, as a table, and the steps that ask them.

The neutral name goes before the second try of the subject, because some filters silence an address for 75 to 420 s
after a suspect name: right after one more suspect try the neutral name would fail too, and hide what it was to show.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from msgspec.structs import replace

from probe.model.failure import Failure
from probe.model.hop import (
    CUT_FAILURES,
    NO_ANSWER_FAILURES,
    Layer,
    LayerFailure,
    Purpose,
    StepPosition,
    Subject,
)
from probe.model.step import Connect, Fetch, Handshake, QuicHandshake, Step
from probe.model.target import bracketed
from probe.plan.context import PlanContext
from probe.plan.page_check import comparison

SMALL_SEGMENT_OCTETS = 1_000
"""Octets of the largest TCP segment asked for where large packets may be lost: with its headers it passes wherever
IPv6's least MTU does (1,280: RFC 8200 section 5), and our own hello still goes in one."""


class Question(StrEnum):
    """One step that follows a failure."""

    AGAIN = "the subject again"
    NEUTRAL = "a handshake under the neutral name"
    NEUTRAL_PAGE = "a request under the neutral name"
    PEEK = "the handshake again without verification"
    TLS_OVER_TCP = "TLS over TCP"
    COMPARISON = "the same page under the neutral name, in turns with the subject"


class FollowUp(NamedTuple):
    """One row of the table.

    Attributes:
        layers: where the try failed.
        failures: how it failed.
        questions: asked one after another.
        encrypted: of a request: whether it went over TLS; None for either.
    """

    layers: frozenset[Layer]
    failures: frozenset[Failure]
    questions: tuple[Question, ...]
    encrypted: bool | None = None


_SERVER_ANSWERS = frozenset({Failure.ALERT, Failure.GARBAGE})
_RETRIED = NO_ANSWER_FAILURES | _SERVER_ANSWERS


def _at(*layers: Layer) -> frozenset[Layer]:
    return frozenset(layers)


FOLLOW_UPS: tuple[FollowUp, ...] = (
    FollowUp(_at(*Layer), frozenset({Failure.CERTIFICATE}), (Question.PEEK,)),
    FollowUp(_at(Layer.BODY), frozenset({Failure.TIMEOUT}), (Question.COMPARISON,)),
    FollowUp(_at(Layer.QUIC), CUT_FAILURES, (Question.TLS_OVER_TCP, Question.NEUTRAL, Question.AGAIN)),
    FollowUp(_at(Layer.QUIC), _RETRIED, (Question.TLS_OVER_TCP, Question.AGAIN)),
    FollowUp(_at(Layer.TLS), CUT_FAILURES, (Question.NEUTRAL, Question.AGAIN)),
    FollowUp(_at(Layer.HTTP), CUT_FAILURES, (Question.NEUTRAL_PAGE, Question.AGAIN), encrypted=True),
    FollowUp(_at(Layer.TCP, Layer.TLS, Layer.HTTP), _RETRIED, (Question.AGAIN,)),
)
"""What follows a failure: the first row that fits. A failure without a row is followed by nothing: no question could
explain a bound of ours or a fault of this host."""


def questions_after(failed: LayerFailure, *, encrypted: bool) -> tuple[Question, ...]:
    """The questions that follow a failure, in order.

    Args:
        failed: layer and failure of the try.
        encrypted: the subject sends a server name in a ClientHello.
    """
    for row in FOLLOW_UPS:
        if failed.layer in row.layers and failed.failure in row.failures and row.encrypted in {None, encrypted}:
            return row.questions
    return ()


def follow_up_steps(
    subject: Subject, address: str, failed: LayerFailure, context: PlanContext, position: StepPosition
) -> tuple[Step, ...]:
    """The steps that follow a failed try of the subject, in order.

    Args:
        subject: what was tried.
        address: where.
        failed: how the try failed.
        context: the names to use.
        position: chain, hop and attempt of the subject's next try.
    """
    questions = questions_after(failed, encrypted=subject.encrypted)
    return tuple(step for question in questions for step in _ask(question, subject, address, context, position))


def _ask(
    question: Question, subject: Subject, address: str, context: PlanContext, position: StepPosition
) -> tuple[Step, ...]:
    match question:
        case Question.AGAIN:
            return (subject_step(subject, address, position),)
        case Question.NEUTRAL | Question.NEUTRAL_PAGE:
            page = question is Question.NEUTRAL_PAGE
            where = _first(position, Purpose.NEUTRAL)
            return (other_name_step(subject, context.random_name, address, where, page=page),)
        case Question.PEEK:
            where = _first(position, Purpose.PEEK)
            return (Handshake(address=address, port=subject.port, sni=subject.host, verify=False, position=where),)
        case Question.TLS_OVER_TCP:
            where = _first(position, Purpose.SUBJECT)
            return (Handshake(address=address, port=subject.port, sni=subject.host, position=where),)
        case Question.COMPARISON:
            again = (subject_step(subject, address, position),)
            return comparison(subject.url, address, context.random_name, position, again)


def subject_step(subject: Subject, address: str, position: StepPosition, *, page: bool = True) -> Step:
    """The step that tries the subject at one address.

    Args:
        subject: of the hop.
        address: where.
        position: chain, hop and attempt.
        page: whether to fetch the page of an https subject; a handshake otherwise.
    """
    if subject.url and (page or subject.scheme == "http"):
        return Fetch(url=subject.url, address=address, position=position)
    if subject.scheme == "quic":
        return QuicHandshake(address=address, port=subject.port, sni=subject.host, position=position)
    if subject.encrypted:
        return Handshake(address=address, port=subject.port, sni=subject.host, position=position)
    return Connect(address=address, port=subject.port, position=position)


_SUBJECT_STEPS: dict[str, tuple[type[Step], ...]] = {
    "https": (Fetch, Handshake),
    "http": (Fetch,),
    "tls": (Handshake,),
    "quic": (QuicHandshake,),
    "tcp": (Connect,),
}


def tries_subject(subject: Subject, step: Step) -> bool:
    """Whether a step tries the subject itself, rather than something beside it."""
    if step.position.purpose is not Purpose.SUBJECT or not isinstance(step, _SUBJECT_STEPS[subject.scheme]):
        return False
    return not isinstance(step, Fetch) or step.url == subject.url


def other_name_step(subject: Subject, name: str, address: str, position: StepPosition, *, page: bool) -> Step:
    """The step that tries another server name at the same address, without verifying the certificate."""
    if subject.scheme == "quic":
        return QuicHandshake(address=address, port=subject.port, sni=name, verify=False, position=position)
    if page:
        port = "" if subject.port == 443 else f":{subject.port}"
        return Fetch(url=f"https://{bracketed(name)}{port}/", address=address, verify=False, position=position)
    return Handshake(address=address, port=subject.port, sni=name, verify=False, position=position)


def with_small_segments(step: Step) -> Step:
    """The same step, with the server asked to send small segments."""
    return replace(step, segment=SMALL_SEGMENT_OCTETS) if isinstance(step, Fetch | Handshake) else step


def allowed_name_step(subject: Subject, address: str, context: PlanContext, position: StepPosition) -> Step:
    """The step that tries the allowed name, where the neutral one failed as the subject did."""
    return other_name_step(subject, context.allowed_name, address, _first(position, Purpose.ALLOWED), page=False)


def neutral_name_step(subject: Subject, address: str, context: PlanContext, position: StepPosition) -> Step:
    """The step that tries the neutral name before any other name was sent to an address."""
    return other_name_step(subject, context.random_name, address, _first(position, Purpose.NEUTRAL), page=False)


def _first(position: StepPosition, purpose: Purpose) -> StepPosition:
    return StepPosition(chain=position.chain, hop=position.hop, purpose=purpose)
