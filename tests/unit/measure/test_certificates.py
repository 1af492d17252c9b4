"""TLS contexts are cached, and a certificate's facts are kept whatever a hostile server put into it."""

from __future__ import annotations

import os
import ssl
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st

from probe.measure.certificates import (
    MAX_NAMES,
    TlsContexts,
    matches,
    system_certificates,
    unverified_facts,
    verified_facts,
)
from probe.model.observation import Certificate
from tests.unit.measure.made_certificates import GOOD, ODDITIES, certificate, der

NOW = datetime(2026, 11, 1, tzinfo=UTC)


def test_the_facts_of_an_unverified_certificate() -> None:
    """Its hash, issuer and subject, at most eight names, its dates."""
    names = [f"n{rank}.example" for rank in range(12)]
    facts = unverified_facts(der(certificate(names)), "n11.example", NOW)

    assert len(facts.sha256) == 64
    assert facts.names == tuple(names[:MAX_NAMES])
    assert (facts.issuer, facts.subject) == ("Lab CA", "a.example")
    assert (facts.not_before, facts.not_after) == ("2026-10-01T12:30:15Z", "2027-10-01T00:00:00Z")
    assert facts.error == ""


@pytest.mark.parametrize(
    ("made", "name", "now", "error"),
    [
        (certificate(), "a.example", NOW, ""),
        (certificate(), "192.0.2.1", NOW, ""),
        (certificate(), "b.example", NOW, "Hostname mismatch"),
        (certificate(), "a.example", datetime(2028, 1, 1, tzinfo=UTC), "certificate has expired"),
        (certificate(), "a.example", datetime(2026, 1, 1, tzinfo=UTC), "certificate is not yet valid"),
        (certificate(issuer="a.example"), "a.example", NOW, "self-signed certificate"),
    ],
)
def test_the_error_is_what_the_certificate_itself_shows(made: object, name: str, now: datetime, error: str) -> None:
    """In OpenSSL's words; the chain is not looked at, and for an address the names are not compared."""
    assert unverified_facts(der(made), name, now).error == error  # type: ignore[arg-type]


def test_of_several_common_names_a_verified_certificate_keeps_the_last_and_another_the_first() -> None:
    """Evidence of earlier versions has the same ones."""
    data = der(certificate(subject="outer", issuer="Old CA", more_names=["middle", "inner"]))
    verified, unverified = verified_facts(data), unverified_facts(data, "a.example", NOW)

    assert (verified.subject, verified.issuer) == ("inner", "inner")
    assert (unverified.subject, unverified.issuer) == ("outer", "Old CA")


@pytest.mark.parametrize("oddity", ODDITIES)
def test_an_odd_certificate_is_a_finding_and_never_a_fault_of_the_program(oddity: str) -> None:
    """The readable facts are kept, verified or not."""
    for facts in (unverified_facts(ODDITIES[oddity], "a.example", NOW), verified_facts(ODDITIES[oddity])):
        assert len(facts.sha256) == 64
        assert facts.not_after == "2027-10-01T00:00:00Z"
        assert facts.issuer or facts.subject


@pytest.mark.parametrize(
    ("oddity", "error"),
    [
        ("unknown version", "malformed certificate (unknown version)"),
        ("duplicate extension", "malformed certificate (duplicate extension)"),
        ("month 13", "malformed certificate (dates)"),
        ("names that overrun", "malformed certificate (extensions)"),
        ("unknown kind of name", "Hostname mismatch"),
        ("negative serial number", ""),
    ],
)
def test_the_error_names_what_cannot_be_read(oddity: str, error: str) -> None:
    """A name of an unknown kind is simply not the one asked for."""
    assert unverified_facts(ODDITIES[oddity], "a.example", NOW).error == error


@given(st.binary(max_size=200))
def test_bytes_that_are_no_certificate_are_malformed(data: bytes) -> None:
    """Of a verified one only the hash would remain."""
    assert unverified_facts(data, "a.example", NOW).error == "malformed certificate"
    assert verified_facts(data) == Certificate(sha256=verified_facts(data).sha256)


def test_the_facts_of_a_verified_certificate_are_cached() -> None:
    """They carry no error."""
    facts = verified_facts(GOOD)

    assert verified_facts(bytes(GOOD)) is facts
    assert (facts.names, facts.error) == (("a.example",), "")


@pytest.mark.parametrize(
    ("text", "shown"), [("a\u202eb", "a?b"), ("x" * 64, "x" * 64)], ids=["text direction", "a long name"]
)
def test_text_of_a_certificate_is_printable(text: str, shown: str) -> None:
    """Evidence is shown in terminals and pages."""
    assert verified_facts(der(certificate(issuer=text))).issuer == shown


@pytest.mark.parametrize(
    ("pattern", "name", "covers"),
    [
        ("lab.example", "LAB.example", True),
        ("*.lab.example", "a.lab.example", True),
        ("*.lab.example", "a.b.lab.example", False),
        ("*.lab.example", "lab.example", False),
        ("*", "example", False),
    ],
)
def test_a_wildcard_covers_one_label(pattern: str, name: str, covers: bool) -> None:
    """As browsers compare names."""
    assert matches(pattern, name) is covers


def test_a_tls_context_is_made_once_for_each_kind() -> None:
    """The kind is whether it verifies and which protocols it offers."""
    contexts = TlsContexts()
    strict = contexts.get(verify=True, alpn=("http/1.1",))
    lenient = contexts.get(verify=False)

    assert contexts.get(verify=True, alpn=("http/1.1",)) is strict
    assert contexts.get(verify=True) is not strict
    assert strict.verify_mode is ssl.CERT_REQUIRED
    assert strict.check_hostname
    assert lenient.verify_mode is ssl.CERT_NONE
    assert not lenient.check_hostname
    assert {strict.minimum_version, lenient.minimum_version} == {ssl.TLSVersion.TLSv1_2}
    assert not strict.verify_flags & ssl.VerifyFlags.VERIFY_X509_STRICT


def test_certificates_that_are_in_no_file_are_passed_on_as_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows keeps them so: the text holds what OpenSSL's default context loads."""
    nowhere = ssl.DefaultVerifyPaths(None, None, "", "", "", "")
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: nowhere)

    file, folder, text = system_certificates()

    assert (file, folder) == (None, None)
    assert text is None or text.startswith(b"-----BEGIN CERTIFICATE-----")


def test_certificates_in_files_are_passed_on_by_their_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """SSL_CERT_FILE is honoured by OpenSSL's own defaults."""
    somewhere = ssl.DefaultVerifyPaths("/etc/ca.pem", "/etc/certs", "", "", "", "")
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: somewhere)

    assert system_certificates() == ("/etc/ca.pem", "/etc/certs", None)


def test_a_host_has_authorities_in_a_file_or_in_a_folder_of_hashed_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OpenSSL reads a folder's files only when it needs one, so that their names count. Other files are none."""
    folder = tmp_path / "certs"
    folder.mkdir()
    (folder / "README").write_text("")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "missing.pem"))
    monkeypatch.setenv("SSL_CERT_DIR", f"{tmp_path / 'missing'}{os.pathsep}{folder}")
    without = TlsContexts()
    assert not without.lack_authorities
    assert not without.check_authorities()
    assert without.lack_authorities

    (folder / "0a1b2c3d.0").write_text("")
    assert TlsContexts().check_authorities()
    assert not without.check_authorities()  # looked up once

    (folder / "0a1b2c3d.0").unlink()
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "missing.pem"))
    by_file = TlsContexts()
    by_file.get(verify=True, alpn=("http/1.1",))
    assert by_file.check_authorities()
    assert not by_file.lack_authorities
