"""What is asked after a failure, and in which order: only what could change the verdict.

=====================================  ===========================================================================
an address failed by                   then, one after another
=====================================  ===========================================================================
silence, RST or ICMP to the SYN        the subject again (a lost packet; a new source port)
RST, silence or FIN after the hello    the neutral name, then the subject again; the allowed name if neutral failed too
a certificate that does not verify     a peek at whose it is
an alert, garbage                      the subject again
RST, silence or FIN after a request    over TLS: a request under the neutral name; then the subject again
silence, often, after hello or request the subject with small segments: are large packets lost on the way?
silence after the first kilobytes      the same page under the neutral name, the subject again, the neutral name again
silence to a QUIC Initial              TLS over TCP, QUIC under the neutral name, then the subject again
=====================================  ===========================================================================

The neutral name goes before the second try of the subject, because some filters silence an address for 75 to 420 s
after the suspect name: asked right after one more suspect try, the neutral name would fail too
and hide what it was to show.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from probe.model.failure import Failure
from probe.model.hop import CUT_FAILURES, NO_ANSWER_FAILURES, Layer, LayerFailure, Purpose, StepPosition, Subject
from probe.model.observation import Conversation, Observation
from probe.model.step import Connect, Fetch, Handshake, QuicHandshake, Step
from probe.model.target import bracketed
from probe.plan import transfer
from probe.plan.context import PlanContext

SMALL = 1_000
"""Octets of the largest TCP segment asked for where large packets may be lost: with its headers it passes wherever
IPv6's least MTU does (1,280: RFC 8200 section 5), and our own hello still goes in one."""
_TRY_AGAIN = NO_ANSWER_FAILURES | {Failure.ALERT, Failure.GARBAGE}


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


def neutral_step(subject: Subject, name: str, address: str, position: StepPosition, *, page: bool) -> Step:
    """The step that tries another server name at the same address, without verifying the certificate."""
    if subject.scheme == "quic":
        return QuicHandshake(address=address, port=subject.port, sni=name, verify=False, position=position)
    if page:
        port = "" if subject.port == 443 else f":{subject.port}"
        return Fetch(url=f"https://{bracketed(name)}{port}/", address=address, verify=False, position=position)
    return Handshake(address=address, port=subject.port, sni=name, verify=False, position=position)


def failure_of(seen: Sequence[Observation]) -> LayerFailure | None:
    """The deepest failure of one try; None where it got what it went for, or nothing was seen."""
    for one in reversed(seen):
        if isinstance(one, Conversation) and one.failure is not None:
            return one.ending
    return None


def answered(seen: tuple[Observation, ...]) -> bool:
    """Whether the step saw what it went for."""
    return bool(seen) and failure_of(seen) is None


def after(
    subject: Subject, address: str, seen: tuple[Observation, ...], context: PlanContext, position: StepPosition
) -> tuple[Step, ...]:
    """The follow-ups of one failed try at one address, in order.

    Args:
        subject: what was tried.
        address: where.
        seen: what the failed try saw.
        context: names to use.
        position: chain, hop and the number of the next try.
    """
    failed = failure_of(seen)
    if failed is None:
        return ()
    layer, failure = failed
    if failure is Failure.CERTIFICATE:
        peek = Handshake(
            address=address, port=subject.port, sni=subject.host, verify=False, position=_for(position, Purpose.PEEK)
        )
        return (peek,)
    if failure not in _TRY_AGAIN:
        return ()
    steps: list[Step] = []
    if subject.scheme == "quic":
        steps.append(
            Handshake(address=address, port=subject.port, sni=subject.host, position=_for(position, Purpose.SUBJECT))
        )
    if layer is Layer.BODY:
        where = _for(position, Purpose.NEUTRAL)
        return transfer.comparison(
            subject.url, address, context.random_name, where, (subject_step(subject, address, position),)
        )
    if subject.encrypted and layer is not Layer.TCP and failure in CUT_FAILURES:
        where = _for(position, Purpose.NEUTRAL)
        steps.append(neutral_step(subject, context.random_name, address, where, page=layer is Layer.HTTP))
    steps.append(subject_step(subject, address, position))
    return tuple(steps)


def small(step: Step) -> Step:
    """The same, with the server asked to send small segments."""
    return replace(step, segment=SMALL) if isinstance(step, Fetch | Handshake) else step


def allowed(subject: Subject, address: str, context: PlanContext, position: StepPosition) -> Step:
    """The allowed name, asked where the neutral one failed as the subject did."""
    return neutral_step(subject, context.allowed_name, address, _for(position, Purpose.ALLOWED), page=False)


def neutral_first(subject: Subject, address: str, context: PlanContext, position: StepPosition) -> Step:
    """The neutral name before anything else was said to an address."""
    return neutral_step(subject, context.random_name, address, _for(position, Purpose.NEUTRAL), page=False)


def _for(position: StepPosition, purpose: Purpose) -> StepPosition:
    return StepPosition(chain=position.chain, hop=position.hop, attempt=0, purpose=purpose)
