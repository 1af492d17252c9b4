"""Certificates made by a library, and damaged copies of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

NOT_BEFORE = datetime(2026, 10, 1, 12, 30, 15, tzinfo=UTC)
NOT_AFTER = datetime(2027, 10, 1, tzinfo=UTC)
_KEY = ec.generate_private_key(ec.SECP256R1())


def certificate(
    names: Sequence[str] = ("a.example",),
    *,
    subject: str = "a.example",
    issuer: str = "Lab CA",
    more_names: Sequence[str] = (),
    not_before: datetime = NOT_BEFORE,
    not_after: datetime = NOT_AFTER,
) -> x509.Certificate:
    """Return a certificate with these fields, with a serial number of 0x1122334455.

    `more_names` are further common names of the subject and of the issuer.
    """

    def named(name: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, one) for one in (name, *more_names)])

    return (
        x509.CertificateBuilder()
        .subject_name(named(subject))
        .issuer_name(named(issuer))
        .public_key(_KEY.public_key())
        .serial_number(0x1122334455)
        .not_valid_before(not_before)
        .not_valid_after(not_after)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([x509.OID_SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False)
        .sign(_KEY, hashes.SHA256())
    )


def der(certificate: x509.Certificate) -> bytes:
    """Return the certificate in DER."""
    return certificate.public_bytes(Encoding.DER)


def damaged(data: bytes, old: bytes, new: bytes) -> bytes:
    """Replace bytes by as many others, in the last place where they are."""
    assert len(old) == len(new)
    before, found, after = data.rpartition(old)
    assert found
    return before + new + after


GOOD = der(certificate())
SAN = b"\x82\x09a.example"
ODDITIES = {
    "unknown version": damaged(GOOD, bytes.fromhex("a003020102"), bytes.fromhex("a003020109")),
    "negative serial number": damaged(GOOD, bytes.fromhex("02051122334455"), bytes.fromhex("02058122334455")),
    "duplicate extension": damaged(GOOD, bytes.fromhex("0603551d25"), bytes.fromhex("0603551d13")),
    "unknown kind of name": damaged(GOOD, SAN, b"\xa3\x09a.example"),
    "broken IP address": damaged(GOOD, SAN, b"\x87\x09a.example"),
    "broken name": damaged(GOOD, SAN, b"\x82\x09\xff.example"),
    "names that overrun": damaged(GOOD, SAN, b"\x82\x29a.example"),
    "month 13": damaged(GOOD, b"261001", b"261301"),
    "date in letters": damaged(GOOD, b"261001", b"abcdef"),
    "broken UTF-8": damaged(GOOD, b"Lab CA", b"L\xff\xfeCA"[:6].ljust(6, b"x")),
    "half a surrogate pair": damaged(GOOD, b"\x0c\x06Lab CA", b"\x1e\x06\xd8\x00\xd8\x00\xd8\x00"),
    "a name that is no name": damaged(GOOD, bytes.fromhex("0603550403"), bytes.fromhex("0403550403")),
}
