"""HTTP predicates: whether the target's own answer came, and what came in its place."""

from __future__ import annotations

from typing import Any

import pytest

from probe.judge import http as predicates
from probe.model.failure import Failure
from probe.model.verdict import AnchorAnswer, AnchorKind, AnchorLook
from tests.unit.judge.builders import (
    FORGED,
    HTTP,
    NAME,
    TIME,
    URL,
    A,
    B,
    control,
    hop_of,
    http,
    said,
    served,
    tcp,
    tls,
    tries,
)

KNOWN = (said("network", A, B), said("trusted", A, B))
NOTICE = http(A, url=HTTP, marks=("ru.mts",))
STRANGE: dict[str, Any] = {"url": HTTP, "title": "Unavailable", "length": 90, "sha256": "zz"}


@pytest.mark.parametrize(
    ("seen", "target", "works"),
    [
        ((*KNOWN, *served()), URL, True),
        ((*KNOWN, tcp(), tls()), URL, False),
        ((*KNOWN, tcp(A, Failure.TIMEOUT)), URL, False),
        ((said("network", failure=Failure.NXDOMAIN), said("trusted", A), *served()), URL, False),
        ((*KNOWN, http(A, 302, location=URL)), URL, False),
        ((*KNOWN, NOTICE), HTTP, False),
        ((said("network", A),), f"dns://{NAME}", True),
        ((tcp(),), f"tcp://{A}:443", True),
        ((tcp(),), "151.101.1.0/24", True),
        ((tcp(A, Failure.TIMEOUT),), "151.101.1.0/24", False),
    ],
)
def test_it_works_where_the_targets_own_answer_came_by_the_networks_resolvers(
    seen: Any, target: str, works: bool
) -> None:
    """Not by trusted resolvers alone, and not in a redirect loop."""
    assert predicates.works(hop_of(*seen, target=target)) is works


def test_a_refusal_is_the_servers_own_over_verified_tls() -> None:
    """Not in clear text, and not where another address served."""
    no, clear = http(A, 403), http(A, 403, url=HTTP)

    assert predicates.refusal(hop_of(*KNOWN, tcp(), tls(), no)) == 403
    assert predicates.server_refuses(hop_of(*KNOWN, tcp(), tls(), no))
    assert not predicates.server_refuses(hop_of(*KNOWN, tcp(), tls(), no, *served(B)))
    assert not predicates.server_refuses(hop_of(*KNOWN, clear, target=HTTP))
    assert not predicates.server_refuses(hop_of(*KNOWN, tcp(), tls(), http(A, 404)))


def test_an_unknown_address_with_a_certificate_is_a_content_network() -> None:
    """Where there is a reference that lacks it."""
    odd = (said("network", FORGED), *served(FORGED))

    assert predicates.served_by_unknown_address(hop_of(*odd, said("trusted", A)))
    assert not predicates.served_by_unknown_address(hop_of(*odd))
    assert not predicates.served_by_unknown_address(hop_of(*KNOWN, *served()))
    assert not predicates.has_verified_unknown_address(hop_of(tcp(), target=f"tcp://{A}:443"))


def test_foreign_pages_count_where_no_page_of_the_target_came() -> None:
    """A block page, a redirect, a doubtful page."""
    away = http(A, 302, url=HTTP, location="http://notice.example/")

    assert predicates.foreign_page(hop_of(*KNOWN, NOTICE, target=HTTP))
    assert not predicates.foreign_page(hop_of(*KNOWN, NOTICE, http(B, url=HTTP), target=HTTP))
    assert predicates.foreign_redirect(hop_of(*KNOWN, away, target=HTTP, by=control()))
    assert not predicates.foreign_redirect(hop_of(*KNOWN, away, target=HTTP))
    assert predicates.doubtful_page(hop_of(*KNOWN, http(A, **STRANGE), target=HTTP, by=control()))
    assert not predicates.doubtful_page(hop_of(*KNOWN, http(A, url=HTTP), target=HTTP, by=control()))


def test_a_redirect_back_is_broken() -> None:
    """It leads to where it came from."""
    assert predicates.redirect_broken(hop_of(*KNOWN, http(A, 302, location=URL)))
    assert not predicates.redirect_broken(hop_of(*KNOWN, *served()))


def test_a_page_that_comes_only_in_small_packets_is_no_success() -> None:
    """Not where it came in large ones too, nor where no attempt timed out."""
    small = (tcp(attempt=5, segment=1000), tls(attempt=5), http(attempt=5))
    unanswered = tries(4, http(A, 0, Failure.TIMEOUT), tcp(), tls())

    assert predicates.only_small_packets(hop_of(*KNOWN, *unanswered, *small))
    assert not predicates.works(hop_of(*KNOWN, *unanswered, *small))
    assert not predicates.only_small_packets(hop_of(*KNOWN, *small))
    assert not predicates.only_small_packets(hop_of(*KNOWN, *unanswered, *small, *served(attempt=6)))
    assert not predicates.only_small_packets(hop_of(*KNOWN, *unanswered, *served(attempt=5)))
    hello = (tcp(attempt=5, segment=1000), tls(attempt=5))
    assert predicates.only_small_packets(
        hop_of(*tries(4, tls(A, Failure.TIMEOUT), tcp()), *hello, target=f"tls://{A}:443/{NAME}")
    )


PORTAL = AnchorAnswer(status=302, location="http://login.example/")
TOP_UP = AnchorAnswer(status=200, sha256="zz", complete=True)


def at_anchor(answer: AnchorAnswer, *, foreign: bool = True) -> dict[str, Any]:
    """A vantage at which this came in an anchor's place."""
    look = AnchorLook(
        url="http://a.example/generate_204",
        kind=AnchorKind.FOREIGN,
        at=TIME,
        foreign_content=foreign,
        answer=answer,
    )
    return {"anchors": (look,), "target": HTTP}


@pytest.mark.parametrize(
    ("page", "anchor", "alike"),
    [
        ({"status": 302, "location": "http://login.example/?from=news"}, PORTAL, True),
        ({"status": 302, "location": "http://elsewhere.example/"}, PORTAL, False),
        ({"status": 302, "location": "https://www.news.example.org/"}, AnchorAnswer(location=URL), False),
        ({"sha256": "zz"}, TOP_UP, True),
        ({"sha256": "zz"}, PORTAL, False),
        ({"sha256": ""}, AnchorAnswer(status=200), False),
        ({"sha256": "zz", "secure": True}, TOP_UP, False),
        ({"status": 302, "location": "http://warning.rt.ru/"}, AnchorAnswer(location="http://warning.rt.ru/"), False),
    ],
)
def test_a_portal_answers_for_a_target_as_for_an_anchor(page: Any, anchor: AnchorAnswer, alike: bool) -> None:
    """With the same page or a redirect to the same host, in clear text; a known block page is no portal."""
    seen = (*KNOWN, http(A, **{"url": HTTP, **page}))

    assert predicates.answered_like_anchor(hop_of(*seen, **at_anchor(anchor))) is alike
    assert not predicates.answered_like_anchor(hop_of(*seen, **at_anchor(anchor, foreign=False)))


def test_a_target_that_one_address_serves_is_not_answered_by_a_portal() -> None:
    """All answers must be the portal's."""
    mixed = (*KNOWN, http(A, url=HTTP, sha256="zz"), http(B, url=HTTP, sha256="aa"))

    assert not predicates.answered_like_anchor(hop_of(*mixed, **at_anchor(TOP_UP)))
    assert not predicates.answered_like_anchor(hop_of(*KNOWN, **at_anchor(TOP_UP)))
