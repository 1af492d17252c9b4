"""OONI's failure strings (df-007) as our failures, and ours as theirs.

A string that nobody knows shows nothing about the network: it becomes a failure of the host that measured.
"""

from __future__ import annotations

from typing import Final

from probe.model.failure import Failure
from probe.model.hop import Layer

_FAILURES: Final[dict[str, Failure]] = {
    "generic_timeout_error": Failure.TIMEOUT,
    "deadline_exceeded": Failure.TIMEOUT,
    "connection_refused": Failure.RESET,
    "connection_refused_error": Failure.RESET,
    "connection_reset": Failure.RESET,
    "eof_error": Failure.EOF,
    "host_unreachable": Failure.UNREACHABLE,
    "network_unreachable": Failure.NO_ROUTE,
    "address_family_not_supported": Failure.NO_ROUTE,
    "ssl_failed_handshake": Failure.ALERT,
    "ssl_invalid_certificate": Failure.CERTIFICATE,
    "ssl_invalid_hostname": Failure.CERTIFICATE,
    "ssl_unknown_authority": Failure.CERTIFICATE,
    "dns_nxdomain_error": Failure.NXDOMAIN,
    "dns_name_error": Failure.NXDOMAIN,
    "dns_no_answer": Failure.NODATA,
    "dns_refused_error": Failure.REFUSED,
    "dns_servfail_error": Failure.SERVFAIL,
    "dns_server_misbehaving": Failure.SERVFAIL,
    "dns_temporary_failure": Failure.SERVFAIL,
    "dns_non_recoverable_failure": Failure.SERVFAIL,
    "dns_reply_from_unexpected_server": Failure.GARBAGE,
}
"""`network_unreachable` is the host's own missing route; an alert ends a handshake that OONI calls failed."""

DNS_UNKNOWN: Final = frozenset({"android_dns_cache_no_data", "dns_lookup_error"})
"""Words for any failure of a look-up, time-outs among them."""

CERTIFICATE_ERRORS: Final = {
    "ssl_unknown_authority": "unable to get local issuer certificate",
    "ssl_invalid_hostname": "Hostname mismatch",
}
"""OpenSSL's words for OONI's reasons. `ssl_invalid_certificate` is what else Go finds: mostly the dates."""

_WORDS: Final[dict[Failure, str]] = {
    Failure.TIMEOUT: "generic_timeout_error",
    Failure.RESET: "connection_reset",
    Failure.EOF: "eof_error",
    Failure.UNREACHABLE: "host_unreachable",
    Failure.NO_ROUTE: "network_unreachable",
    Failure.NXDOMAIN: "dns_nxdomain_error",
    Failure.NODATA: "dns_no_answer",
    Failure.SERVFAIL: "dns_servfail_error",
    Failure.REFUSED: "dns_refused_error",
    Failure.ALERT: "ssl_failed_handshake",
    Failure.CERTIFICATE: "ssl_invalid_certificate",
}


def failure_of(word: str | None) -> Failure | None:
    """Our failure for one of OONI's strings; None for none, `LOCAL` for one that is not known."""
    if not word:
        return None
    if word in DNS_UNKNOWN:
        return Failure.TIMEOUT
    return _FAILURES.get(word, Failure.LOCAL)


def is_known(word: str | None) -> bool:
    """Whether a failure string is one that this module reads; no failure is."""
    return not word or word in _FAILURES or word in DNS_UNKNOWN


def word_of(failure: Failure | None, layer: Layer, certificate_error: str = "") -> str | None:
    """OONI's string for a failure of ours; None where nothing failed.

    Args:
        failure: how it failed.
        layer: where; an RST to a SYN has a word of its own.
        certificate_error: why a certificate did not verify.
    """
    if failure is None:
        return None
    if layer is Layer.TCP and failure is Failure.RESET:
        return "connection_refused"
    if failure is Failure.CERTIFICATE:
        if "mismatch" in certificate_error.lower():
            return "ssl_invalid_hostname"
        is_chain = any(word in certificate_error for word in ("issuer", "self-signed", "self signed"))
        return "ssl_unknown_authority" if is_chain else "ssl_invalid_certificate"
    return _WORDS.get(failure, f"unknown_failure: {failure}")
