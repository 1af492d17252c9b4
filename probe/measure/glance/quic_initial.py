"""Pack the first packet of a QUIC connection and read the first answer to it (RFC 9000, 9001), without a QUIC library.

Initial packets are encrypted with keys that everybody on the path can derive, so one needs no handshake to read the
server's: two passes of AES for a datagram in place of a whole handshake's arithmetic. The ClientHello inside is of a
browser's shape; what `client_hello` says of X25519MLKEM768 goes for it, too: the Initial stays one datagram.
"""

from __future__ import annotations

import os
import struct
from hashlib import sha256
from random import Random
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB

from probe.measure.failures import FailureInfo, OperationError, operation_error
from probe.measure.glance.client_hello import (
    CIPHERS_1_3,
    GROUPS,
    SIGNATURES,
    X25519,
    extension,
    listed,
    server_name,
    words,
)
from probe.measure.glance.server_hello import check_quic_hello
from probe.measure.tls_alerts import ALERTS
from probe.model.failure import Failure

VERSION_1 = b"\0\0\0\1"
DATAGRAM_BYTES = 1200
"""Size that an Initial is padded to (RFC 9000 section 14.1); paths that QUIC works on carry it."""
ID_BYTES = 8
ANSWERED, RETRY, VERSIONS = "quic 1", "quic retry", "quic versions"
"""What is seen of a server: it goes on with the handshake; wants proof of our address; speaks other versions."""
_SALT = bytes.fromhex("38762cf7f55934b34d179ae6a4c80cadccbb7f0a")
_RETRY_KEY = bytes.fromhex("be0c690b9f66575a1d766b54e368c84e")
_RETRY_NONCE = bytes.fromhex("461599d35d632bf2239825bb")
"""RFC 9001 sections 5.2 and 5.8, for version 1."""
_TAG_BYTES = 16
_SAMPLE_AT = 4
"""Where the sample for header protection begins, from the packet number on (RFC 9001 section 5.4.2)."""
_PADDING, _PING, _ACK, _ACK_ECN, _CRYPTO, _CLOSE = 0, 1, 2, 3, 6, 0x1C
_INITIAL, _RETRY = 0, 3
_CRYPTO_ERROR = 0x100
_MAX_CRYPTO_BYTES = 4096
_MAX_FRAMES = 256


class InitialKeys(NamedTuple):
    """The keys of one side's Initial packets."""

    key: bytes
    vector: bytes
    header: bytes


class _Hmac:
    """HMAC-SHA-256 with one key, a few times: `hmac.digest` takes four times as long for messages of a few bytes."""

    __slots__ = ("_inner", "_outer")

    def __init__(self, key: bytes) -> None:
        block = key.ljust(64, b"\0")
        self._inner = sha256(block.translate(_INNER))
        self._outer = sha256(block.translate(_OUTER))

    def digest(self, message: bytes) -> bytes:
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(message)
        outer.update(inner.digest())
        return outer.digest()


_INNER, _OUTER = (bytes(octet ^ pad for octet in range(256)) for pad in (0x36, 0x5C))
_EXTRACT = _Hmac(_SALT)


def _label(name: str, size: int) -> bytes:
    """Return the information that HKDF-Expand-Label hashes for an output of at most 32 bytes (RFC 8446 section 7.1)."""
    label = b"tls13 " + name.encode()
    return struct.pack("!HB", size, len(label)) + label + b"\0\1"


_CLIENT, _SERVER = _label("client in", 32), _label("server in", 32)
_KEY, _VECTOR, _HEADER = _label("quic key", 16), _label("quic iv", 12), _label("quic hp", 16)


def client_keys(connection: bytes) -> InitialKeys:
    """Return the keys of the client's Initial packets to a destination connection id."""
    return _keys(connection, _CLIENT)


def server_keys(connection: bytes) -> InitialKeys:
    """Return the keys of the server's Initial packets; `connection` is the id that the client chose for it."""
    return _keys(connection, _SERVER)


def _keys(connection: bytes, side: bytes) -> InitialKeys:
    secret = _Hmac(_Hmac(_EXTRACT.digest(connection)).digest(side))
    return InitialKeys(secret.digest(_KEY)[:16], secret.digest(_VECTOR)[:12], secret.digest(_HEADER)[:16])


def pack_initial(server: bytes, client: bytes, hello: bytes, number: int = 0) -> bytes:
    """Return a datagram with an Initial packet that carries a ClientHello.

    Args:
        server: the connection id of the server, random.
        client: our connection id.
        hello: a handshake message.
        number: of the packet, below 128.
    """
    keys = client_keys(server)
    head = b"\xc0" + VERSION_1 + bytes((len(server),)) + server + bytes((len(client),)) + client + b"\0"
    size = max(DATAGRAM_BYTES - len(head) - 2, 1 + 8 + len(hello) + _TAG_BYTES)
    head += (0x4000 | size).to_bytes(2, "big") + bytes((number,))
    frames = b"\x06\0" + (0x4000 | len(hello)).to_bytes(2, "big") + hello
    plain = frames.ljust(size - 1 - _TAG_BYTES, b"\0")
    sealed = AESGCM(keys.key).encrypt(_nonce(keys, number), plain, head)
    mask = _mask(keys, sealed[_SAMPLE_AT - 1 : _SAMPLE_AT - 1 + 16])
    protected = bytearray(head)
    protected[0] ^= mask[0] & 0x0F
    protected[-1] ^= mask[1]
    return bytes(protected) + sealed


