"""Whether an address is the target's."""

from __future__ import annotations

from typing import Any

import pytest

from probe.judge.address_ownership import (
    AddressOwnership,
    certificate_error,
    fails_by_date,
)
from probe.judge.name_answers import plain
from probe.model.failure import Failure
from probe.model.hop import Purpose
from probe.model.observation import Observation
from probe.model.verdict import Status
from tests.unit.judge.builders import (
    FORGED,
    HTTP,
    NAME,
    URL,
    V6,
    A,
    control,
    hop_of,
    http,
    late,
    page,
    said,
    served,
    tcp,
    tls,
    tries,
)

LOCAL = (said("network", FORGED),)
TRUSTED = (said("trusted", A),)
WRONG = tls(FORGED, Failure.CERTIFICATE, error="Hostname mismatch")
SILENT = tries(5, tcp(FORGED, Failure.TIMEOUT))
STRANGE: dict[str, Any] = {"url": HTTP, "title": "Unavailable", "length": 90, "sha256": "zz"}


def standing(*seen: Observation, address: str = FORGED, by: Any = None, target: str = URL) -> AddressOwnership:
    """The standing of an address, the forged one unless said otherwise."""
    return hop_of(*seen, target=target, by=by).ownership(address)


@pytest.mark.parametrize(
    ("seen", "by"),
    [
        ((*LOCAL, *TRUSTED, tls(FORGED)), None),
        ((said("network", FORGED), said("trusted", FORGED)), None),
        (LOCAL, control(addresses=(FORGED,))),
    ],
)
def test_a_certificate_or_the_reference_confirms_an_address(seen: Any, by: Any) -> None:
    """Content networks answer everybody with other addresses."""
    assert standing(*seen, by=by) is AddressOwnership.CONFIRMED


def test_an_unknown_address_is_not_refuted_while_the_known_ones_are_silent() -> None:
    """Then the target is silent, and the unknown address may be one of its own."""
    at_odd, at_own = tries(3, tcp(FORGED, Failure.TIMEOUT)), tries(2, tcp(A, Failure.TIMEOUT))

    assert standing(*LOCAL, *TRUSTED, *SILENT, *at_own, by=control()) is AddressOwnership.REFUTED
    assert standing(*LOCAL, *TRUSTED, *at_odd, *at_own, by=control()) is AddressOwnership.UNDETERMINED


def test_an_address_that_no_resolver_gave_is_refuted_only_as_a_bogon() -> None:
    """It came by a redirect, or from an earlier round."""
    nowhere = said("trusted", failure=Failure.NXDOMAIN)

    assert standing(nowhere, tcp(A), address=A) is AddressOwnership.UNDETERMINED
    assert standing(nowhere, tcp("10.1.1.1"), address="10.1.1.1") is AddressOwnership.REFUTED
    assert standing(nowhere, said("network", A), address=A) is AddressOwnership.REFUTED


def test_an_address_that_is_the_target_is_confirmed() -> None:
    """There is nothing to compare it with."""
    assert standing(tcp(), target=f"tcp://{A}:443", address=A) is AddressOwnership.CONFIRMED


def test_an_address_made_by_dns64_counts_as_the_ipv4_address_inside() -> None:
    """RFC 6052."""
    assert plain("64:ff9b::9765:10a") == A
    assert (plain(A), plain(V6)) == (A, V6)
    assert standing(*TRUSTED, address="64:ff9b::9765:10a") is AddressOwnership.CONFIRMED


@pytest.mark.parametrize(
    ("seen", "by"),
    [
        (LOCAL, None),
        ((*LOCAL, *SILENT), None),
        ((*LOCAL, *TRUSTED), None),
        ((*LOCAL, *TRUSTED, tcp(FORGED)), None),
        ((*LOCAL, *TRUSTED, *SILENT), None),
        ((*LOCAL, *TRUSTED, *SILENT[:4], *served()), None),
        ((*LOCAL, *TRUSTED, tcp(FORGED, Failure.RESET), *served()), None),
        ((*LOCAL, *TRUSTED, *tries(2, tcp(FORGED, Failure.NO_ROUTE)), *served()), None),
        ((*LOCAL, said("trusted", "31.13.1.1"), *SILENT, *served("31.13.1.1")), None),
        ((*LOCAL, *TRUSTED, WRONG), None),
        ((*LOCAL, *TRUSTED, tls(FORGED, Failure.CERTIFICATE, error="certificate has expired"), *served()), None),
        ((said("trusted", A),), None),
        ((*LOCAL, *TRUSTED, tls(FORGED, Failure.CERTIFICATE, error="Hostname mismatch")), control(Status.DOWN)),
    ],
)
def test_an_address_is_undetermined_where_nothing_is_shown(seen: Any, by: Any) -> None:
    """No reference, one lost packet, a failure of this host, a neighbour, an expired certificate, a dead target."""
    assert standing(*seen, by=by) is AddressOwnership.UNDETERMINED


