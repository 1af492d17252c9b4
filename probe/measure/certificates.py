"""Trusted certificates as TLS contexts, and the facts of a server's certificate that evidence carries."""

from __future__ import annotations

import hashlib
import os
import re
import ssl
from contextlib import suppress
from datetime import datetime
from functools import cache, lru_cache
from pathlib import Path

from probe.measure.x509 import X509Fields, read_fields
from probe.model.address import parse_address
from probe.model.observation import Certificate

MAX_NAMES = 8
"""DNS names of a certificate that evidence keeps; some certificates have hundreds."""
_HASHED_NAME = re.compile(r"[0-9a-f]{8}\.\d+")
"""Names of the files in a folder of trusted certificates (openssl-rehash)."""
_MAX_TEXT_LENGTH = 80
_OP_LEGACY_SERVER_CONNECT = getattr(ssl, "OP_LEGACY_SERVER_CONNECT", 0x4)
"""Python names it from 3.12 on; the value is OpenSSL's (openssl/ssl.h)."""
_MAX_CACHED = 512
"""Verified certificates whose facts are cached: a round sees the same ones again and again."""


class TlsContexts:
    """Cache of TLS contexts: loading the system's certificates costs as much as thirty handshakes.

    The trusted certificates are the system's, or those of SSL_CERT_FILE and SSL_CERT_DIR, which OpenSSL reads itself.
    """

    def __init__(self) -> None:
        self._has_authorities: bool | None = None
        self._made: dict[tuple[bool, tuple[str, ...], bool], ssl.SSLContext] = {}

    def get(self, *, verify: bool, alpn: tuple[str, ...] = (), legacy: bool = False) -> ssl.SSLContext:
        """Return the context that verifies or not and offers these protocols.

        Args:
            verify: whether a certificate that does not verify ends the handshake.
            alpn: protocols to offer, in order.
            legacy: accept what browsers still accept and OpenSSL does not: servers without secure renegotiation
                (RFC 5746), keys and Diffie-Hellman groups of 1,024 bits, key exchange by RSA, CBC with SHA-1.
        """
        key = (verify, alpn, legacy)
        context = self._made.get(key)
        if context is None:
            context = self._made[key] = _make_context(verify=verify, alpn=alpn)
            if legacy:
                context.set_ciphers("DEFAULT:@SECLEVEL=1")
                context.options |= _OP_LEGACY_SERVER_CONNECT
        return context

    @property
    def lack_authorities(self) -> bool:
        """Whether this host is known to have no trusted certificates, so that no server's could be verified."""
        return self._has_authorities is False

    def check_authorities(self) -> bool:
        """Return whether this host has any trusted certificates; looked up once, after a certificate did not verify."""
        if self._has_authorities is None:
            made = (context for (verify, _, _), context in self._made.items() if verify)
            self._has_authorities = _has_authorities(next(made, None) or self.get(verify=True))
        return self._has_authorities


def _make_context(*, verify: bool, alpn: tuple[str, ...]) -> ssl.SSLContext:
    if verify:
        context = ssl.create_default_context()
        # The default only from Python 3.13 on. Browsers accept what it refuses, and the verdict must not depend on the
        # version of Python.
        context.verify_flags &= ~ssl.VerifyFlags.VERIFY_X509_STRICT
    else:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if alpn:
        context.set_alpn_protocols(list(alpn))
    return context


def _has_authorities(context: ssl.SSLContext) -> bool:
    """Whether a context trusts any certificate. OpenSSL reads the folder's files only when it needs one."""
    if context.cert_store_stats()["x509"]:
        return True
    paths = ssl.get_default_verify_paths()
    folders = os.environ.get(paths.openssl_capath_env) or paths.openssl_capath
    return any(_holds_certificates(Path(folder)) for folder in folders.split(os.pathsep) if folder)


def _holds_certificates(folder: Path) -> bool:
    with suppress(OSError):
        return any(_HASHED_NAME.fullmatch(path.name) for path in folder.iterdir())
    return False


def system_certificates() -> tuple[str | None, str | None, bytes | None]:
    """Return the file, the folder and the PEM text of the trusted certificates, for libraries other than OpenSSL."""
    paths = ssl.get_default_verify_paths()
    if paths.cafile or paths.capath:
        return paths.cafile, paths.capath, None
    return None, None, _certificates_as_pem()


@cache
def _certificates_as_pem() -> bytes | None:
    """Return the system's certificates where they are in no file (Windows); None where there are none."""
    known = ssl.create_default_context().get_ca_certs(binary_form=True)
    return "".join(map(ssl.DER_cert_to_PEM_cert, known)).encode() or None


@lru_cache(_MAX_CACHED)
def verified_facts(der: bytes) -> Certificate:
    """Return the facts of a verified certificate; of several common names the last, as `ssl` itself reads them."""
    fields = read_fields(der)
    return Certificate(sha256=_sha256(der)) if fields is None else _facts(der, fields, "")


def unverified_facts(der: bytes, name: str, now: datetime) -> Certificate:
    """Return the facts of a certificate that was not verified, as far as they can be read.

    `error` names what is wrong with the certificate itself, in OpenSSL's words where it has any: fields that cannot be
    read, dates, the name, the signature by itself. It is empty where only the chain could show a fault. Of several
    common names the first is kept, as earlier versions kept it.

    Args:
        der: the certificate.
        name: the name or address that was asked for.
        now: compared with its dates.
    """
    fields = read_fields(der, first=True)
    if fields is None:
        return Certificate(sha256=_sha256(der), error="malformed certificate")
    return _facts(der, fields, _error(fields, name, now))


def _facts(der: bytes, fields: X509Fields, error: str) -> Certificate:
    return Certificate(
        sha256=_sha256(der),
        issuer=_short(fields.issuer_name),
        subject=_short(fields.subject_name),
        names=tuple(_short(name) for name in fields.names[:MAX_NAMES]),
        not_before=_rfc3339(fields.not_before),
        not_after=_rfc3339(fields.not_after),
        error=error,
    )


def _error(fields: X509Fields, name: str, now: datetime) -> str:
    if fields.problems:
        return f"malformed certificate ({', '.join(fields.problems)})"
    if fields.issuer == fields.subject:
        return "self-signed certificate"
    if fields.not_before is not None and now < fields.not_before:
        return "certificate is not yet valid"
    if fields.not_after is not None and now > fields.not_after:
        return "certificate has expired"
    if parse_address(name) is None and not any(matches(pattern, name) for pattern in fields.names):
        return "Hostname mismatch"
    return ""


def matches(pattern: str, name: str) -> bool:
    """Return whether a certificate's DNS name covers this host name (RFC 9525 6.3: `*` is the whole first label)."""
    pattern, name = pattern.lower().rstrip("."), name.lower().rstrip(".")
    if pattern.startswith("*."):
        _, dot, rest = name.partition(".")
        return bool(dot) and rest == pattern[2:]
    return pattern == name


def _sha256(der: bytes) -> str:
    return hashlib.sha256(der).hexdigest()


def _short(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text[:_MAX_TEXT_LENGTH])


def _rfc3339(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment:%Y-%m-%dT%H:%M:%SZ}"
