"""TCP and TLS: predicates of a leg. What failed here alone, and what another name at the same address shows."""

from __future__ import annotations

from collections.abc import Callable

from probe.judge.acquittal import Standing, certificate_error, dated
from probe.judge.control import Word
from probe.judge.evidence_view import Leg
from probe.judge.hops import Site
from probe.judge.repetition import beside, enough
from probe.model.failure import Failure
from probe.model.hop import CUT_FAILURES, SILENT_FAILURES, Layer, LayerFailure
from probe.model.observation import Connection, Exchange, TlsHandshake
from probe.model.step import Purpose
from probe.model.verdict import Cause, VantageNote


def own_fault(leg: Leg) -> bool:
    """This host had no way to any of the addresses."""
    tried = [site for site in leg.true_sites if site.failed is not None]
    return bool(tried) and all(leg.own_fault(site) for site in tried) and not any(s.serves for s in leg.true_sites)


def relayed(leg: Leg) -> bool:
    """An address where nothing listens accepts connections too, so this one proves nothing."""
    return (
        leg.hop.subject.scheme == "tcp"
        and bool(leg.served_by)
        and any(
            isinstance(one, Connection) and one.purpose is Purpose.RELAY and one.failure is None
            for one in leg.evidence.observations
        )
    )


def alone(leg: Leg) -> bool:
    """The hop failed here often enough, at the target's own address, and the control was served.

    Silence over IPv6 alone is no proof where nothing here ever answered over IPv6: the vantage's IPv6 may be broken.
    """
    outcome = leg.decisive
    if leg.hop.subject.scheme == "range":
        return False  # its addresses are many machines': see `probe.judge.ranges`
    if outcome is None or leg.word is not Word.SERVED:
        return False
    if not enough(leg, outcome, leg.alike + beside(leg.failing, outcome)):
        return False
    if not any(leg.standing(site.address) is Standing.ACQUITTED for site in leg.failing):
        return False
    silent = outcome.layer is Layer.TCP and outcome.failure in SILENT_FAILURES
    return not silent or leg.case.ipv6_works or any(":" not in site.address for site in leg.failing)


def alone_by(layer: Layer, failure: Failure) -> Callable[[Leg], bool]:
    """The predicate that the hop failed here alone in this way."""

    def predicate(leg: Leg) -> bool:
        return leg.decisive == LayerFailure(layer, failure) and alone(leg)

    return predicate


def _silenced(leg: Leg) -> Site | None:
    """A site that answers under another name, and under this one failed after each ClientHello.

    At least twice there, and as often as silence must be heard over the sites that fail so.
    """
    if leg.decisive is None or not leg.hop.subject.host or _same_at_control(leg):
        return None
    cut = {site: ends for site in leg.failing if len(ends := _cuts(site)) == len(site.tries)}
    proof = next((site for site, ends in cut.items() if len(ends) > 1 and leg.neutral_answers(site)), None)
    if proof is None or proof.failed is None:
        return None
    alike = sum(ends.count(proof.failed) for ends in cut.values())
    return proof if enough(leg, proof.failed, alike) or len(set(cut[proof])) > 1 else None


def _cuts(site: Site) -> list[LayerFailure]:
    return [end for end in site.outcomes if end.layer is Layer.TLS and end.failure in CUT_FAILURES]


def silenced_by(failure: Failure) -> Callable[[Leg], bool]:
    """The predicate that this server name, and no other, is answered so at the address."""

    def predicate(leg: Leg) -> bool:
        site = _silenced(leg)
        return site is not None and site.failed == LayerFailure(Layer.TLS, failure)

    return predicate


def silenced_later(leg: Leg) -> bool:
    """The request is met with silence here alone, and one under another name at the same address is not."""
    return alone_by(Layer.HTTP, Failure.TIMEOUT)(leg) and any(
        isinstance(one, Exchange) and one.status > 0 for site in leg.failing for one in site.beside(Purpose.NEUTRAL)
    )


def allowlisted(leg: Leg) -> bool:
    """At the same address an allowed name is answered, and neither the target's nor a random one is."""
    if leg.decisive is None or leg.decisive.layer is not Layer.TLS or leg.decisive.failure not in CUT_FAILURES:
        return False
    return any(
        bool(site.beside(Purpose.NEUTRAL))
        and not leg.neutral_answers(site)
        and leg.neutral_answers(site, Purpose.ALLOWED)
        for site in leg.failing
    )


def bad_certificate(leg: Leg) -> bool:
    """Certificates were shown, and none verifies for the name."""
    return leg.decisive == LayerFailure(Layer.TLS, Failure.CERTIFICATE)


def own_trust(leg: Leg) -> bool:
    """The certificate is the very one that verified at control: this host's clock or authorities are wrong."""
    control = leg.control
    if not bad_certificate(leg) or control is None:
        return False
    known = control.certificates.get(leg.hop.subject.host, ())
    return any(one.certificate.sha256 in known for one in _shown(leg) if one.certificate is not None)


def own_clock(leg: Leg) -> bool:
    """The certificate fails for its dates alone, as those of all anchors do: this host's clock is wrong."""
    return VantageNote.CLOCK_WRONG in leg.case.notes and outdated(leg)


def outdated(leg: Leg) -> bool:
    """The certificate fails for its dates alone: a forgotten renewal or a wrong clock, not a forgery."""
    errors = [certificate_error(one) for one in _shown(leg)]
    return bad_certificate(leg) and any(errors) and all(dated(error) for error in errors if error)


def forged_certificate(leg: Leg) -> bool:
    """Another certificate than the target's is shown at the target's own address, and the control saw the true one."""
    return (
        bad_certificate(leg)
        and leg.word is Word.SERVED
        and any(leg.standing(site.address) is Standing.ACQUITTED for site in leg.failing)
        and not outdated(leg)
    )


def alert(leg: Leg) -> bool:
    """A TLS alert ended the handshake."""
    return leg.decisive in {LayerFailure(Layer.TLS, Failure.ALERT), LayerFailure(Layer.QUIC, Failure.ALERT)}


def failed_at(layer: Layer) -> Callable[[Leg], bool]:
    """The predicate that the hop failed at this layer, whoever's fault it is."""

    def predicate(leg: Leg) -> bool:
        return leg.decisive is not None and leg.decisive.layer is layer

    return predicate


def _shown(leg: Leg) -> tuple[TlsHandshake, ...]:
    """The handshakes in which the failing sites showed a certificate for the name, peeks among them."""
    wanted = (Purpose.SUBJECT, Purpose.PEEK)
    return tuple(
        one
        for site in leg.failing
        for purpose in wanted
        for one in site.beside(purpose)
        if isinstance(one, TlsHandshake) and one.certificate is not None
    )


def _same_at_control(leg: Leg) -> bool:
    """Whether the control met the very same: then the server itself is deaf to the name."""
    control = leg.evidence.control
    return control is not None and Cause.TLS_SNI in control.causes
