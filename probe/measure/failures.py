"""Classify exceptions as failures of `probe.model.failure`; no other module does.

The same exception means different things in different operations: a refused TCP connection is an RST, a refused
datagram an ICMP message. Code outside this room never reads an exception or its message.
"""

from __future__ import annotations

import errno
import socket
import ssl
from enum import Enum, auto

import msgspec

from probe.model.failure import Failure

MAX_DETAIL_CHARACTERS = 120
"""Characters of a detail: enough for a reader, too few for a server to fill evidence with its text."""


class Operation(Enum):
    """The operation during which an exception was raised."""

    CONNECT = auto()
    """connect(2) of a TCP socket: the TCP handshake."""
    DATAGRAM = auto()
    """Send and receive on a connected UDP socket."""
    STREAM = auto()
    """Send and receive on an open TCP connection, TLS included."""
    LOOKUP = auto()
    """getaddrinfo."""


class FailureInfo(msgspec.Struct, frozen=True):
    """How an operation failed.

    Attributes:
        failure: its class.
        detail: a few words for a person.
        alert: name of the TLS alert that ended it, as in RFC 8446 section 6; empty when none did.
    """

    failure: Failure
    detail: str = ""
    alert: str = ""


class OperationError(Exception):
    """An operation failed in a way that is already classified."""

    def __init__(self, info: FailureInfo) -> None:
        super().__init__(f"{info.failure}: {info.detail}")
        self.info = info


def operation_error(failure: Failure, detail: str = "") -> OperationError:
    """Return an `OperationError` for a failure that we decide: a bound exceeded, bytes without sense."""
    return OperationError(FailureInfo(failure, detail[:MAX_DETAIL_CHARACTERS]))


def alert_error(alert: str) -> OperationError:
    """Return an `OperationError` for a TLS alert that arrived in clear."""
    return OperationError(FailureInfo(Failure.ALERT, f"alert {alert}", alert))


# Error numbers of ICMP and ICMPv6 messages: Linux `icmp_err_convert` and `tab_unreach`, RFC 1122 section 3.2.2.1.
_UNREACHABLE = {
    getattr(errno, name)
    for name in ("ENETUNREACH", "EHOSTUNREACH", "EHOSTDOWN", "ENONET", "ENOPROTOOPT", "EPROTO", "EACCES")
    if hasattr(errno, name)
}
_NO_ROUTE = {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL, errno.ENETDOWN}
_NO_FAMILY = {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT, errno.ENETDOWN}
_RESET = {errno.ECONNRESET, errno.EPIPE, errno.ECONNABORTED, errno.ENOTCONN, errno.ESHUTDOWN}
# Error numbers that Windows' completion ports report in place of the ones above (Microsoft: System Error Codes).
_WINDOWS = {
    64: Failure.RESET,  # ERROR_NETNAME_DELETED
    121: Failure.TIMEOUT,  # ERROR_SEM_TIMEOUT
    1225: Failure.RESET,  # ERROR_CONNECTION_REFUSED
    1231: Failure.UNREACHABLE,  # ERROR_NETWORK_UNREACHABLE
    1232: Failure.UNREACHABLE,  # ERROR_HOST_UNREACHABLE
    1234: Failure.UNREACHABLE,  # ERROR_PORT_UNREACHABLE
    1236: Failure.RESET,  # ERROR_CONNECTION_ABORTED
}
# Alerts whose OpenSSL reason does not contain the word ALERT (openssl/sslerr.h, reasons 1110 to 1116).
_BARE_ALERTS = {
    "TLSV1_UNSUPPORTED_EXTENSION",
    "TLSV1_CERTIFICATE_UNOBTAINABLE",
    "TLSV1_UNRECOGNIZED_NAME",
    "TLSV1_BAD_CERTIFICATE_STATUS_RESPONSE",
    "TLSV1_BAD_CERTIFICATE_HASH_VALUE",
}


