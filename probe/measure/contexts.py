"""TLS contexts: made once each, since loading the system's certificates costs as much as thirty handshakes."""

from __future__ import annotations

import ssl


class Contexts:
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