class InitialAnswer:
    """Reads the datagrams that answer an Initial.

    Args:
        server: the connection id that the Initial was sent to.
        client: our connection id.

    Attributes:
        replied: a datagram was a packet of this connection.
    """

    __slots__ = ("_client", "_crypto", "_keys", "_server", "replied")

    def __init__(self, server: bytes, client: bytes) -> None:
        self.replied = False
        self._server = server
        self._client = client
        self._keys: InitialKeys | None = None
        self._crypto: dict[int, bytes] = {}

    def read(self, data: bytes) -> str | None:
        """Return what identifies the answer; None where these bytes are no answer, or not yet all of it.

        Raises:
            OperationError: the server closes the connection, or answers another ClientHello.
        """
        try:
            return self._read(data)
        except (IndexError, struct.error, InvalidTag):
            return None

    def _read(self, data: bytes) -> str | None:
        client, server, at = _ids(data)
        if not data[0] & 0x80 or client != self._client:
            return None
        if data[1:5] == bytes(4):
            self.replied |= server == self._server
            return VERSIONS if server == self._server else None
        if data[1:5] != VERSION_1:
            return None
        kind = data[0] >> 4 & 3
        if kind == _RETRY:
            self._check_retry(data)
            self.replied = True
            return RETRY
        if kind != _INITIAL:
            return None
        token, at = _number(data, at)
        at += token
        if self._has_handshake(data, at):
            self.replied = True
            return ANSWERED
        self._read_frames(self._open_initial(data, at))
        self.replied = True
        return ANSWERED if self._has_hello() else None

    def _has_handshake(self, data: bytes, at: int) -> bool:
        """Whether a Handshake packet of this connection follows the Initial in its datagram.

        Then the server has accepted the ClientHello and goes on: there is no need to open the packet, which costs more
        than everything else in a glance. Servers fill their first datagram so.
        """
        size, at = _number(data, at)
        rest = data[at + size : at + size + 6 + len(self._client)]
        return (
            rest[:1] >= b"\xe0"
            and rest[:1] < b"\xf0"
            and rest[1:] == VERSION_1 + bytes((len(self._client),)) + self._client
        )

    def _check_retry(self, data: bytes) -> None:
        """Check the tag of a Retry packet (RFC 9001 section 5.8)."""
        pseudo = bytes((len(self._server),)) + self._server + data[:-_TAG_BYTES]
        AESGCM(_RETRY_KEY).decrypt(_RETRY_NONCE, data[-_TAG_BYTES:], pseudo)

    def _open_initial(self, data: bytes, at: int) -> bytes:
        """Return the frames of an Initial packet, the first of the datagram; its length is at `at`."""
        if self._keys is None:
            self._keys = server_keys(self._server)
        size, at = _number(data, at)
        sample = data[at + _SAMPLE_AT : at + _SAMPLE_AT + 16]
        if len(sample) < 16 or at + size > len(data):
            raise IndexError
        mask = _mask(self._keys, sample)
        first = data[0] ^ mask[0] & 0x0F
        length = (first & 3) + 1
        number = bytes(a ^ b for a, b in zip(data[at : at + length], mask[1:], strict=False))
        head = bytes((first,)) + data[1:at] + number
        nonce = _nonce(self._keys, int.from_bytes(number, "big"))
        return AESGCM(self._keys.key).decrypt(nonce, data[at + length : at + size], head)

    def _read_frames(self, frames: bytes) -> None:
        at = 0
        for _ in range(_MAX_FRAMES):
            while at < len(frames) and frames[at] == _PADDING:
                at += 1
            if at >= len(frames):
                return
            kind, at = frames[at], at + 1
            if kind in (_ACK, _ACK_ECN):
                at = _skip_ack(frames, at, ecn=kind == _ACK_ECN)
            elif kind == _CRYPTO:
                offset, at = _number(frames, at)
                size, at = _number(frames, at)
                if offset + size <= _MAX_CRYPTO_BYTES:
                    self._crypto[offset] = frames[at : at + size]
                at += size
            elif kind == _CLOSE:
                raise OperationError(_closed(_number(frames, at)[0]))
            elif kind != _PING:
                raise operation_error(Failure.GARBAGE, f"QUIC: frame {kind:#x} in an Initial")

    def _has_hello(self) -> bool:
        """Whether the whole ServerHello is there.

        Raises:
            OperationError: what is there is none that fits the ClientHello.
        """
        found = b""
        while piece := self._crypto.get(len(found)):
            found += piece
        if len(found) < 4 or len(found) < 4 + int.from_bytes(found[1:4], "big"):
            return False
        check_quic_hello(found)
        return True


