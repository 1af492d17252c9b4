"""Whether an address is the target's: confirmed, refuted or undetermined.

An address is confirmed by a certificate that verifies for the name (content networks answer everybody with other
addresses), or by being among the addresses that trusted resolvers or the control gave. A TCP handshake confirms
nothing: the GFW and transparent relays complete handshakes for forged addresses (net4people/bbs#294). An address is
refuted only where there is a known address of the target to compare it with. An undetermined address is treated as the
target's.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from probe.judge.control import ControlOutcome
from probe.judge.evidence_view import HopFacts
from probe.judge.observed_endpoint import ObservedEndpoint, is_verified
from probe.judge.repetition import MIN_CUTS, enough
from probe.lazy import lazy
from probe.model.address import is_bogon, network_of
from probe.model.failure import Failure
from probe.model.observation import Conversation, TlsHandshake

if TYPE_CHECKING:
    from probe.judge import clear_pages, fingerprints, name_answers
    from probe.judge.name_answers import NameAnswers
else:
    clear_pages = lazy("probe.judge.clear_pages")
    name_answers = lazy("probe.judge.name_answers")
    fingerprints = lazy("probe.judge.fingerprints")

_DATE_ERRORS = ("expired", "not yet valid")


class AddressOwnership(StrEnum):
    """Whether an address is the target's."""

    CONFIRMED = "confirmed"
    UNDETERMINED = "undetermined"
    REFUTED = "refuted"


def ownership(hop: HopFacts, address: str) -> AddressOwnership:
    """Decide whether an address is the target's, for one hop."""
    names = hop.name_answers
    if names is None:
        return AddressOwnership.CONFIRMED  # the target is the address
    if is_verified(hop.evidence.observations, hop.subject.host, address):
        return AddressOwnership.CONFIRMED
    if name_answers.plain(address) in names.reference or address in names.reference:
        return AddressOwnership.CONFIRMED
    if address in names.written_by_filters:
        return AddressOwnership.REFUTED
    if address not in names.given | names.given_publicly and not is_bogon(name_answers.plain(address)):
        return AddressOwnership.UNDETERMINED
    if address not in fingerprints.STUBS and clear_pages.is_like_targets(hop, names, address):
        return AddressOwnership.CONFIRMED
    if names.absent:
        served = names.denied_by_one and clear_pages.served(hop, address) and not names.is_rewritten(address)
        return AddressOwnership.UNDETERMINED if served else AddressOwnership.REFUTED
    return AddressOwnership.REFUTED if _forged(hop, names, address) else AddressOwnership.UNDETERMINED


def fails_by_date(error: str) -> bool:
    """Whether a certificate's dates are all that is wrong with it: OpenSSL checks them after the chain."""
    return any(part in error for part in _DATE_ERRORS)


def certificate_error(one: Conversation) -> str:
    """Why the certificate of a handshake did not verify; empty where that is not known."""
    return one.certificate.error if isinstance(one, TlsHandshake) and one.certificate is not None else ""


def _known(hop: HopFacts, names: NameAnswers, address: str) -> frozenset[str]:
    """The addresses that are certainly the target's, to compare this one with.

    Without a reference, those of late answers to the same query count, where a certificate verified there.
    """
    if names.reference:
        return names.reference
    observations = hop.evidence.observations
    return frozenset(
        other for other in names.late_instead_of(address) if is_verified(observations, hop.subject.host, other)
    )


def _forged(hop: HopFacts, names: NameAnswers, address: str) -> bool:
    """Whether an address is shown not to be the target's."""
    known = _known(hop, names, address)
    if not known:
        return False
    if is_bogon(name_answers.plain(address)):
        return any(not is_bogon(other) for other in known)
    if address in fingerprints.STUBS:
        return True
    endpoint = next((endpoint for endpoint in hop.endpoints if endpoint.address == address), None)
    if endpoint is None:
        return _is_in_forged_company(hop, names, address)
    if clear_pages.is_of_another(hop, names, known, address):
        return True
    if endpoint.pages or endpoint.main_failure is None:
        return False
    if endpoint.main_failure.failure is Failure.CERTIFICATE:
        return not _fails_only_by_date(endpoint) and clear_pages.has_certificate(hop)
    # A neighbour of a known address is more likely another one of the same pool.
    elsewhere = network_of(name_answers.plain(address)) not in {network_of(other) for other in known}
    return (
        not hop.own_fault(endpoint)
        and elsewhere
        and _is_alive(hop, names, known)
        and _fails_often(hop, endpoint, known)
    )


def _is_in_forged_company(hop: HopFacts, names: NameAnswers, address: str) -> bool:
    """Whether an address that was not tried came in an answer of which several were, and all of those are another's."""
    tried = {endpoint.address for endpoint in hop.endpoints if endpoint.attempts}
    for answer in names.by_resolver:
        beside = [other for other in answer.first if other in tried and address in answer.first]
        if len(beside) > 1 and all(ownership(hop, other) is AddressOwnership.REFUTED for other in beside):
            return True
    return False


def _fails_often(hop: HopFacts, endpoint: ObservedEndpoint, known: frozenset[str]) -> bool:
    """Whether an address failed, and together with other unknown addresses that fail alike often enough.

    One of them must have failed twice: of many forged addresses only the first ones are tried again.
    """
    failure = endpoint.main_failure
    if failure is None:
        return False
    alike = [other for other in hop.endpoints if other.address not in known and other.main_failure == failure]
    count = sum(other.failures.count(failure) for other in alike)
    repeated = any(len(other.failures) >= MIN_CUTS for other in alike)
    return repeated and enough(failure, count, hop.evidence.observations)


def _fails_only_by_date(endpoint: ObservedEndpoint) -> bool:
    errors = [error for group in endpoint.attempts for one in group if (error := certificate_error(one))]
    return bool(errors) and all(map(fails_by_date, errors))


def _is_alive(hop: HopFacts, names: NameAnswers, known: frozenset[str]) -> bool:
    """Whether the target was seen to serve what this hop asks for: a known address here, or the control.

    A control of a `dns://` target only resolved the name; it looked at TLS where it found a certificate. A page in
    clear text from an address that one trusted resolver gave may be that of the resolver's own filter.
    """
    for endpoint in hop.endpoints:
        if endpoint.address in known and (
            is_verified(hop.evidence.observations, hop.subject.host, endpoint.address)
            or (endpoint.serves and (hop.subject.scheme != "http" or names.sources_of(endpoint.address) > 1))
        ):
            return True
    if hop.subject.scheme == "dns":
        return hop.control is not None and bool(hop.control.certificates.get(hop.subject.host))
    return hop.control_outcome is ControlOutcome.SERVED
