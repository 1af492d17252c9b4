"""TCP and TLS predicates of a hop: what fails only here, and what another server name at the same address shows."""

from __future__ import annotations

from collections.abc import Callable

from probe.judge.address_ownership import AddressOwnership, certificate_error, fails_by_date
from probe.judge.control import ControlOutcome, fails_there
from probe.judge.evidence_hop import EvidenceHop
from probe.judge.observed_endpoint import ObservedEndpoint
from probe.judge.repetition import (
    MIN_MIXED_TIMEOUTS,
    MIN_TIMEOUTS,
    enough,
    fails_repeatedly,
    recovered_timeouts,
)
from probe.judge.residual import is_silenced
from probe.model.failure import Failure
from probe.model.hop import CUT_FAILURES, SILENT_FAILURES, Layer, LayerFailure, Purpose
from probe.model.observation import Connection, Conversation, Exchange, TlsHandshake
from probe.model.verdict import Cause, VantageNote

MIN_SLOWED_HANDSHAKES = 2
"""Handshakes under one name that took far longer than under another at the same address, to call it slowed."""
SLOWED_RATIO = 10
"""How many times as long as under another name. Chosen, not measured."""
MIN_SLOWED_MILLISECONDS = 1000
"""The shortest handshake that counts as slowed: one lost packet alone costs 200 to 1000 ms (RFC 6298)."""
MIN_OUTAGES = 2
"""Losses of the line, each after the name was sent alone, that convict the name."""


def own_fault(hop: EvidenceHop) -> bool:
    """This host could reach none of the addresses."""
    failed = [endpoint for endpoint in hop.own_endpoints if endpoint.main_failure is not None]
    return (
        bool(failed)
        and all(hop.own_fault(endpoint) for endpoint in failed)
        and not any(endpoint.serves for endpoint in hop.own_endpoints)
    )


def relayed(hop: EvidenceHop) -> bool:
    """An address where nothing listens accepts connections too, so that a connection proves nothing."""
    return (
        hop.subject.scheme == "tcp"
        and bool(hop.serving_endpoints)
        and any(
            isinstance(one, Connection) and one.purpose is Purpose.RELAY and one.failure is None
            for one in hop.evidence.observations
        )
    )


def fails_only_here(hop: EvidenceHop) -> bool:
    """The target's own address failed here often enough, and the control was served, not only by other addresses.

    Silence over IPv6 alone is no proof where nothing ever answered over IPv6 here: the vantage's IPv6 may be broken.
    """
    failure = hop.decisive_failure
    if hop.subject.scheme in {"range", "dns"}:
        return False  # addresses of many machines (`probe.judge.ranges`); a name that the control only resolved
    if failure is None or hop.control_outcome is not ControlOutcome.SERVED:
        return False
    if not fails_repeatedly(hop.failing_endpoints, failure, hop.evidence.observations):
        return False
    if not _has_own_address(hop):
        return False
    silent = failure.layer is Layer.TCP and failure.failure in SILENT_FAILURES
    return not silent or hop.view.ipv6_works or any(":" not in one.address for one in hop.failing_endpoints)


def fails_only_here_by(layer: Layer, failure: Failure) -> Callable[[EvidenceHop], bool]:
    """The predicate that the hop fails only here, in this way."""

    def predicate(hop: EvidenceHop) -> bool:
        return hop.decisive_failure == LayerFailure(layer, failure) and fails_only_here(hop)

    return predicate


def cut_by_name(failure: Failure) -> Callable[[EvidenceHop], bool]:
    """The predicate that the address cuts this server name in this way, and no other."""

    def predicate(hop: EvidenceHop) -> bool:
        endpoint = _endpoint_cut_by_name(hop)
        return endpoint is not None and endpoint.main_failure == LayerFailure(Layer.TLS, failure)

    return predicate


def nearer_by(layer: Layer, failure: Failure) -> Callable[[EvidenceHop], bool]:
    """The predicate that the hop failed in this way sooner than the server can answer."""

    def predicate(hop: EvidenceHop) -> bool:
        end = LayerFailure(layer, failure)
        near = {one.address for one in hop.proven_nearer if one.what == str(end)}
        return not any(endpoint.serves for endpoint in hop.own_endpoints) and any(
            endpoint.address in near and endpoint.main_failure == end for endpoint in hop.failing_endpoints
        )

    return predicate


