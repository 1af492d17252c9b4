"""Whether a name has moved since the control looked: then the control's success says nothing about the new addresses.

The network's resolver and a trusted one agree on addresses now, and the control had none of them and none near them. A
content network answers so too, by region. But there the control's addresses still serve, or they fail in the same way
as the new ones, since a filter acts on the name or on the whole network. Where a name has moved, the old machine is
gone or somebody else's, and the new one, often a page for domains on sale, answers in its own way.
"""

from __future__ import annotations

from collections.abc import Iterable

from probe.judge.name_answers import NameAnswers, plain
from probe.judge.observed_endpoint import ObservedEndpoint
from probe.model.address import family, is_bogon, network_of
from probe.model.failure import Failure
from probe.model.hop import CUT_FAILURES, Layer, LayerFailure, Purpose
from probe.model.observation import Certificate, Observation, TlsHandshake
from probe.model.page_likeness import is_unlike
from probe.model.resolver import Trust


def has_moved(
    host: str,
    observations: tuple[Observation, ...],
    endpoints: Iterable[ObservedEndpoint],
    then: Iterable[str],
) -> bool:
    """Whether a name has moved since the control looked.

    Args:
        host: the name.
        observations: all of the measurement.
        endpoints: the addresses that were tried for the name.
        then: the addresses that the control had.
    """
    old = frozenset(map(plain, then))
    answers = NameAnswers(host, observations, None)
    given = [answer for answer in answers.by_resolver if answer.trust not in {Trust.TRUSTED, Trust.PUBLIC}]
    here = frozenset(plain(address) for answer in given for address in answer.first)
    trusted = frozenset(plain(address) for address in answers.trusted if not is_bogon(plain(address)))
    agreed, now = here & trusted, here | trusted
    comparable = set(map(family, now)) & set(map(family, old))
    if not agreed or not comparable or set(map(network_of, now)) & set(map(network_of, old)):
        return False
    tried = tuple(endpoints)
    before = [endpoint for endpoint in tried if plain(endpoint.address) in old]
    after = [endpoint for endpoint in tried if plain(endpoint.address) in agreed]
    return not any(_behave_alike(one, other) for one in before for other in after)


def _behave_alike(one: ObservedEndpoint, other: ObservedEndpoint) -> bool:
    """Whether two addresses serve, or fail, in a way that one filter or one site would explain."""
    if one.serves and other.serves:
        pages = [(page, twin) for page in one.pages for twin in other.pages]
        return not pages or any(not is_unlike(page, twin) for page, twin in pages)
    if one.main_failure is None or other.main_failure is None:
        return False
    if not _fail_alike(one.main_failure, other.main_failure):
        return False
    return one.main_failure.failure is not Failure.CERTIFICATE or _show_alike(one, other)


def _fail_alike(one: LayerFailure, other: LayerFailure) -> bool:
    if one.layer is not other.layer:
        return False
    if one.layer is Layer.TCP:
        return one.failure is other.failure is Failure.TIMEOUT  # a machine without the service refuses
    return one.failure is other.failure or {one.failure, other.failure} <= CUT_FAILURES


def _show_alike(one: ObservedEndpoint, other: ObservedEndpoint) -> bool:
    """Whether somebody in the middle may have made the certificates of two addresses.

    Two machines that have nothing to do with the name show two certificates of other names.
    """
    here, there = _certificates(one), _certificates(other)
    if {certificate.sha256 for certificate in here} & {certificate.sha256 for certificate in there}:
        return True
    named = all("mismatch" not in certificate.error.lower() for certificate in (*here, *there))
    return bool(here) and bool(there) and named


def _certificates(endpoint: ObservedEndpoint) -> tuple[Certificate, ...]:
    return tuple(
        seen.certificate
        for purpose in (Purpose.SUBJECT, Purpose.PEEK)
        for seen in endpoint.with_purpose(purpose)
        if isinstance(seen, TlsHandshake) and seen.certificate is not None
    )
