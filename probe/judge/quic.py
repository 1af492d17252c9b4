"""QUIC: predicates of a leg. Silence is the network's doing only where it is shown that somebody speaks QUIC there.

A host without HTTP/3 is silent on UDP to everybody, so silence alone says nothing. It is shown by another name that is
answered at the same address and port, or by a control that was served while TLS over TCP to the same address works
here. Where the handshake stood and the same tuple was mute some seconds later, the other name must have kept its tuple.
"""

from __future__ import annotations

from probe.judge.acquittal import answered
from probe.judge.evidence_view import Leg
from probe.judge.hops import Site
from probe.judge.repetition import enough
from probe.judge.tcp_tls import alone
from probe.model.failure import Failure
from probe.model.hop import Layer, LayerFailure
from probe.model.observation import QuicExchange, TlsHandshake
from probe.model.step import Purpose
from probe.model.verdict import Cause

_SILENT = LayerFailure(Layer.QUIC, Failure.TIMEOUT)


def silent_by_name(leg: Leg) -> bool:
    """This name is met with silence each time, and another at the same address is not."""
    control = leg.evidence.control
    if leg.decisive != _SILENT or (control is not None and Cause.QUIC_TIMEOUT in control.causes):
        return False
    return enough(leg, _SILENT, leg.alike) and any(
        len(site.tries) > 1
        and set(site.outcomes) == {_SILENT}
        and len(site.outcomes) == len(site.tries)
        and _heard(site)
        for site in leg.failing
    )


def silent_alone(leg: Leg) -> bool:
    """It is silent here alone, while TLS over TCP to the same address is answered."""
    return (
        leg.decisive == _SILENT
        and alone(leg)
        and any(
            answered(one for one in site.beside(Purpose.SUBJECT) if isinstance(one, TlsHandshake))
            for site in leg.failing
        )
    )


def _heard(site: Site) -> bool:
    """Whether another name was answered, at least as late in the conversation as ours fell silent."""
    late = any(isinstance(group[-1], QuicExchange) and group[-1].gap for group in site.tries)
    others = [one for one in site.beside(Purpose.NEUTRAL) if isinstance(one, QuicExchange)]
    if late:
        return any(one.gap and one.failure is None for one in others)
    return answered(others)
