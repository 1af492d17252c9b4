"""QUIC predicates of a hop: silence counts only where something is shown to speak QUIC there.

A host without HTTP/3 is silent on UDP to everybody. That it speaks QUIC is shown by another name that is answered at
the same address and port, or by a control that was served while TLS over TCP to the same address works here. Where the
handshake succeeded and the same addresses and ports were silent some seconds later, the other name must have kept its
own until then.
"""

from __future__ import annotations

from probe.judge.evidence_hop import EvidenceHop
from probe.judge.observed_endpoint import ObservedEndpoint, answered
from probe.judge.repetition import enough
from probe.judge.tcp_tls import fails_only_here
from probe.model.failure import Failure
from probe.model.hop import Layer, LayerFailure, Purpose
from probe.model.observation import QuicExchange, TlsHandshake
from probe.model.verdict import Cause

_TIMEOUT = LayerFailure(Layer.QUIC, Failure.TIMEOUT)


def silent_by_name(hop: EvidenceHop) -> bool:
    """Every handshake under this name times out, and one under another name at the same address is answered."""
    control = hop.evidence.control
    if hop.decisive_failure != _TIMEOUT or (control is not None and Cause.QUIC_TIMEOUT in control.causes):
        return False
    return enough(_TIMEOUT, hop.decisive_count, hop.evidence.observations) and any(
        len(endpoint.attempts) > 1
        and set(endpoint.failures) == {_TIMEOUT}
        and len(endpoint.failures) == len(endpoint.attempts)
        and _answers_other_name(endpoint)
        for endpoint in hop.failing_endpoints
    )


def silent_only_here(hop: EvidenceHop) -> bool:
    """QUIC times out only here, and TLS over TCP to the same address is answered."""
    return (
        hop.decisive_failure == _TIMEOUT
        and fails_only_here(hop)
        and any(
            answered(one for one in endpoint.with_purpose(Purpose.SUBJECT) if isinstance(one, TlsHandshake))
            for endpoint in hop.failing_endpoints
        )
    )


def _answers_other_name(endpoint: ObservedEndpoint) -> bool:
    """Whether another name was answered, at least as late after its handshake as ours timed out."""
    late = any(isinstance(attempt[-1], QuicExchange) and attempt[-1].gap for attempt in endpoint.attempts)
    others = [one for one in endpoint.with_purpose(Purpose.NEUTRAL) if isinstance(one, QuicExchange)]
    if late:
        return any(one.gap and one.failure is None for one in others)
    return answered(others)
