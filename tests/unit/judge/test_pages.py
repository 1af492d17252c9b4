"""Who wrote a page."""

from __future__ import annotations

from typing import Any

import pytest

from probe.judge.pages import PageOrigin, came_over_tls
from probe.model.failure import Failure
from probe.model.hop import Purpose
from probe.model.observation import Exchange, Observation
from tests.unit.judge.builders import HTTP, NAME, URL, A, B, control, hop_of, http, page, tcp

STRANGE = {"title": "Content unavailable", "length": 90, "sha256": "zz"}


BLANK = {"title": "", "sha256": ""}


def moved(where: str) -> Exchange:
    """A redirect over TLS without other content."""
    return http(A, 302, location=where, **BLANK)


def origin_of(*seen: Observation, by: Any = None, hop: int = 0, target: str = HTTP) -> PageOrigin:
    """PageOrigin word the first page of a hop is."""
    made = hop_of(*seen, target=target, by=by, hop=hop)
    return made.page_origin(made.observed.pages[0])


def clear(status: int = 200, address: str = A, **more: Any) -> Exchange:
    """A page in clear text."""
    return http(address, status, url=HTTP, **more)


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        ((clear(),), "own"),
        ((clear(marks=("ru.mts",)),), "blockpage"),
        ((clear(302, location="http://blocked.mts.ru/", marks=("ru.mts",)),), "foreign_redirect"),
        ((clear(302, location=URL, marks=("ru.mts",)),), "blockpage"),
        ((clear(marks=("ru.mts", "own.captcha")),), "own"),
        ((clear(302, location="http://notice.example/"),), "own"),
        ((clear(**STRANGE), clear(address=B, **STRANGE)), "own"),
    ],
)
def test_without_a_control_only_a_known_block_page_is_foreign(seen: tuple[Exchange, ...], said: str) -> None:
    """Any other page may be the server's."""
    assert origin_of(*seen) is PageOrigin(said)


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        ((clear(),), "own"),
        ((clear(**STRANGE), clear(address=B, **STRANGE)), "blockpage"),
        ((clear(**STRANGE), clear(attempt=1, **STRANGE)), "blockpage"),
        ((clear(**STRANGE),), "doubtful"),
        ((clear(**STRANGE), clear(address=B, **{**STRANGE, "title": "Other"})), "own"),
        ((clear(403, **STRANGE), clear(403, address=B, **STRANGE)), "doubtful"),
        ((clear(403, **STRANGE), clear(403, address=B, **STRANGE), http(A, 200)), "blockpage"),
        *(
            ((clear(status, **ordinary), clear(status, address=B, **ordinary), http(A, 200)), said)
            for status, title, said in (
                (403, "403 Forbidden", "doubtful"),
                (429, "Too Many Requests", "doubtful"),
                (451, "", "doubtful"),
                (503, "503 Service Temporarily Unavailable", "doubtful"),
                (403, "Blocked by the provider", "blockpage"),
                (404, "404 Not Found", "blockpage"),
            )
            for ordinary in ({**STRANGE, "title": title},)
        ),
        ((clear(403, **STRANGE), clear(403, address=B, **STRANGE), http(A, 403, **STRANGE)), "own"),
        ((clear(403, **STRANGE), clear(403, address=B, **STRANGE), http(A, 400)), "doubtful"),
        ((clear(400, **STRANGE), clear(400, address=B, **STRANGE)), "doubtful"),
        ((clear(403, title="Are you human?", sha256="zz"), clear(403, address=B, title="Are you human?")), "doubtful"),
        ((clear(title="Are you human?"), clear(address=B, title="Are you human?"), http(A, 200)), "doubtful"),
        ((clear(title="Access Denied"), clear(address=B, title="Access Denied"), http(A, 200)), "blockpage"),
        ((clear(302, location="http://notice.example/"),), "foreign_redirect"),
        ((clear(302, location="http://www.example.de/"),), "own"),
        ((clear(200, location="http://notice.example/"),), "own"),
        ((clear(302, location="http://notice.example/", **BLANK), moved("http://www.notice.example/")), "own"),
        ((clear(302, location="http://notice.example/", **BLANK), moved("http://other.example/")), "foreign_redirect"),
        ((clear(**STRANGE), http(A, **{**STRANGE, "sha256": "yy"})), "own"),
        ((clear(**STRANGE), http(A, **{**STRANGE, "title": "Other"})), "own"),
        ((clear(**STRANGE), http(A, **{**STRANGE, "title": "Other", "sha256": "yy"})), "doubtful"),
        ((clear(**{**BLANK, "length": 90}), http(A, **BLANK)), "doubtful"),
        ((clear(302, location="http://notice.example/"), http(A, 302, location="http://notice.example/")), "own"),
    ],
)
def test_a_page_is_compared_with_the_controls(seen: tuple[Exchange, ...], said: str) -> None:
    """Twice alike and unlike the control's: foreign. Dynamic, a challenge, or repeated over TLS: the target's."""
    assert origin_of(*seen, by=control()) is PageOrigin(said)


MADE, SITES = ("Content-Type", "Connection"), ("Server", "Date")
"""Header fields of a device's page, and of the site's server."""
FORGED = {**STRANGE, "head": MADE}


def neutral(**more: Any) -> Exchange:
    """An answer in clear text under the neutral name at the page's address."""
    fields = {"title": "Not Found", "sha256": "nn", "head": SITES, **more}
    return http(A, more.pop("status", 404), url="http://xkqvdwpzrjtm.com/", purpose=Purpose.NEUTRAL, **fields)