def line_cut_by(layer: Layer, failure: Failure) -> Callable[[EvidenceHop], bool]:
    """The predicate that the whole line was lost after this name, twice of two times that it was tried alone."""
    ending = LayerFailure(layer, failure)

    def predicate(hop: EvidenceHop) -> bool:
        alone = [one for one in hop.evidence.outages if one.alone]
        proven = len(alone) >= MIN_OUTAGES and all(one.back for one in alone)
        return proven and any(ending in endpoint.failures for endpoint in hop.failing_endpoints)

    return predicate


def request_silent_by_name(hop: EvidenceHop) -> bool:
    """The request times out only here, and one under another name at the same address is answered.

    Where the other name is answered, attempts that end sooner or later in the conversation are one behaviour: a filter
    that lets the first packets of an answer pass stops it now in the handshake, now in the page.
    """
    if hop.decisive_failure != LayerFailure(Layer.HTTP, Failure.TIMEOUT):
        return False
    answered_other = any(
        isinstance(one, Exchange) and one.status > 0
        for endpoint in hop.failing_endpoints
        for one in endpoint.with_purpose(Purpose.NEUTRAL)
    )
    return answered_other and (fails_only_here(hop) or _stops_anywhere_only_here(hop))


def slowed_by_name(hop: EvidenceHop) -> bool:
    """The request times out, and every handshake before it took far longer than one under another name there.

    A filter that stops answers lets the handshake pass at the path's speed. Where that is slow for this name alone, the
    name is slowed, by the network or by its own server, and nothing shows that the answer never comes.
    """
    if hop.decisive_failure != LayerFailure(Layer.HTTP, Failure.TIMEOUT):
        return False
    return any(map(_handshakes_are_slowed, hop.failing_endpoints))


def _handshakes_are_slowed(endpoint: ObservedEndpoint) -> bool:
    own = [one.took for attempt in endpoint.attempts for one in attempt if _is_finished_handshake(one)]
    others = [one.took for one in endpoint.with_purpose(Purpose.NEUTRAL) if _is_finished_handshake(one)]
    if len(own) < MIN_SLOWED_HANDSHAKES or not others:
        return False
    return min(own) >= max(MIN_SLOWED_MILLISECONDS, SLOWED_RATIO * max(others))


def _is_finished_handshake(one: Conversation) -> bool:
    return isinstance(one, TlsHandshake) and one.failure in {None, Failure.CERTIFICATE}


def allowlisted(hop: EvidenceHop) -> bool:
    """At the same address an allow-listed name is answered, and neither the target's nor a random one is."""
    failure = hop.decisive_failure
    if failure is None or failure.layer is not Layer.TLS or failure.failure not in CUT_FAILURES:
        return False
    return any(
        bool(endpoint.with_purpose(Purpose.NEUTRAL))
        and not hop.answers_other_name(endpoint)
        and hop.answers_other_name(endpoint, Purpose.ALLOWED)
        for endpoint in hop.failing_endpoints
    )


def bad_certificate(hop: EvidenceHop) -> bool:
    """Certificates were shown, and none verifies for the name."""
    return hop.decisive_failure == LayerFailure(Layer.TLS, Failure.CERTIFICATE)


def own_trust(hop: EvidenceHop) -> bool:
    """The certificate is the one that verified at the control: this host's clock or authorities are wrong."""
    control = hop.control
    if not bad_certificate(hop) or control is None:
        return False
    known = control.certificates.get(hop.subject.host, ())
    return any(one.certificate.sha256 in known for one in _shown_certificates(hop) if one.certificate is not None)


def own_clock(hop: EvidenceHop) -> bool:
    """Only the certificate's dates are wrong, as are those of all anchors: this host's clock is wrong."""
    return VantageNote.CLOCK_WRONG in hop.view.notes and outdated(hop)


def outdated(hop: EvidenceHop) -> bool:
    """Only the certificate's dates are wrong: a forgotten renewal or a wrong clock, not a forgery."""
    errors = [certificate_error(one) for one in _shown_certificates(hop)]
    return bad_certificate(hop) and any(errors) and all(fails_by_date(error) for error in errors if error)


def forged_certificate(hop: EvidenceHop) -> bool:
    """The target's own address shows another certificate than the target's, and the control saw the true one."""
    return (
        bad_certificate(hop)
        and hop.control_outcome is ControlOutcome.SERVED
        and any(hop.ownership(one.address) is AddressOwnership.CONFIRMED for one in hop.failing_endpoints)
        and not outdated(hop)
    )