@pytest.mark.parametrize(
    ("seen", "by"),
    [
        ((*LOCAL, *TRUSTED, WRONG, *served()), None),
        ((*LOCAL, *TRUSTED, WRONG), control(certificates={NAME: ("c1",)})),
        ((*LOCAL, *TRUSTED, *SILENT, *served()), None),
        ((*LOCAL, *TRUSTED, *SILENT, tcp(), tls()), None),
        ((*LOCAL, *TRUSTED, *SILENT), control()),
        ((*LOCAL, late(A), *SILENT, *served()), None),
        ((*LOCAL, said("trusted", failure=Failure.NXDOMAIN)), None),
    ],
)
def test_an_address_is_refuted_where_it_is_shown_not_to_serve(seen: Any, by: Any) -> None:
    """It shows another's certificate, is silent while the known ones serve, or the name does not exist."""
    assert standing(*seen, by=by) is AddressOwnership.REFUTED


def test_a_private_address_is_refuted_where_a_public_one_is_known() -> None:
    """Not where no address is known, or only a private one."""
    local = said("network", "10.1.1.1")

    assert standing(local, *TRUSTED, address="10.1.1.1") is AddressOwnership.REFUTED
    assert standing(local, address="10.1.1.1") is AddressOwnership.UNDETERMINED
    assert standing(local, said("trusted", "10.9.9.9"), address="10.1.1.1") is AddressOwnership.UNDETERMINED


def test_a_known_stub_is_refuted_without_being_tried() -> None:
    """It may refuse at once, or not be tried at all."""
    assert standing(said("network", "62.33.207.196"), *TRUSTED, address="62.33.207.196") is AddressOwnership.REFUTED


@pytest.mark.parametrize(
    ("pages", "by", "said_of_it"),
    [
        ((http(FORGED, marks=("ru.mts",), **STRANGE),), None, "refuted"),
        ((http(FORGED, **STRANGE),), None, "undetermined"),
        ((http(FORGED, **STRANGE),), control(pages=(page(),)), "refuted"),
        ((http(FORGED, 403, **STRANGE),), control(pages=(page(),)), "refuted"),
        ((http(FORGED, 403, url=HTTP, title="403 Forbidden"),), control(pages=(page(),)), "undetermined"),
        ((http(FORGED, url=HTTP),), control(pages=(page(),)), "confirmed"),
    ],
)
def test_over_http_the_page_decides_about_an_unknown_address(pages: Any, by: Any, said_of_it: str) -> None:
    """A block page, or one unlike the control's, refutes it; a server's ordinary refusal does not."""
    assert standing(*LOCAL, *TRUSTED, *pages, by=by, target=HTTP) is AddressOwnership(said_of_it)


def test_the_error_of_a_certificate_tells_whether_only_its_dates_are_wrong() -> None:
    """Observations without a certificate have no error."""
    assert certificate_error(WRONG) == "Hostname mismatch"
    assert certificate_error(tcp()) == certificate_error(tls()) == ""
    assert fails_by_date("certificate has expired")
    assert fails_by_date("certificate is not yet valid")
    assert not fails_by_date("self-signed certificate")


DNS = f"dns://{NAME}"
REFUSED = tries(2, tcp(FORGED, Failure.RESET))


