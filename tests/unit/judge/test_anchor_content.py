"""Whether an anchor itself answered, or something in its place."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import sha256

import pytest

from probe.judge.anchor_content import classify, judged_again, portal_check, shares_host
from probe.model.failure import Failure
from probe.model.observation import Certificate, Connection, Exchange, TlsHandshake
from probe.model.verdict import AnchorAnswer, AnchorKind, AnchorLook, AnchorResult

HTTP = "http://anchor.example/"
HTTPS = "https://anchor.example/"


REFRESH = '<meta http-equiv="refresh" content="0;url=https://support.mozilla.org/kb/captive-portal"/>'
CANONICAL = sha256(REFRESH.encode()).hexdigest()[:32]


def page(**what: object) -> Exchange:
    """An answer of the anchor's address over plain HTTP."""
    return Exchange(url=HTTP, address="192.0.2.1", **{"status": 200, "complete": True, **what})  # type: ignore[arg-type]


def unverified(error: str) -> TlsHandshake:
    """A handshake whose certificate did not verify."""
    return TlsHandshake(
        address="192.0.2.1",
        port=443,
        sni="anchor.example",
        failure=Failure.CERTIFICATE,
        certificate=Certificate(error=error),
    )


def look(url: str, answer: AnchorAnswer | None, failure: Failure | None = None, **more: bool) -> AnchorLook:
    """A look with these facts."""
    at = datetime(2026, 10, 1, tzinfo=UTC)
    return AnchorLook(url=url, kind=AnchorKind.FOREIGN, at=at, failure=failure, answer=answer, **more)


def test_a_verified_session_is_the_anchor() -> None:
    """Whatever the page says: a refusal, a redirect to another site. No further facts are kept."""
    assert classify(HTTP, [page(secure=True, status=503)]) == AnchorResult()
    assert classify(HTTP, [page(secure=True, status=302, location="https://elsewhere.example/")]).works


def test_a_certificate_that_does_not_verify_is_foreign() -> None:
    """As of a captive portal that answers on port 443."""
    result = classify(HTTPS, [unverified("Hostname mismatch")])

    assert (result.failure, result.foreign, result.outdated) == (Failure.CERTIFICATE, True, False)
    assert result.answer == AnchorAnswer(certificate_error="Hostname mismatch")


def test_a_certificate_that_fails_by_its_dates_alone_is_the_anchors_own() -> None:
    """OpenSSL checks the dates after chain and name. Such a result ranks after one that works and before all others."""
    result = classify(HTTPS, [unverified("certificate is not yet valid")])
    foreign = AnchorResult(Failure.CERTIFICATE, foreign=True)

    assert (result.failure, result.foreign, result.outdated) == (Failure.CERTIFICATE, False, True)
    assert AnchorResult.best([AnchorResult(Failure.TIMEOUT), foreign, result]) == result
    assert AnchorResult.best([result, AnchorResult()]) == AnchorResult()


def test_a_redirect_to_another_site_is_foreign() -> None:
    """One to a subdomain is not."""
    assert classify(HTTP, [page(status=302, location="http://portal.lan/login")]).foreign
    assert classify(HTTP, [page(status=301, location="https://www.anchor.example/")]).works


def test_a_part_of_a_known_answer_proves_nothing() -> None:
    """The connection broke before the text was whole; the same part of another page is still the anchor's."""
    part = page(complete=False, failure=Failure.RESET)

    assert classify(f"{HTTP}success.txt", [part]) == AnchorResult(Failure.RESET)
    assert classify(HTTP, [part]).works


def test_the_right_answers_of_portal_checks_are_known_by_the_paths_end() -> None:
    """The shipped file has those of five vendors; an operator's own host may have any folder before."""
    answers = {
        "http://connectivitycheck.gstatic.com/generate_204": (204, ""),
        "http://captive.apple.com/hotspot-detect.html": (
            200,
            "<HTML><HEAD><TITLE>Success</TITLE></HEAD><BODY>Success</BODY></HTML>",
        ),
        "http://www.msftconnecttest.com/connecttest.txt": (200, "Microsoft Connect Test"),
        "http://detectportal.firefox.com/success.txt": (200, "success\n"),
        "http://nmcheck.gnome.org/check_network_status.txt": (200, "NetworkManager is online\n"),
        "http://own.example/checks/success.txt": (200, "success\n"),
    }
    for url, (status, text) in answers.items():
        digest = sha256(text.encode()).hexdigest()[:32]
        right = AnchorAnswer(status=status, sha256=digest, complete=True)
        check = portal_check(url)
        assert check is not None
        assert check.allows(right)
        assert not check.allows(AnchorAnswer(status=200, sha256="0" * 32, complete=True))
        assert not check.allows(AnchorAnswer(status=503, sha256=digest, complete=True))
    assert portal_check("http://example.com/") is None