def alert(hop: EvidenceHop) -> bool:
    """A TLS alert ended the handshake."""
    return hop.decisive_failure in {
        LayerFailure(Layer.TLS, Failure.ALERT),
        LayerFailure(Layer.QUIC, Failure.ALERT),
    }


def failed_at(layer: Layer) -> Callable[[EvidenceHop], bool]:
    """The predicate that the hop failed at this layer, for whatever reason."""

    def predicate(hop: EvidenceHop) -> bool:
        return hop.decisive_failure is not None and hop.decisive_failure.layer is layer

    return predicate


def _has_own_address(hop: EvidenceHop) -> bool:
    """Whether an address that failed is confirmed to be the target's, and does not fail at the control too."""
    return any(
        hop.ownership(one.address) is AddressOwnership.CONFIRMED and not fails_there(hop.control, one.address)
        for one in hop.failing_endpoints
    )


def _stops_anywhere_only_here(hop: EvidenceHop) -> bool:
    """Every attempt times out after the ClientHello, at whatever layer, so often that loss explains no part of it."""
    ends = [end for endpoint in hop.failing_endpoints for end in endpoint.failures]
    if any(end.layer is Layer.TCP or end.failure is not Failure.TIMEOUT for end in ends):
        return False
    hellos = sum(end.layer is Layer.TLS for end in ends)
    needed = MIN_MIXED_TIMEOUTS + max(0, recovered_timeouts(hop.evidence.observations) - hellos)
    return len(ends) >= needed and hop.control_outcome is ControlOutcome.SERVED and _has_own_address(hop)


def _endpoint_cut_by_name(hop: EvidenceHop) -> ObservedEndpoint | None:
    """An address that answers under another name, and where every attempt under this one failed after the ClientHello.

    At least two attempts there failed so, and together with other addresses as many as silence takes to count. Where
    the control was served, one is enough if residual blocking silenced the others, and no cut of another target's name
    explains their silence.
    """
    if hop.decisive_failure is None or not hop.subject.host or _cut_at_control(hop):
        return None
    cuts = {one: _cuts(one) for one in hop.failing_endpoints if _is_always_cut(one)}
    proof = next((one for one in cuts if len(one.attempts) > 1 and hop.answers_other_name(one)), None)
    if proof is None or proof.main_failure is None:
        return None
    alike = sum(cut.count(proof.main_failure) for cut in cuts.values())
    if len(cuts[proof]) > 1 and (
        enough(proof.main_failure, alike, hop.evidence.observations) or len(set(cuts[proof])) > 1
    ):
        return proof
    if hop.control_outcome is not ControlOutcome.SERVED or is_silenced(hop, proof):
        return None
    needed = MIN_MIXED_TIMEOUTS if proof.main_failure.failure is Failure.TIMEOUT else MIN_TIMEOUTS
    return proof if alike + len(proof.residual_failures) >= needed else None


def _is_always_cut(endpoint: ObservedEndpoint) -> bool:
    """Whether every attempt was cut after the ClientHello, or silenced by residual blocking after one that was."""
    silenced = sum(attempt[0].purpose is Purpose.SUBJECT for attempt in endpoint.residual_failures)
    cut = len(_cuts(endpoint))
    return cut > 0 and cut + silenced == len(endpoint.attempts)


def _cuts(endpoint: ObservedEndpoint) -> list[LayerFailure]:
    """How the attempts ended that were cut after the ClientHello; what is not TLS came from another than the server."""
    cut = CUT_FAILURES | {Failure.GARBAGE}
    return [end for end in endpoint.failures if end.layer is Layer.TLS and end.failure in cut]


def _shown_certificates(hop: EvidenceHop) -> tuple[TlsHandshake, ...]:
    """The handshakes in which a failing address showed a certificate for the name, unverified ones included."""
    wanted = (Purpose.SUBJECT, Purpose.PEEK)
    return tuple(
        one
        for endpoint in hop.failing_endpoints
        for purpose in wanted
        for one in endpoint.with_purpose(purpose)
        if isinstance(one, TlsHandshake) and one.certificate is not None
    )


def _cut_at_control(hop: EvidenceHop) -> bool:
    """Whether the name is cut at the control too: then the server itself does not answer it."""
    control = hop.evidence.control
    garbage = str(LayerFailure(Layer.TLS, Failure.GARBAGE))
    return control is not None and (Cause.TLS_SNI in control.causes or garbage in control.failures)
