"""Read the beginning of a server's answer to a ClientHello, and say what identifies it.

For TLS 1.3 that is cipher suite and group: the certificate follows encrypted. For TLS 1.2 it is the leaf certificate.
Nothing is verified, so nothing here shows that the server is the right one: the caller compares with what it saw when
the full look verified the certificate.
"""

from __future__ import annotations

import hashlib
import struct

from probe.measure.failures import OperationError, alert_error, operation_error
from probe.measure.glance.client_hello import CIPHERS_1_2, CIPHERS_1_3, GROUPS, X25519
from probe.measure.tls_alerts import ALERTS
from probe.model.failure import Failure

MAX_LEAF_BYTES = 32_768
"""Size of a leaf certificate that is read; nearly all have 1 to 3 KB."""
_RETRY = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")
"""The random of a HelloRetryRequest (RFC 8446 section 4.1.3)."""
_DOWNGRADED = (b"DOWNGRD\1", b"DOWNGRD\0")
"""How a server of TLS 1.3 ends its random when it was asked for an older version (RFC 8446 section 4.1.3)."""
_ALERT, _HANDSHAKE = 21, 22
_SERVER_HELLO, _CERTIFICATE = 2, 11
_SUPPORTED_VERSIONS, _KEY_SHARE = 43, 51
_TLS_1_3_BYTES = b"\3\4"
_X25519_SHARE_BYTES = 2 + 2 + 32
_EXTENSION = struct.Struct("!HH")
_RECORD_HEADER_BYTES = 5
_MAX_RECORD_BYTES = 16_384
_LEAF_AT = 10
"""Where the leaf begins in a Certificate message: type, length, length of the list, length of the leaf."""
_FATAL = 2


def read_server_hello(data: bytes, session: bytes) -> str | None:
    """Return what identifies the answer; None where more bytes are needed.

    Args:
        data: all bytes that came.
        session: the session id of the ClientHello.

    Raises:
        OperationError: an alert came, or bytes that are no answer to the ClientHello.
        EOFError: the server says that it closes the connection.
    """
    hello = _hello_in_first_record(data)
    if hello and (seen := _read_hello(hello, session)):
        return seen
    messages, ended = _handshake_bytes(data)
    if messages and messages[0] != _SERVER_HELLO:
        raise _garbage("no ServerHello")
    size = 4 + int.from_bytes(messages[1:4], "big")
    found = None
    if 4 <= size <= len(messages):
        found = _read_hello(messages[4:size], session) or _read_certificate(messages[size:])
    if ended and found is None:
        raise _garbage("no record of a handshake")
    return found


def check_quic_hello(message: bytes) -> None:
    """Check a ServerHello that came over QUIC.

    Raises:
        OperationError: it is none, or none of TLS 1.3.
    """
    if message[0] != _SERVER_HELLO or not _read_hello(message[4:], b""):
        raise _garbage("no ServerHello")


def _garbage(detail: str) -> OperationError:
    return operation_error(Failure.GARBAGE, f"TLS: {detail}")


def _hello_in_first_record(data: bytes) -> bytes:
    """Return the body of the ServerHello where the first record has all of it, as nearly always; else nothing."""
    if len(data) < 9 or data[0] != _HANDSHAKE or data[1] != 3 or data[5] != _SERVER_HELLO or data[6]:
        return b""
    end = 9 + (data[7] << 8 | data[8])
    return data[9:end] if end <= len(data) and end <= 5 + (data[3] << 8 | data[4]) else b""


def _handshake_bytes(data: bytes) -> tuple[bytes, bool]:
    """Return what the records carry of the handshake in clear, and whether a record of another kind ends it."""
    found = bytearray()
    at = 0
    while at < len(data):
        kind = data[at]
        if kind not in (_ALERT, _HANDSHAKE) or data[at + 1 : at + 2] not in (b"", b"\3"):
            return bytes(found), True
        if len(data) < at + _RECORD_HEADER_BYTES:
            break
        size = data[at + 3] << 8 | data[at + 4]
        if not 0 < size <= _MAX_RECORD_BYTES:
            raise _garbage("a record of a wrong length")
        at += _RECORD_HEADER_BYTES
        body = data[at : at + size]
        if kind == _HANDSHAKE:
            found += body
        elif len(body) == size:
            _read_alert(body)
        at += size
    return bytes(found), False


def _read_alert(body: bytes) -> None:
    """End where an alert ends the handshake; a warning about the server name does not (RFC 6066 section 3)."""
    if len(body) != 2:
        raise _garbage("an alert of a wrong length")
    level, number = body
    if not number:
        raise EOFError("close_notify")
    if level == _FATAL:
        raise alert_error(ALERTS.get(number, f"alert_{number}"))


def _read_hello(body: bytes, session: bytes) -> str:
    """Return what identifies a ServerHello of TLS 1.3; nothing for one of TLS 1.2."""
    at = 35 + body[34] if len(body) > 34 else len(body)
    if len(body) < at + 3 or body[:2] != b"\3\3" or body[at + 2]:
        raise _garbage("a malformed ServerHello")
    cipher = body[at] << 8 | body[at + 1]
    extensions = _read_extensions(body, at + 3)
    version = extensions.get(_SUPPORTED_VERSIONS)
    if version is None:
        if cipher not in CIPHERS_1_2:
            raise _garbage("a cipher suite that was not offered")
        if body[26:34] in _DOWNGRADED:
            raise _garbage("a downgrade")
        return ""
    if version != _TLS_1_3_BYTES or body[35:at] != session or cipher not in CIPHERS_1_3:
        raise _garbage("a ServerHello that does not fit the ClientHello")
    share = extensions.get(_KEY_SHARE, b"")
    group = int.from_bytes(share[:2], "big")
    if body[2:34] == _RETRY:
        if share and (len(share) != 2 or group == X25519 or group not in GROUPS):
            raise _garbage("a group that was not offered")
        return f"TLSv1.3 {cipher:04x} {group:04x} retry"
    if group != X25519 or len(share) != _X25519_SHARE_BYTES or share[2:4] != b"\0\x20":
        raise _garbage("a group that was not offered")
    return f"TLSv1.3 {cipher:04x} {group:04x}"


def _read_extensions(body: bytes, at: int) -> dict[int, bytes]:
    """Return the extensions by their number; of a message without any, none."""
    found: dict[int, bytes] = {}
    if at == len(body):
        return found
    end = at + 2 + int.from_bytes(body[at : at + 2], "big")
    at += 2
    while at + 4 <= end <= len(body):
        kind, size = _EXTENSION.unpack_from(body, at)
        at += 4 + size
        found[kind] = body[at - size : at]
    if not at == end == len(body):
        raise _garbage("malformed extensions")
    return found


def _read_certificate(messages: bytes) -> str | None:
    """Return what identifies a server by the Certificate message that these bytes begin with; None where it is cut."""
    if messages and messages[0] != _CERTIFICATE:
        raise _garbage("no certificate")
    if len(messages) < _LEAF_AT:
        return None
    size, listed, leaf = (int.from_bytes(messages[at : at + 3], "big") for at in (1, 4, 7))
    if not leaf or leaf + 3 > listed or listed + 3 != size:
        raise _garbage("a malformed certificate message")
    if leaf > MAX_LEAF_BYTES:
        raise operation_error(Failure.TOO_MUCH, "certificate")
    if len(messages) < _LEAF_AT + leaf:
        return None
    return f"TLSv1.2 {hashlib.sha256(messages[_LEAF_AT : _LEAF_AT + leaf]).hexdigest()[:16]}"
