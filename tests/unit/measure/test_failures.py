"""Every exception is classified by the operation that raised it."""

from __future__ import annotations

import errno
import socket
import ssl

import pytest

from probe.measure.failures import (
    MAX_DETAIL_CHARACTERS,
    FailureInfo,
    Operation,
    OperationError,
    classify,
    operation_error,
)
from probe.model.failure import Failure


def tls(reason: str, kind: type[ssl.SSLError] = ssl.SSLError) -> ssl.SSLError:
    """Return an error of the ssl module with this reason."""
    error = kind(1, f"[SSL: {reason}] something")
    error.reason = reason
    return error


@pytest.mark.parametrize(
    "error, act, failure",
    [
        (TimeoutError(), Operation.CONNECT, Failure.TIMEOUT),
        (OSError(errno.ETIMEDOUT, ""), Operation.CONNECT, Failure.TIMEOUT),
        (OSError(errno.ECONNREFUSED, ""), Operation.CONNECT, Failure.RESET),
        (OSError(errno.ECONNRESET, ""), Operation.CONNECT, Failure.RESET),
        (OSError(errno.ECONNRESET, ""), Operation.STREAM, Failure.RESET),
        (OSError(errno.EPIPE, ""), Operation.STREAM, Failure.RESET),
        (OSError(errno.ECONNREFUSED, ""), Operation.DATAGRAM, Failure.UNREACHABLE),
        (OSError(errno.EHOSTUNREACH, ""), Operation.CONNECT, Failure.UNREACHABLE),
        (OSError(errno.ENETUNREACH, ""), Operation.STREAM, Failure.UNREACHABLE),
        (OSError(errno.EACCES, ""), Operation.CONNECT, Failure.UNREACHABLE),
        (OSError(errno.EADDRNOTAVAIL, ""), Operation.CONNECT, Failure.NO_ROUTE),
        (OSError(errno.EAFNOSUPPORT, ""), Operation.CONNECT, Failure.NO_ROUTE),
        (OSError(errno.EMFILE, ""), Operation.CONNECT, Failure.LOCAL),
        (OSError(errno.EPERM, ""), Operation.DATAGRAM, Failure.LOCAL),
        (EOFError(), Operation.STREAM, Failure.EOF),
        (KeyError("x"), Operation.STREAM, Failure.BUG),
    ],
)
def test_a_socket_error_is_classified_by_the_operation(error: Exception, act: Operation, failure: Failure) -> None:
    """A refused connection is an RST, a refused datagram an ICMP message."""
    assert classify(error, act).failure is failure


@pytest.mark.parametrize("code", [errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL])
def test_an_error_of_the_call_itself_is_no_answer_from_the_path(code: int) -> None:
    """The same number later is an ICMP message."""
    assert classify(OSError(code, ""), Operation.CONNECT, at_once=True).failure is Failure.NO_ROUTE
    assert classify(OSError(errno.EACCES, ""), Operation.CONNECT, at_once=True).failure is Failure.LOCAL


def test_an_unknown_error_number_is_a_local_failure() -> None:
    """The detail is the number."""
    assert classify(OSError(9999, ""), Operation.CONNECT) == FailureInfo(Failure.LOCAL, "error 9999")


def test_the_error_numbers_of_windows_are_classified() -> None:
    """Completion ports report other numbers than socket calls."""
    for number, failure in {1225: Failure.RESET, 121: Failure.TIMEOUT, 1231: Failure.UNREACHABLE}.items():
        windows = type("WindowsLike", (OSError,), {"winerror": number})(errno.EINVAL, "")
        assert classify(windows, Operation.CONNECT).failure is failure


@pytest.mark.parametrize(
    "reason, failure, alert",
    [
        ("SSLV3_ALERT_HANDSHAKE_FAILURE", Failure.ALERT, "handshake_failure"),
        ("TLSV1_ALERT_PROTOCOL_VERSION", Failure.ALERT, "protocol_version"),
        ("TLSV13_ALERT_CERTIFICATE_REQUIRED", Failure.ALERT, "certificate_required"),
        ("TLSV1_UNRECOGNIZED_NAME", Failure.ALERT, "unrecognized_name"),
        ("WRONG_VERSION_NUMBER", Failure.GARBAGE, ""),
        ("UNEXPECTED_EOF_WHILE_READING", Failure.EOF, ""),
        ("EXCESSIVE_MESSAGE_SIZE", Failure.TOO_MUCH, ""),
        ("", Failure.GARBAGE, ""),
    ],
)
def test_an_alert_differs_from_garbage_and_from_an_end(reason: str, failure: Failure, alert: str) -> None:
    """An alert is the server's own message; its name is spelled as in the RFC."""
    found = classify(tls(reason), Operation.STREAM)

    assert (found.failure, found.alert) == (failure, alert)


def test_the_reason_of_a_certificate_error_is_kept_without_the_name() -> None:
    """The observation has the name already."""
    error = tls("CERTIFICATE_VERIFY_FAILED", ssl.SSLCertVerificationError)
    error.verify_message = "Hostname mismatch, certificate is not valid for 'lab.example'."  # type: ignore[attr-defined]

    assert classify(error, Operation.STREAM) == FailureInfo(Failure.CERTIFICATE, "Hostname mismatch")


def test_a_tls_session_that_is_closed_is_an_end() -> None:
    """With close_notify or without."""
    assert classify(ssl.SSLZeroReturnError(), Operation.STREAM).failure is Failure.EOF
    assert classify(ssl.SSLEOFError(), Operation.STREAM).failure is Failure.EOF


@pytest.mark.parametrize(
    "code, failure",
    [
        (socket.EAI_NONAME, Failure.NXDOMAIN),
        (socket.EAI_AGAIN, Failure.TIMEOUT),
        (socket.EAI_FAIL, Failure.SERVFAIL),
        (socket.EAI_FAMILY, Failure.NODATA),
        (socket.EAI_MEMORY, Failure.LOCAL),
    ],
)
def test_the_errors_of_getaddrinfo_are_classified(code: int, failure: Failure) -> None:
    """As far as it distinguishes them."""
    assert classify(socket.gaierror(code, ""), Operation.LOOKUP).failure is failure


def test_a_classified_error_keeps_its_class_and_details_are_bounded() -> None:
    """A server cannot fill evidence with its text."""
    end = operation_error(Failure.TOO_MUCH, "x" * 1000)

    assert isinstance(end, OperationError)
    assert classify(end, Operation.STREAM) is end.info
    assert len(end.info.detail) == MAX_DETAIL_CHARACTERS
    assert len(classify(ValueError("y" * 1000), Operation.STREAM).detail) == MAX_DETAIL_CHARACTERS
