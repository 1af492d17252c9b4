"""The follow-ups of a failed try at one address, as a table, and the steps of each.

The neutral name goes before the second try of the subject. Some filters drop all packets of an address for 75 to 420 s
after a suspect name (residual blocking). Right after one more suspect try, the neutral name would fail too.
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
from probe.model.resolver import Trust
from probe.model.step import Connect, Fetch, Handshake, QuicHandshake, Resolve, Step
from probe.model.target import DEFAULT_PORTS, bracketed
from probe.plan.context import PlanContext
from probe.plan.page_check import comparison

SMALL_SEGMENT_OCTETS = 1_000
"""Maximum segment size to advertise where large packets may be lost. With headers, a segment of this size fits the
minimum MTU of IPv6 (1,280: RFC 8200 section 5), and the ClientHello still fits one segment."""


class Question(StrEnum):
    """The kinds of steps that follow a failure."""

    AGAIN = "the subject again"
    NEUTRAL = "a handshake under the neutral name"
    NEUTRAL_PAGE = "a request under the neutral name"
    PEEK = "the handshake again without verification"
    TLS_OVER_TCP = "TLS over TCP"
    COMPARISON = "the same page under the neutral name, in turns with the subject"


class FollowUp(NamedTuple):
    """One row of the table.

    Attributes:
        layers: layers at which the try failed.
        failures: failures of the try.
        questions: the follow-ups, one after another.
        encrypted: whether the subject uses TLS; None for either.
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
    FollowUp(_at(Layer.TLS), CUT_FAILURES | {Failure.GARBAGE}, (Question.NEUTRAL, Question.AGAIN)),
    FollowUp(_at(Layer.HTTP), CUT_FAILURES, (Question.NEUTRAL_PAGE, Question.AGAIN), encrypted=True),
    FollowUp(_at(Layer.TCP, Layer.TLS, Layer.HTTP), _RETRIED, (Question.AGAIN,)),
)
"""The first row that matches a failure applies. A failure without a row has no follow-up: none could explain a limit of
this program or a fault of this host."""


def questions_after(failed: LayerFailure, *, encrypted: bool) -> tuple[Question, ...]:
    """Return the follow-ups of a failure, in order.

    Args:
        failed: layer and failure of the try.
        encrypted: the subject uses TLS with a server name.
    """
    for row in FOLLOW_UPS:
        if failed.layer in row.layers and failed.failure in row.failures and row.encrypted in {None, encrypted}:
            return row.questions
    return ()


def follow_up_steps(
    subject: Subject, address: str, failed: LayerFailure, context: PlanContext, position: StepPosition
) -> tuple[Step, ...]:
    """Return the steps that follow a failed try of the subject, in order.

    Args:
        subject: the subject of the hop.
        address: the address of the try.
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
            return comparison(subject.url, address, context, position, again)


def subject_step(subject: Subject, address: str, position: StepPosition, *, page: bool = True) -> Step:
    """Return the step that tries the subject at one address.

    Args:
        subject: the subject of the hop.
        address: the address to try.
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
    """Return the step that tries another server name at the same address, without verifying the certificate."""
    if subject.scheme == "quic":
        return QuicHandshake(address=address, port=subject.port, sni=name, verify=False, position=position)
    if page:
        port = "" if subject.port == 443 else f":{subject.port}"
        return Fetch(url=f"https://{bracketed(name)}{port}/", address=address, verify=False, position=position)
    return Handshake(address=address, port=subject.port, sni=name, verify=False, position=position)


def with_small_segments(step: Step) -> Step:
    """Return the same step with a small advertised maximum segment size."""
    return replace(step, segment=SMALL_SEGMENT_OCTETS) if isinstance(step, Fetch | Handshake) else step


def other_port_step(subject: Subject, address: str, position: StepPosition) -> Step:
    """Return the connection to the host's other web port, where silence may be a block; the detector reads it."""
    port = DEFAULT_PORTS["http" if subject.port == DEFAULT_PORTS["https"] else "https"]
    return Connect(address=address, port=port, position=position)


def ech_step(subject: Subject, context: PlanContext, position: StepPosition) -> Step:
    """Return the question to a trusted resolver whether the name offers Encrypted ClientHello."""
    resolver = context.trusted_resolvers[0]
    return Resolve(name=subject.host, rrtype="HTTPS", resolver=resolver, trust=Trust.TRUSTED, position=position)


def allowed_name_step(subject: Subject, address: str, context: PlanContext, position: StepPosition) -> Step:
    """Return the step that tries the allowed name, where the neutral name failed as the subject did."""
    return other_name_step(subject, context.allowed_name, address, _first(position, Purpose.ALLOWED), page=False)


def neutral_name_step(subject: Subject, address: str, context: PlanContext, position: StepPosition) -> Step:
    """Return the step that tries the neutral name before any other name is sent to an address."""
    return other_name_step(subject, context.random_name, address, _first(position, Purpose.NEUTRAL), page=False)


def _first(position: StepPosition, purpose: Purpose) -> StepPosition:
    return StepPosition(chain=position.chain, hop=position.hop, purpose=purpose)