def _ids(data: bytes) -> tuple[bytes, bytes, int]:
    """Return destination and source connection id of a long header, and where it goes on."""
    at = 6 + data[5]
    end = at + 1 + data[at]
    return data[6:at], data[at + 1 : end], end


def _number(data: bytes, at: int) -> tuple[int, int]:
    """Read a number of variable length (RFC 9000 section 16); return it and where the next byte is."""
    size = 1 << (data[at] >> 6)
    if at + size > len(data):
        raise IndexError
    return int.from_bytes(data[at : at + size], "big") & (1 << 8 * size - 2) - 1, at + size


def _skip_ack(frames: bytes, at: int, *, ecn: bool) -> int:
    for _ in range(2):
        _, at = _number(frames, at)
    ranges, at = _number(frames, at)
    for _ in range(1 + 2 * min(ranges, _MAX_FRAMES) + 3 * ecn):
        _, at = _number(frames, at)
    return at


def _nonce(keys: InitialKeys, number: int) -> bytes:
    return keys.vector[:-4] + (int.from_bytes(keys.vector[-4:], "big") ^ number).to_bytes(4, "big")


def _mask(keys: InitialKeys, sample: bytes) -> bytes:
    # ECB of one block is how header protection is defined (RFC 9001 section 5.4.3).
    return Cipher(AES(keys.header), ECB()).encryptor().update(sample)  # noqa: S305


def _closed(code: int) -> FailureInfo:
    """Name how the server closes the connection (RFC 9001 section 4.8)."""
    if _CRYPTO_ERROR <= code < _CRYPTO_ERROR + 256:
        alert = ALERTS.get(code - _CRYPTO_ERROR, f"alert_{code - _CRYPTO_ERROR}")
        return FailureInfo(Failure.ALERT, f"alert {alert}", alert)
    return FailureInfo(Failure.EOF, f"QUIC error {code:#x}")


def quic_hello(name: str, client: bytes) -> bytes:
    """Return a ClientHello for QUIC as a handshake message.

    Args:
        name: server name in A-labels; empty for none.
        client: our connection id, which the transport parameters repeat.

    Raises:
        OperationError: the name is too long.
    """
    random = os.urandom(64)
    named = server_name(name) if name else b""
    size = _EXTENSIONS_BYTES + len(named) + len(client)
    return b"".join(
        (
            b"\1\0",
            (2 + 32 + 1 + len(_CIPHERS) + 2 + 2 + size).to_bytes(2, "big"),
            b"\3\3",
            random[:32],
            b"\0",
            _CIPHERS,
            b"\1\0",
            size.to_bytes(2, "big"),
            _BEFORE,
            named,
            _BETWEEN,
            _SHARE,
            random[32:],
            _AFTER,
            (len(_PARAMETERS) + 2 + len(client)).to_bytes(2, "big"),
            _PARAMETERS,
            b"\x0f",
            bytes((len(client),)),
            client,
        )
    )


_RANDOM = Random(os.urandom(16))  # noqa: S311 - the order is no secret
_GREASE_GROUP = _RANDOM.randrange(16) * 0x1010 + 0x0A0A
_CIPHERS = listed(words(*CIPHERS_1_3))
_ORDER = _RANDOM.sample(
    [
        extension(10, listed(words(_GREASE_GROUP, *GROUPS))),
        extension(13, listed(words(*SIGNATURES))),
        extension(16, listed(b"\2h3")),
        extension(27, listed(words(2), 1)),
        extension(43, listed(b"\3\4", 1)),
        extension(45, b"\1\1"),
    ],
    6,
)
_AT = sorted(_RANDOM.choices(range(7), k=2))
_BEFORE, _BETWEEN = (b"".join(part) for part in (_ORDER[: _AT[0]], _ORDER[_AT[0] : _AT[1]]))
_SHARE = extension(51, listed(words(_GREASE_GROUP, 1) + b"\0" + words(X25519, 32) + bytes(32)))[:-32]
# Transport parameters as Chrome's (RFC 9000 section 18.2): idle time-out 30 s, datagrams of 1,472 bytes, 15 MiB of
# data, 6 MiB of each stream, 100 and 103 streams. They are the last extension, since they end with our connection id.
_PARAMETERS = bytes.fromhex("010480007530030245c0040480f000000504806000000604806000000704806000000802406409024067")
_AFTER = b"".join(_ORDER[_AT[1] :]) + words(0x39)
_EXTENSIONS_BYTES = len(_BEFORE + _BETWEEN + _SHARE + _AFTER) + 32 + 2 + len(_PARAMETERS) + 2
"""Bytes of all extensions but the server name and the connection id."""
