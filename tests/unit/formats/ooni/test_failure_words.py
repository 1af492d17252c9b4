"""OONI's failure strings and ours."""

from __future__ import annotations

import pytest

from probe.formats.ooni.failure_words import failure_of, is_known, word_of
from probe.model.failure import Failure
from probe.model.hop import Layer


@pytest.mark.parametrize(
    "word, failure",
    [
        (None, None),
        ("", None),
        ("connection_refused", Failure.RESET),
        ("network_unreachable", Failure.NO_ROUTE),
        ("ssl_failed_handshake", Failure.ALERT),
        ("android_dns_cache_no_data", Failure.TIMEOUT),
        ("unknown_failure: something", Failure.LOCAL),
        ("a word of next year", Failure.LOCAL),
    ],
)
def test_a_word_becomes_a_failure(word: str | None, failure: Failure | None) -> None:
    """One that nobody knows is the measuring host's own."""
    assert failure_of(word) is failure
    assert is_known(word) is (failure is not Failure.LOCAL)


@pytest.mark.parametrize("failure", [one for one in Failure if one not in {Failure.ALERT, Failure.CERTIFICATE}])
def test_what_is_written_is_read_again_or_named(failure: Failure) -> None:
    """A failure that OONI has no word for is written as unknown, and read as nothing about the network."""
    word = word_of(failure, Layer.HTTP)

    assert failure_of(word) in {failure, Failure.LOCAL}
    assert (failure_of(word) is Failure.LOCAL) is (word or "").startswith("unknown_failure")


def test_the_layer_and_the_certificate_choose_the_word() -> None:
    """An RST to a SYN and the three reasons of a certificate have words of their own."""
    assert word_of(Failure.RESET, Layer.TCP) == "connection_refused"
    assert word_of(Failure.RESET, Layer.TLS) == "connection_reset"
    assert word_of(Failure.CERTIFICATE, Layer.TLS, "Hostname mismatch") == "ssl_invalid_hostname"
    assert word_of(Failure.CERTIFICATE, Layer.TLS, "self-signed certificate") == "ssl_unknown_authority"
    assert word_of(Failure.CERTIFICATE, Layer.TLS, "certificate has expired") == "ssl_invalid_certificate"
    assert word_of(None, Layer.TCP) is None