@pytest.mark.parametrize(
    ("by", "seen", "expected"),
    [
        (control(), (), "undetermined"),
        (control(certificates={NAME: ("c1",)}), (), "refuted"),
        (control(), (tcp(), tls()), "refuted"),
        (control(certificates={"other.example": ("c1",)}), (), "undetermined"),
    ],
)
def test_a_control_that_only_resolved_the_name_has_not_seen_it_served(by: Any, seen: Any, expected: str) -> None:
    """It looked at TLS where it found a certificate; this host may look itself."""
    found = standing(*LOCAL, *TRUSTED, *REFUSED, *seen, by=by, target=DNS)

    assert found is AddressOwnership(expected)


def test_a_page_in_clear_of_an_address_that_one_trusted_resolver_gave_is_no_sign_of_life() -> None:
    """It may be that of the resolver's own filter, and the target dead."""
    page_there = http(A, url=HTTP)
    again = said("trusted", A, resolver="tls://192.0.2.9")
    silent = tries(5, tcp(FORGED, Failure.TIMEOUT, port=80))

    assert standing(*LOCAL, *TRUSTED, *silent, page_there, target=HTTP) is AddressOwnership.UNDETERMINED
    assert standing(*LOCAL, *TRUSTED, again, *silent, page_there, target=HTTP) is AddressOwnership.REFUTED
    assert standing(*LOCAL, *TRUSTED, *silent, page_there, tls(), target=HTTP) is AddressOwnership.REFUTED


def test_one_trusted_denial_does_not_outweigh_a_page_that_comes() -> None:
    """Two do, and so does a control; so does a resolver that rewrites NXDOMAIN to that address."""
    gone = said("trusted", failure=Failure.NXDOMAIN)
    more = said("trusted", failure=Failure.NXDOMAIN, resolver="tls://192.0.2.9")
    ghost = said("network", FORGED, name="zq.example", purpose=Purpose.GHOST)
    seen = (*LOCAL, gone, http(FORGED, url=HTTP))
    nowhere = control(Status.DOWN, addresses=(), pages=(), failures=("dns.nxdomain",))

    for target in (HTTP, URL, DNS):
        assert standing(*seen, target=target) is AddressOwnership.UNDETERMINED
        assert standing(*seen, more, target=target) is AddressOwnership.REFUTED
        assert standing(*seen, ghost, target=target) is AddressOwnership.REFUTED
        assert standing(*seen, target=target, by=nowhere) is AddressOwnership.REFUTED
    assert standing(*LOCAL, gone, *REFUSED) is AddressOwnership.REFUTED


def test_the_address_of_a_filters_notice_is_refuted() -> None:
    """Unless the network gives it too."""
    notice = said("trusted", "146.112.61.106", errors=(17,))

    assert standing(*LOCAL, notice, address="146.112.61.106") is AddressOwnership.REFUTED
    assert standing(said("network", FORGED), said("trusted", FORGED, errors=(17,))) is AddressOwnership.UNDETERMINED


def test_of_many_addresses_that_fail_alike_one_must_have_failed_twice() -> None:
    """Only the first ones are tried again."""
    many = said("network", FORGED, "31.13.94.11")
    other = tries(2, tcp("31.13.94.11", Failure.RESET))

    assert standing(many, *TRUSTED, tcp(FORGED, Failure.RESET), *other, *served()) is AddressOwnership.REFUTED
    assert standing(many, *TRUSTED, tcp(FORGED, Failure.RESET), *other[:1], *served()) is AddressOwnership.UNDETERMINED
    assert standing(many, *TRUSTED, tcp(FORGED, Failure.TIMEOUT), *other, *served()) is AddressOwnership.UNDETERMINED


def test_an_address_that_was_not_tried_is_judged_by_those_of_the_same_answer() -> None:
    """A forged answer may have more addresses than are tried; two must be shown to be another's."""
    untried = "31.13.94.99"
    others = (FORGED, "31.13.94.11")
    wrong = [tls(address, Failure.CERTIFICATE, error="Hostname mismatch") for address in others]
    answer = said("network", *others, untried)

    assert standing(answer, *TRUSTED, *wrong, *served(), address=untried) is AddressOwnership.REFUTED
    assert standing(answer, *TRUSTED, wrong[0], *served(), address=untried) is AddressOwnership.UNDETERMINED
    apart = (said("network", *others), said("network", untried, rank=2))
    assert standing(*apart, *TRUSTED, *wrong, *served(), address=untried) is AddressOwnership.UNDETERMINED
