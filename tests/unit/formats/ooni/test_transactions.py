"""Bodies are decoded where evidence needs them, and nowhere else."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from probe.formats.ooni.records import OoniResponse, OoniTransaction
from probe.formats.ooni.transactions import body_of, has_body
from probe.model.observation import Exchange
from tests.unit.formats.ooni.measurements import BODY, HTTP, URL, keys, measurement, page, read


def exchange(url: str, **more: Any) -> Exchange:
    """The exchange of a measurement with one page."""
    found = read(measurement(url, keys(requests=[page(url, **more)]))).verdict
    return next(one for one in found.evidence.observations if isinstance(one, Exchange))


def test_a_page_in_clear_text_is_read_whole() -> None:
    """Title, header fields, hash and sample show who wrote it."""
    seen = exchange(HTTP)

    assert (seen.title, seen.headers, seen.length) == ("Daily news of the region", ("x-made-by",), len(BODY))
    assert seen.sha256
    assert "What happened today" in seen.sample


def test_a_long_page_over_tls_is_not_decoded() -> None:
    """It is the server's own, whatever it says."""
    seen = exchange(URL, body=BODY + "x" * 20_000)

    assert (seen.secure, seen.complete, seen.length, seen.sha256) == (True, True, 0, "")


def test_an_error_page_over_tls_is_read() -> None:
    """Challenges and notices have one."""
    assert exchange(URL, code=403, body=BODY + "x" * 20_000).title == "Daily news of the region"


@pytest.mark.parametrize("raw", [b"null", b"7", b"{]", b'{"format": "other"}'])
def test_what_is_no_body_is_empty(raw: bytes) -> None:
    """Odd bodies stop nothing."""
    assert body_of(msgspec.Raw(raw)) == b""


def test_whether_a_body_was_kept() -> None:
    """An empty one was, where the server said that it is empty."""
    kept = OoniTransaction(response=OoniResponse(200, body=msgspec.Raw(b'"text"')))
    none = OoniTransaction(response=OoniResponse(200, headers={"Content-Length": "0"}, body=msgspec.Raw(b'""')))
    elided = OoniTransaction(response=OoniResponse(200, headers={"Content-Length": "900"}, body=msgspec.Raw(b'""')))

    assert has_body(kept)
    assert has_body(none)
    assert not has_body(elided)
    assert not has_body(OoniTransaction(response=OoniResponse(200)))
    assert not has_body(OoniTransaction())