def classify(error: BaseException, operation: Operation, *, at_once: bool = False) -> FailureInfo:
    """Classify an exception.

    Args:
        error: any but a cancellation.
        operation: during which it was raised.
        at_once: the call itself failed, before anything can have arrived from the network.
    """
    match error:
        case OperationError():
            return error.info
        case ssl.SSLError():
            return _tls_failure(error)
        case TimeoutError():  # asyncio's, and the kernel's ETIMEDOUT
            return FailureInfo(Failure.TIMEOUT)
        case socket.gaierror() if operation is Operation.LOOKUP:
            return _lookup_failure(error)
        case OSError():
            return _socket_failure(error, operation, at_once=at_once)
        case EOFError():
            return FailureInfo(Failure.EOF, str(error)[:MAX_DETAIL_CHARACTERS])
        case _:
            return FailureInfo(Failure.BUG, f"{type(error).__name__}: {error}"[:MAX_DETAIL_CHARACTERS])


def _socket_failure(error: OSError, operation: Operation, *, at_once: bool) -> FailureInfo:
    code = error.errno or 0
    windows = getattr(error, "winerror", None)
    name = errno.errorcode.get(code, f"error {code}") if windows is None else f"WinError {windows}"
    if code in _NO_FAMILY or (at_once and (code in _NO_ROUTE or windows in (1231, 1232))):
        return FailureInfo(Failure.NO_ROUTE, name)
    if operation is Operation.DATAGRAM and (code in (errno.ECONNREFUSED, errno.ECONNRESET) or windows in (1225, 1234)):
        return FailureInfo(Failure.UNREACHABLE, name)  # ICMP port unreachable; Windows calls it a reset
    if windows in _WINDOWS:
        return FailureInfo(_WINDOWS[windows], name)
    if code == errno.ECONNREFUSED or code in _RESET:
        return FailureInfo(Failure.RESET, name)
    if code in _UNREACHABLE and not at_once:
        return FailureInfo(Failure.UNREACHABLE, name)
    return FailureInfo(Failure.LOCAL, name)


def _tls_failure(error: ssl.SSLError) -> FailureInfo:
    if isinstance(error, ssl.SSLCertVerificationError):
        reason = str(getattr(error, "verify_message", "") or error.reason or "certificate verify failed")
        # "Hostname mismatch, certificate is not valid for 'x'.": the observation has the name already.
        return FailureInfo(
            Failure.CERTIFICATE, reason.partition(", certificate is not valid")[0][:MAX_DETAIL_CHARACTERS]
        )
    if isinstance(error, ssl.SSLZeroReturnError):
        return FailureInfo(Failure.EOF, "close_notify")
    if isinstance(error, ssl.SSLEOFError) or error.reason == "UNEXPECTED_EOF_WHILE_READING":
        return FailureInfo(Failure.EOF)
    reason = error.reason or ""
    head, separator, tail = reason.partition("_ALERT_")
    if separator and head in ("SSLV3", "TLSV1", "TLSV13"):
        return FailureInfo(Failure.ALERT, reason, tail.lower())
    if reason in _BARE_ALERTS:
        return FailureInfo(Failure.ALERT, reason, reason.removeprefix("TLSV1_").lower())
    if reason in ("EXCESSIVE_MESSAGE_SIZE", "EXCESSIVE_RECORD_SIZE"):  # OpenSSL's own bound on certificate chains
        return FailureInfo(Failure.TOO_MUCH, reason)
    return FailureInfo(Failure.GARBAGE, (reason or type(error).__name__)[:MAX_DETAIL_CHARACTERS])


def _lookup_failure(error: socket.gaierror) -> FailureInfo:
    """Classify an error of getaddrinfo (RFC 3493 section 6.1), which does not distinguish SERVFAIL from silence."""
    code = error.errno
    if code == getattr(socket, "EAI_NODATA", None):
        return FailureInfo(Failure.NODATA, "EAI_NODATA")
    if code == socket.EAI_NONAME:
        return FailureInfo(Failure.NXDOMAIN, "EAI_NONAME")
    if code == socket.EAI_AGAIN:
        return FailureInfo(Failure.TIMEOUT, "EAI_AGAIN")
    if code == socket.EAI_FAIL:
        return FailureInfo(Failure.SERVFAIL, "EAI_FAIL")
    if code in (getattr(socket, "EAI_ADDRFAMILY", None), socket.EAI_FAMILY):
        return FailureInfo(Failure.NODATA, "EAI_ADDRFAMILY")
    return FailureInfo(Failure.LOCAL, str(error)[:MAX_DETAIL_CHARACTERS])
