"""Pages in clear text of addresses that only the network's resolvers gave."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from probe.judge.address_ownership import AddressOwnership
from probe.judge.clear_pages import has_certificate, served
from probe.model.failure import Failure
from probe.model.hop import Purpose
from probe.model.observation import Exchange, Observation
from tests.unit.judge.builders import (
    FORGED,
    HTTP,
    NAME,
    A,
    control,
    hop_of,
    http,
    page,
    said,
    tcp,
    tls,
    tries,
)

DNS = f"dns://{NAME}"
ANSWERS = (said("network", FORGED), said("trusted", A))
CONFIRMED, REFUTED, UNDETERMINED = AddressOwnership.CONFIRMED, AddressOwnership.REFUTED, AddressOwnership.UNDETERMINED
NEUTRAL = "http://xkqvdwpzrjtm.com/"


def clear(address: str, title: str = "Weather for sailors", status: int = 200, **more: Any) -> Exchange:
    """A page in clear text."""
    return http(address, status, **{"url": HTTP, "title": title, **more})


def under_neutral(title: str) -> Exchange:
    """The page that the doubtful address gives a name that nobody knows."""
    return clear(FORGED, title, url=NEUTRAL, purpose=Purpose.NEUTRAL)


HOME = clear(A, "Daily news")
OTHERS = tries(2, clear(FORGED))
WRONG = tls(FORGED, Failure.CERTIFICATE, error="Hostname mismatch")


def standing(*seen: Observation, by: Any = None, target: str = HTTP) -> AddressOwnership:
    """Whose machine the doubtful address is."""
    return hop_of(*ANSWERS, *seen, target=target, by=by).ownership(FORGED)


@pytest.mark.parametrize(
    ("theirs", "own"),
    [
        (clear(FORGED, "Daily news"), HOME),
        (clear(FORGED, "Daily news, Monday"), HOME),
        (clear(FORGED, "", sha256="aa"), clear(A, "", sha256="aa")),
        (clear(FORGED, "", headers=("x-edge",)), clear(A, "", headers=("x-edge", "x-region"))),
    ],
)
@pytest.mark.parametrize("target", [HTTP, DNS, NAME])
def test_an_address_with_a_page_of_the_targets_is_the_targets(theirs: Exchange, own: Exchange, target: str) -> None:
    """In title, body or, without titles, header fields; it may refuse TLS."""
    refused = tries(2, tcp(FORGED, Failure.RESET))

    assert standing(*refused, theirs, own, target=target) is CONFIRMED


@pytest.mark.parametrize(
    ("theirs", "own"),
    [
        (clear(FORGED, "Access to news restricted"), HOME),
        (clear(FORGED, "", sha256="aa", length=0), clear(A, "", sha256="aa", length=0)),
        (clear(FORGED, "", 301, location=f"https://{NAME}/", sha256="aa"), clear(A, "", 301, sha256="aa")),
        (clear(FORGED, "Daily news", 404), HOME),
        (clear(FORGED, "Daily news", marks=("ru.mts",)), HOME),
        (replace(clear(FORGED, "Daily news"), url=f"http://{NAME}/other"), HOME),
    ],
)
def test_other_likenesses_show_nothing(theirs: Exchange, own: Exchange) -> None:
    """A word of the title, an empty body, a redirect to https, another status, a known block page, another URL."""
    assert standing(theirs, own) is not CONFIRMED


@pytest.mark.parametrize(
    ("seen", "target", "expected"),
    [
        ((*OTHERS, HOME, WRONG), HTTP, REFUTED),
        ((*OTHERS, HOME, tls(A)), HTTP, REFUTED),
        ((*OTHERS, HOME, under_neutral("Weather for sailors")), HTTP, REFUTED),
        ((*OTHERS, HOME, under_neutral("Weather for sailors")), DNS, REFUTED),
        ((*OTHERS, HOME, under_neutral("No such site")), HTTP, UNDETERMINED),
        ((*OTHERS, HOME), HTTP, UNDETERMINED),
        ((*OTHERS, clear(A, "Welcome to the shop for sailors"), WRONG), HTTP, REFUTED),
        ((*OTHERS, clear(A, "Weather, sailors, clubs"), WRONG), HTTP, CONFIRMED),
        ((OTHERS[0], HOME, WRONG), HTTP, UNDETERMINED),
        ((clear(FORGED, "One"), clear(FORGED, "Two", attempt=1), HOME, WRONG), HTTP, UNDETERMINED),
        ((*OTHERS, WRONG), HTTP, UNDETERMINED),
        ((*tries(2, clear(FORGED, "403 Forbidden", 403)), HOME, WRONG), HTTP, UNDETERMINED),
        ((*OTHERS, HOME, tls(FORGED), tls(A)), HTTP, CONFIRMED),
        ((clear(FORGED, marks=("ru.mts",)),), DNS, REFUTED),
        ((clear(FORGED),), DNS, UNDETERMINED),
    ],
)
def test_without_a_control_two_things_say_that_an_address_is_anothers(
    seen: tuple[Observation, ...], target: str, expected: AddressOwnership
) -> None:
    """A page that comes twice and is unlike the known one, and a certificate or a name that nobody knows."""
    assert standing(*seen, target=target) is expected


@pytest.mark.parametrize(
    ("theirs", "own", "expected"),
    [
        ("https://sail.example/", "", REFUTED),
        ("https://sail.example/", "https://sail.example/", UNDETERMINED),
        (f"https://www.{NAME}/", "", UNDETERMINED),
    ],
)
def test_a_redirect_off_the_site_counts_where_no_known_address_redirects_there(
    theirs: str, own: str, expected: AddressOwnership
) -> None:
    astray = tries(2, clear(FORGED, "", 301, location=theirs))
    home = clear(A, "", 301, location=own) if own else HOME

    assert standing(*astray, home, WRONG) is expected


def test_an_address_served_where_it_gave_a_page_that_is_no_known_notice() -> None:
    """Under the name; over TLS other rules decide."""
    assert served(hop_of(clear(A), target=HTTP), A)
    assert not served(hop_of(clear(A, marks=("ru.mts",)), target=HTTP), A)
    assert not served(hop_of(clear(FORGED), http(A), target=HTTP), A)
    assert not served(hop_of(under_neutral("News"), target=HTTP), FORGED)


def test_the_target_has_a_certificate_where_one_verified_here_or_at_the_control() -> None:
    assert has_certificate(hop_of(tls(A)))
    assert has_certificate(hop_of(by=control(certificates={NAME: ("c1",)})))
    assert not has_certificate(hop_of(tls(A, sni="other.example"), by=control()))


def test_a_page_unlike_the_controls_is_anothers_without_a_second_witness() -> None:
    """The control's page was got where nobody interferes."""
    assert standing(*OTHERS, by=control(pages=(page(),))) is REFUTED
