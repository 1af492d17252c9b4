"""TLS by BoringSSL (package utls, extra `boringssl`): a handshake at less than half the cost, which can only acquit.

It performs the first attempt at an https page, and no other handshake. What it accepts is accepted: it verifies chain,
dates and name with the authorities that OpenSSL has here. What it refuses is no finding: it lacks what old servers need
(finite-field Diffie-Hellman), reads a certificate more strictly (no common names), and utls reports an alert before the
certificate as a certificate that does not verify. The caller therefore asks again with OpenSSL (`more_tolerant`), whose
words evidence carries. Every further attempt is OpenSSL's, so that no verdict of a block rests on BoringSSL alone: its
ClientHello has another shape, and some middleboxes act on the shape.
"""

from __future__ import annotations

import importlib.util
import os
import socket
import ssl
from contextlib import suppress
from typing import Any

from probe.errors import ProbeError
from probe.measure.budget import Budget
from probe.measure.failures import operation_error
from probe.measure.stream import TlsStream
from probe.model.failure import Failure

GROUPS = "X25519:P-256:P-384"
"""Groups that the ClientHello offers. With the hybrid one of BoringSSL's default (ML-KEM) it takes 1.5 kB, and the
second packet would let it pass middleboxes that read only the first."""
_SHA1_SIGNATURES = tuple(map(bytes.fromhex, ("06092a864886f70d010105", "06072a8648ce3d0401")))
"""DER of sha1WithRSAEncryption (RFC 8017 appendix A.2.4) and ecdsa-with-SHA1 (RFC 3279 section 2.2.3). BoringSSL
accepts chains with such signatures, OpenSSL and browsers do not."""


def require_utls() -> None:
    """Check that BoringSSL is available.

    Raises:
        ProbeError: the package is not installed; says how to install it.
    """
    if importlib.util.find_spec("utls") is None:
        raise ProbeError("BoringSSL needs the package utls", mend="pip install 'reachability-probe[boringssl]'")


class BoringContexts:
    """Cache of BoringSSL's contexts, all of which verify. They trust what OpenSSL's default context trusts here.

    Raises:
        ProbeError: the package is not installed.
    """

    def __init__(self) -> None:
        require_utls()
        self._made: dict[tuple[str, ...], Any] = {}

    def stream(
        self, sock: socket.socket, name: str, alpn: tuple[str, ...], budget: Budget | None = None
    ) -> BoringStream:
        """Return a stream over a connected socket, before its handshake.

        Args:
            sock: connected, non-blocking; the stream owns it.
            name: the name or address the certificate must be for; sent as SNI where it is a name.
            alpn: protocols to offer, in order.
            budget: counts the bytes read.

        Raises:
            OperationError: BoringSSL takes no such name.
        """
        context = self._made.get(alpn)
        if context is None:
            context = self._made[alpn] = _make_context(alpn)
        try:
            return BoringStream(sock, context, name, budget)
        except ssl.SSLError as error:
            raise _refusal(error) from error


class BoringStream(TlsStream):
    """A connection under BoringSSL's TLS. Owns the socket."""

    @staticmethod
    def _new_buffer() -> ssl.MemoryBIO:
        import utls  # noqa: PLC0415 - an extra; it has been loaded

        buffer: ssl.MemoryBIO = utls.MemoryBIO()  # in all but type; utls copies through one of ssl's
        return buffer

    async def handshake(self) -> None:
        """Perform the handshake, from ClientHello to Finished.

        Raises:
            OSError: the connection broke.
            EOFError: the other side closed.
            OperationError: an alert arrived, BoringSSL refused, or more arrived than a handshake needs.
        """
        try:
            await super().handshake()
        except ssl.SSLError as error:
            raise _refusal(error) from error
        session: Any = self.tls
        chain = [shown.public_bytes(shown.ENCODING_DER) for shown in session.get_unverified_chain()]
        if any(mark in der for der in chain for mark in _SHA1_SIGNATURES):
            raise operation_error(Failure.GARBAGE, "BoringSSL: chain with SHA-1")

    async def receive(self) -> bytes:
        """Return the next bytes; empty when the other side closed, with or without close_notify.

        Raises:
            OSError: the connection broke; ssl.SSLError for an alert or bytes that are not TLS.
            OperationError: the other side sent more than a connection may read.
        """
        try:
            return await super().receive()
        except ssl.SSLError as error:
            error.reason = reason_of(error)
            raise


def _refusal(error: ssl.SSLError) -> Exception:
    return operation_error(Failure.GARBAGE, f"BoringSSL: {reason_of(error)}")


def reason_of(error: ssl.SSLError) -> str:
    """Return BoringSSL's reason from a message of utls, in the form of OpenSSL's: `WRONG_VERSION_NUMBER`."""
    text = str(error.args[-1]) if error.args else ""
    return text.rpartition("OPENSSL_internal:")[2] or type(error).__name__


def _make_context(alpn: tuple[str, ...]) -> Any:
    import utls  # noqa: PLC0415 - an extra, loaded when it is needed

    context = utls.SSLContext(utls.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ecdh_curve(GROUPS)
    _trust_defaults(context)
    context.set_alpn_protocols(list(alpn))
    return context


def _trust_defaults(context: Any) -> None:
    """Trust the authorities of OpenSSL's default context: not those that utls would find or bring along."""
    for authority in ssl.create_default_context().get_ca_certs(binary_form=True):
        with suppress(ssl.SSLError):  # BoringSSL reads certificates more strictly
            context.load_verify_locations(cadata=authority)
    paths = ssl.get_default_verify_paths()
    folders = os.environ.get(paths.openssl_capath_env) or paths.openssl_capath
    with suppress(ssl.SSLError):  # no such folder
        context.load_verify_locations(capath=folders)
