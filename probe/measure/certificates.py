"""What a certificate says of itself, as far as evidence carries it."""

from __future__ import annotations

import hashlib
import ssl
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from probe.model.address import parse_address
from probe.model.observation import Certificate

if TYPE_CHECKING:
    from cryptography import x509

MAX_NAMES = 8
"""DNS names kept of a certificate; some carry hundreds."""
_MAX_TEXT = 80
_MAX_KNOWN = 512

_known: dict[bytes, Certificate] = {}
"""DER -> facts, of certificates that verified: a round sees the same ones again and again."""


def verified_facts(tls: ssl.SSLObject) -> Certificate | None:
    """The facts of a certificate that verified."""
    der = tls.getpeercert(binary_form=True)
    if not der:
        return None
    facts = _known.get(der)
    if facts is None:
        if len(_known) >= _MAX_KNOWN:
            _known.clear()
        facts = _known[der] = _from_dict(der, tls.getpeercert() or {})
    return facts


def _from_dict(der: bytes, said: dict[str, Any]) -> Certificate:
    issuer = {key: value for part in said.get("issuer", ()) for key, value in part}
    subject = {key: value for part in said.get("subject", ()) for key, value in part}
    names = [str(value) for kind, value in said.get("subjectAltName", ()) if kind == "DNS"]
    return Certificate(
        sha256=hashlib.sha256(der).hexdigest(),
        issuer=_short(issuer.get("commonName") or issuer.get("organizationName") or ""),
        subject=_short(subject.get("commonName", "")),
        names=tuple(_short(name) for name in names[:MAX_NAMES]),
        not_before=_moment(said.get("notBefore", "")),
        not_after=_moment(said.get("notAfter", "")),
    )


def unverified_facts(der: bytes, name: str, now: datetime) -> Certificate:
    """The facts of a certificate that nobody verified.

    `error` says what is wrong with the leaf on its face (dates, name, signed by itself), in OpenSSL's words; it is
    empty when only the chain could tell.

    Args:
        der: the certificate.
        name: the name or address it was asked for.
        now: for its dates.
    """
    from cryptography import x509  # noqa: PLC0415 - slow to import, and only needed after a failure

    digest = hashlib.sha256(der).hexdigest()
    try:
        leaf = x509.load_der_x509_certificate(der)
        return Certificate(
            sha256=digest,
            issuer=_attribute(leaf.issuer, x509.OID_COMMON_NAME) or _attribute(leaf.issuer, x509.OID_ORGANIZATION_NAME),
            subject=_attribute(leaf.subject, x509.OID_COMMON_NAME),
            names=tuple(_short(one) for one in _alternatives(leaf)[:MAX_NAMES]),
            not_before=_rfc3339(leaf.not_valid_before_utc),
            not_after=_rfc3339(leaf.not_valid_after_utc),
            error=_face(leaf, name, now),
        )
    except ValueError:  # whatever a hostile server put into it
        return Certificate(sha256=digest, error="malformed certificate")


def _attribute(name: x509.Name, oid: x509.ObjectIdentifier) -> str:
    found = name.get_attributes_for_oid(oid)
    return _short(str(found[0].value)) if found else ""


def _alternatives(leaf: x509.Certificate) -> list[str]:
    from cryptography import x509  # noqa: PLC0415

    try:
        return leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(
            x509.DNSName
        )
    except x509.ExtensionNotFound:
        return []


def _face(leaf: x509.Certificate, name: str, now: datetime) -> str:
    if leaf.issuer == leaf.subject:
        return "self-signed certificate"
    if now < leaf.not_valid_before_utc:
        return "certificate is not yet valid"
    if now > leaf.not_valid_after_utc:
        return "certificate has expired"
    if parse_address(name) is None and not any(matches(pattern, name) for pattern in _alternatives(leaf)):
        return "Hostname mismatch"
    return ""


def matches(pattern: str, name: str) -> bool:
    """Whether a certificate's DNS name covers this host name (RFC 9525 section 6.3: one whole left-most label)."""
    pattern, name = pattern.lower().rstrip("."), name.lower().rstrip(".")
    if pattern.startswith("*."):
        _, dot, rest = name.partition(".")
        return bool(dot) and rest == pattern[2:]
    return pattern == name


def _short(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text[:_MAX_TEXT])


def _moment(text: str) -> str:
    """OpenSSL's `Jun  1 12:00:00 2027 GMT` as RFC 3339; empty when it is none."""
    try:
        return _rfc3339(datetime.fromtimestamp(ssl.cert_time_to_seconds(text), UTC))
    except (ValueError, OverflowError, OSError):
        return ""


def _rfc3339(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


class TlsContexts:
    """Hands out the context for a kind of handshake.

    The certificates are the system's, or those of SSL_CERT_FILE and SSL_CERT_DIR, which OpenSSL itself reads.
    """

    def __init__(self) -> None:
        self._made: dict[tuple[bool, tuple[str, ...]], ssl.SSLContext] = {}

    def get(self, *, verify: bool, alpn: tuple[str, ...] = ()) -> ssl.SSLContext:
        """The context that verifies or not and offers these protocols."""
        key = (verify, alpn)
        context = self._made.get(key)
        if context is None:
            context = self._made[key] = _make(verify=verify, alpn=alpn)
        return context


def _make(*, verify: bool, alpn: tuple[str, ...]) -> ssl.SSLContext:
    if verify:
        context = ssl.create_default_context()
        # Set by default from Python 3.13 on only; browsers accept what it refuses, and the verdict must not depend on
        # the Python that reached it.
        context.verify_flags &= ~ssl.VerifyFlags.VERIFY_X509_STRICT
    else:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if alpn:
        context.set_alpn_protocols(list(alpn))
    return context