@pytest.mark.parametrize(
    ("path", "answer", "foreign"),
    [
        ("generate_204", {"status": 200}, True),
        ("generate_204", {"status": 204}, False),
        ("generate_204", {"status": 302, "location": "http://anchor.example/login"}, True),
        ("generate_204", {"status": 301, "location": "https://anchor.example/generate_204"}, True),
        ("success.txt", {"status": 302, "location": "http://anchor.example/login"}, True),
        ("hotspot-detect.html", {"sha256": "44b7f9bbb6c2f6e2", "length": 200}, True),
        ("canonical.html", {"sha256": CANONICAL, "length": 90, "sample": REFRESH}, False),
        ("", {"sample": REFRESH}, True),
        ("", {"sample": '<meta http-equiv=refresh content="0; url=/start">'}, False),
        ("", {"sample": "g-recaptcha"}, False),
        ("success.txt", {"sha256": "0" * 32, "length": 9}, True),
        ("success.txt", {"length": 0, "sha256": "e3b0c44298fc1c149afbf4c8996fb924"}, True),
        ("success.txt", {"length": 8, "sha256": "d7c8ed7a4d1d0d4d0b1f2f5b7e5c4d2e", "complete": False}, False),
        ("", {"sample": "<p>see eais.rkn.gov.ru"}, True),
        ("", {"status": 511}, True),
        ("", {}, False),
    ],
)
def test_a_page_that_the_anchor_does_not_send_is_foreign(path: str, answer: dict[str, object], foreign: bool) -> None:
    """Another status or text than a portal check expects, a known block page, the status of RFC 6585."""
    assert classify(HTTP + path, [page(**answer)]).foreign is foreign


def test_a_failure_is_that_of_the_last_layer() -> None:
    """No observation at all is a time-out. Nothing answered, so that no facts are kept."""
    tcp = Connection(address="192.0.2.1", port=80, failure=Failure.UNREACHABLE)

    assert classify(HTTP, [tcp]) == AnchorResult(Failure.UNREACHABLE)
    assert classify(HTTP, [page(status=0, failure=Failure.RESET)]) == AnchorResult(Failure.RESET)
    assert classify(HTTP, []) == AnchorResult(Failure.TIMEOUT)


def test_a_hello_that_is_cut_names_its_address() -> None:
    """So that another name can be tried there; a certificate or an alert is no cut."""
    cut = TlsHandshake(address="192.0.2.1", port=443, sni="anchor.example", failure=Failure.RESET)

    assert classify(HTTPS, [cut]) == AnchorResult(Failure.RESET, cut_at="192.0.2.1")
    assert classify(HTTPS, [unverified("self-signed certificate")]).cut_at == ""


def test_an_answer_that_broke_off_is_still_an_answer() -> None:
    """Its status says who answered."""
    portal = page(status=302, location="http://portal.lan/", complete=False, failure=Failure.TIMEOUT)

    assert classify(HTTP, [portal]).foreign
    assert classify(HTTP, [page(complete=False, failure=Failure.EOF)]).works


def test_the_facts_of_an_answer_are_kept_without_what_is_empty() -> None:
    """The hash of an empty body says no more than its length."""
    full = page(status=200, sha256="aa", length=3, server="x", sample="abc")

    assert classify(HTTP, [full]).answer == AnchorAnswer(
        status=200, sha256="aa", complete=True, server="x", sample="abc"
    )
    assert classify(HTTP, [page(status=204, sha256="e3")]).answer == AnchorAnswer(status=204, complete=True)


def test_one_address_that_works_is_enough() -> None:
    """A wrong answer ranks before silence."""
    silent, wrong = AnchorResult(Failure.TIMEOUT), AnchorResult(None, foreign=True)

    assert AnchorResult.best([silent, wrong, AnchorResult()]).works
    assert AnchorResult.best([silent, wrong]) == wrong
    assert AnchorResult.best([]) == silent


def test_a_look_is_judged_again_from_its_facts() -> None:
    """What an earlier version concluded from them is replaced."""
    portal = AnchorAnswer(status=302, location="http://portal.lan/")

    assert judged_again(look(HTTP, portal)).foreign_content
    assert not judged_again(look(HTTP, AnchorAnswer(status=200), foreign_content=True)).foreign_content
    aged = AnchorAnswer(certificate_error="certificate has expired")
    assert judged_again(look(HTTPS, aged, Failure.CERTIFICATE, foreign_content=True)) == look(
        HTTPS, aged, Failure.CERTIFICATE, outdated=True
    )


def test_a_look_without_facts_stays_as_it_is() -> None:
    """Version 0.1.0 stored the conclusion alone."""
    old = look(HTTP, None, foreign_content=True)

    assert judged_again(old) is old


def test_hosts_share_a_name_where_one_is_a_subdomain_of_the_other() -> None:
    """`www.` is ignored; a common ending is not enough."""
    assert shares_host("http://www.a.example/", "https://m.a.example/")
    assert not shares_host("http://a.example/", "http://ba.example/")
    assert not shares_host("http://a.example/", "http://[broken/")
