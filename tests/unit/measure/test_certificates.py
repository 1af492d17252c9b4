"""What a certificate says of itself, also when a hostile server made it."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from probe.measure.certificates import MAX_NAMES, TlsContexts, matches, unverified_facts

NOW = datetime(2026, 11, 1, tzinfo=UTC)


def der(*names: str) -> bytes:
    """A certificate for these names."""
    pem = trustme.CA().issue_cert(*names).cert_chain_pems[0].bytes()
    return x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER)


def test_the_facts_of_a_certificate_nobody_verified() -> None:
    """Its hash, its issuer, at most eight names, its dates, and what is wrong on its face."""
    names = [f"n{rank}.example" for rank in range(12)]
    facts = unverified_facts(der(*names), "n3.example", NOW)

    assert len(facts.sha256) == 64
    assert facts.names == tuple(names[:MAX_NAMES])
    assert "trustme" in facts.issuer
    assert facts.not_before.endswith("Z")
    assert facts.error == ""
    assert unverified_facts(der("a.example"), "b.example", NOW).error == "Hostname mismatch"
    assert "expired" in unverified_facts(der("a.example"), "a.example", datetime(3001, 1, 1, tzinfo=UTC)).error
    assert "not yet" in unverified_facts(der("a.example"), "a.example", datetime(1990, 1, 1, tzinfo=UTC)).error


@given(st.binary(max_size=200))
def test_bytes_that_are_no_certificate_are_said_to_be_none(data: bytes) -> None:
    """And never an exception."""
    assert unverified_facts(data, "a.example", NOW).error == "malformed certificate"


@pytest.mark.parametrize(
    "pattern, name, covers",
    [
        ("lab.example", "LAB.example", True),
        ("*.lab.example", "a.lab.example", True),
        ("*.lab.example", "a.b.lab.example", False),
        ("*.lab.example", "lab.example", False),
        ("*", "example", False),
    ],
)
def test_a_wildcard_covers_one_label(pattern: str, name: str, covers: bool) -> None:
    """As browsers have it."""
    assert matches(pattern, name) is covers


def test_one_context_a_kind() -> None:
    """Verifying or not, by the protocols offered."""
    contexts = TlsContexts()
    strict = contexts.get(verify=True, alpn=("http/1.1",))
    loose = contexts.get(verify=False)

    assert contexts.get(verify=True, alpn=("http/1.1",)) is strict
    assert strict.verify_mode is ssl.CERT_REQUIRED
    assert strict.check_hostname
    assert loose.verify_mode is ssl.CERT_NONE
    assert not strict.verify_flags & ssl.VerifyFlags.VERIFY_X509_STRICT
