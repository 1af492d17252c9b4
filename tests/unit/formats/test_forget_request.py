"""The request to be forgotten."""

from __future__ import annotations

import pytest

from probe.errors import RecordError
from probe.formats import batch, forget_request
from probe.formats.forget_request import ForgetRequest


def test_a_request_is_read_as_it_was_written() -> None:
    request = ForgetRequest(public_key="a2V5")

    assert forget_request.decode(forget_request.encode(request)) == request


@pytest.mark.parametrize("body", [b"", b"{}", b"[1]", b'{"public_key":1}', b'{"public_key":"\xff"}', b'{"x":' * 1500])
def test_another_body_is_refused_in_one_line(body: bytes) -> None:
    with pytest.raises(RecordError, match="not a request to be forgotten"):
        forget_request.decode(body)


def test_a_signature_holds_for_one_collector_one_body_and_no_batch() -> None:
    signed = {
        forget_request.signed_bytes("https://a.example", b"x"),
        forget_request.signed_bytes("https://b.example", b"x"),
        forget_request.signed_bytes("https://a.example", b"y"),
        batch.signed_bytes("https://a.example", b"x"),
    }

    assert len(signed) == 4
