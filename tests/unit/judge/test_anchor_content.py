"""Telling an anchor from whoever answers in its place."""

from __future__ import annotations

from probe.judge.anchor_content import classify, shares_host
from probe.model.failure import Failure
from probe.model.observation import Certificate, Connection, Exchange, TlsHandshake
from probe.model.verdict import AnchorResult

HTTP = "http://anchor.example/"


def page(**what: object) -> Exchange:
    """An exchange with the anchor."""
    return Exchange(url=HTTP, address="192.0.2.1", **{"status": 200, "complete": True, **what})  # type: ignore[arg-type]


def test_a_verified_session_is_the_anchor_whatever_it_says() -> None:
    """Even a refusal or a redirect to elsewhere."""
    assert classify(HTTP, [page(secure=True, status=503)]).works
    assert classify(HTTP, [page(secure=True, status=302, location="https://elsewhere.example/")]).works


def test_a_certificate_that_does_not_verify_is_somebody_else() -> None:
    """A portal that answers on port 443."""
    tls = TlsHandshake(address="192.0.2.1", port=443, sni="anchor.example", failure=Failure.CERTIFICATE)

    assert classify("https://anchor.example/", [tls]) == AnchorResult(Failure.CERTIFICATE, foreign=True)


def test_a_certificate_that_fails_for_its_dates_alone_is_the_anchors_own() -> None:
    """Its chain and name were good before OpenSSL looked at the dates; it says more than a stranger's or silence."""
    aged = TlsHandshake(
        address="192.0.2.1",
        port=443,
        sni="anchor.example",
        failure=Failure.CERTIFICATE,
        certificate=Certificate(error="certificate is not yet valid"),
    )
    result = classify("https://anchor.example/", [aged])

    assert result == AnchorResult(Failure.CERTIFICATE, outdated=True)
    assert (
        AnchorResult.best([AnchorResult(Failure.TIMEOUT), AnchorResult(Failure.CERTIFICATE, foreign=True), result])
        == result
    )
    assert AnchorResult.best([result, AnchorResult()]) == AnchorResult()


def test_a_redirect_to_another_site_is_foreign_and_one_within_it_is_not() -> None:
    """Over plain HTTP."""
    assert classify(HTTP, [page(status=302, location="http://portal.lan/login")]).foreign
    assert classify(HTTP, [page(status=301, location="https://www.anchor.example/")]).works


def test_a_page_that_is_not_the_expected_one_is_foreign() -> None:
    """A portal check that answers 204 elsewhere, a known text, a known block page, RFC 6585's status."""
    assert classify("http://anchor.example/generate_204", [page(status=200)]).foreign
    assert classify("http://anchor.example/generate_204", [page(status=204)]).works
    assert classify("http://anchor.example/success.txt", [page(sha256="0" * 32)]).foreign
    assert classify(HTTP, [page(marks=("ru.example",))]).foreign
    assert classify(HTTP, [page(status=511)]).foreign
    assert classify(HTTP, [page()]).works


def test_what_failed_is_told_by_its_last_layer() -> None:
    """Nothing seen at all is silence."""
    tcp = Connection(address="192.0.2.1", port=80, failure=Failure.UNREACHABLE)

    assert classify(HTTP, [tcp]) == AnchorResult(Failure.UNREACHABLE)
    assert classify(HTTP, [page(status=0, failure=Failure.RESET)]) == AnchorResult(Failure.RESET)
    assert classify(HTTP, []) == AnchorResult(Failure.TIMEOUT)


def test_one_address_that_works_is_enough_and_a_wrong_answer_says_more_than_silence() -> None:
    """Of several tries."""
    silent, wrong = AnchorResult(Failure.TIMEOUT), AnchorResult(None, foreign=True)

    assert AnchorResult.best([silent, wrong, AnchorResult()]).works
    assert AnchorResult.best([silent, wrong]) == wrong
    assert AnchorResult.best([]) == silent


def test_hosts_of_one_site_lie_below_each_other() -> None:
    """`www.` counts for nothing; a common ending is not enough."""
    assert shares_host("http://www.a.example/", "https://m.a.example/")
    assert not shares_host("http://a.example/", "http://ba.example/")
    assert not shares_host("http://a.example/", "http://[broken/")