@pytest.mark.parametrize(
    ("facts", "beside", "known", "said"),
    [
        (FORGED, (neutral(),), SITES, "blockpage"),
        (FORGED, (neutral(),), (), "blockpage"),
        (FORGED, (neutral(),), MADE, "doubtful"),
        (FORGED, (neutral(head=MADE),), SITES, "doubtful"),
        (FORGED, (neutral(head=MADE), http(A, 200)), SITES, "doubtful"),
        (FORGED, (neutral(**FORGED),), SITES, "blockpage"),
        (FORGED, (neutral(**FORGED),), MADE, "doubtful"),
        (FORGED, (neutral(**FORGED), http(A, 200)), MADE, "blockpage"),
        (FORGED, (), SITES, "blockpage"),
        (FORGED, (), MADE, "doubtful"),
        (FORGED, (http(A, 200),), MADE, "blockpage"),
        (FORGED, (tcp(A, Failure.TIMEOUT, port=80, purpose=Purpose.NEUTRAL),), SITES, "blockpage"),
        (FORGED, (tcp(A, Failure.TIMEOUT, port=80, purpose=Purpose.NEUTRAL),), (), "doubtful"),
        (FORGED, (tcp(A, Failure.TIMEOUT, port=80, purpose=Purpose.NEUTRAL), http(A, 200)), (), "doubtful"),
        (STRANGE, (neutral(head=()),), (), "blockpage"),
    ],
)
def test_another_name_at_the_address_shows_whose_page_it_is(
    facts: dict[str, Any], beside: tuple[Observation, ...], known: tuple[str, ...], said: str
) -> None:
    """A site has other pages for other visitors, but one server program."""
    tries = (clear(**facts), clear(attempt=1, **facts))

    assert origin_of(*tries, *beside, by=control(pages=(page(head=known),))) is PageOrigin(said)


@pytest.mark.parametrize(("known", "said"), [(SITES, "blockpage"), ((), "doubtful"), (MADE, "doubtful")])
def test_a_copied_title_is_forged_only_where_both_programs_are_others(known: tuple[str, ...], said: str) -> None:
    """The text and the header fields are not the site's, and the title is."""
    text, other = (
        "one two three four five six seven eight nine ten eleven",
        "alpha beta gamma delta epsilon zeta eta theta",
    )
    copied = {"title": "Daily news", "sha256": "zz", "headers": ("x-box",), "head": MADE, "sample": other}
    tries = (clear(**copied), clear(attempt=1, **copied))

    assert origin_of(*tries, neutral(), by=control(pages=(page(head=known, sample=text),))) is PageOrigin(said)


@pytest.mark.parametrize(("status", "length", "said"), [(200, 90, "doubtful"), (200, 9_000, "own"), (403, 90, "own")])
def test_wording_of_filters_and_servers_leaves_a_doubt_without_a_control(status: int, length: int, said: str) -> None:
    """An error status is the server's word, and a long page reports about blocking."""
    assert origin_of(clear(status, sample="<h1>Access <b>denied</b></h1>", length=length)) is PageOrigin(said)


def test_a_notice_that_the_control_got_too_is_the_sites() -> None:
    """A site may quote the law that block pages quote."""
    words = "<p>forum of gardeners in the valley, tomatoes and roses, meetings on Friday evening, law nr. 5651"

    assert origin_of(clear(sample=words)) is PageOrigin.BLOCKPAGE
    assert origin_of(clear(sample=words), by=control(pages=(page(sample=words),))) is PageOrigin.OWN


@pytest.mark.parametrize(
    ("known", "said"),
    [
        (page(status=301, location="http://notice.example/x"), "own"),
        (page(status=302, location="http://tracker.example/"), "own"),
        (page(status=301, location="http://tracker.example/"), "foreign_redirect"),
        (page(status=302, location=URL), "foreign_redirect"),
    ],
)
def test_a_redirect_is_the_targets_where_the_controls_explains_it(known: Any, said: str) -> None:
    """The same one, or a temporary one to another site; not a permanent one to another site."""
    seen = clear(302, location="http://notice.example/")

    assert origin_of(seen, by=control(pages=(known,))) is PageOrigin(said)


def test_a_page_over_verified_tls_is_the_targets_whatever_it_says() -> None:
    """Only the holder of the key can have written it."""
    assert origin_of(http(marks=("ru.law",), **STRANGE), by=control(), target=URL) is PageOrigin.OWN


def test_a_page_over_tls_behind_a_redirect_in_clear_text_is_not_the_targets() -> None:
    """The certificate is good, and it is the censor's; a host of the target's own site is trusted."""
    notice = "https://notice.isp.example/"
    sent = clear(302, location=notice)

    assert origin_of(sent, http(url=notice, hop=1, marks=("ru.law",)), hop=1) is PageOrigin.BLOCKPAGE
    assert origin_of(sent, http(url=notice, hop=1), hop=1) is PageOrigin.OWN
    home = f"https://www.{NAME}/"
    assert origin_of(clear(302, location=home), http(url=home, hop=1, marks=("ru.law",)), hop=1) is PageOrigin.OWN


def test_an_answer_over_tls_counts_for_the_same_url_only() -> None:
    """A URL inside the query stays as it is."""
    within = f"{HTTP}?to=http://x.example/"
    seen = http(A, url=within)

    assert came_over_tls(seen, (http(A, url=f"{URL}?to=http://x.example/"),))
    assert not came_over_tls(seen, (http(A, url=f"{URL}?to=https://x.example/"),))
