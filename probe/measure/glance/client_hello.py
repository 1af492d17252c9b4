"""Pack the ClientHello of a glance: one of a browser's shape, in one segment.

Its extensions, cipher suites and groups are those of Chrome without hybrid key exchange, in a random order, as Chrome
shuffles them since version 110; GREASE values (RFC 8701) are random, too. No key is ever derived, so the key share is
random bytes: every 32 octets are a public key of X25519 (RFC 7748 section 5).

What is left out, and why:

X25519MLKEM768
    It makes the hello two segments (1.2 KB more), so that the server name may be in the second. A filter that does not
    reassemble segments lets such a hello pass (Chrome's did, in 2024), and the full look's of one segment not: the
    glance would acquit what is blocked. Browsers whose policy or version has no hybrid key exchange send the hello that
    is sent here.
ECH GREASE
    Filters treat it in ways of their own, and the full look offers no ECH.

The hello has 517 bytes as the full look's and those browsers' have: a padding extension fills it up (RFC 7685).
"""

from __future__ import annotations

import os
import struct
from random import Random

from probe.measure.failures import operation_error
from probe.model.failure import Failure

X25519, P256, P384 = 0x001D, 0x0017, 0x0018
GROUPS = (X25519, P256, P384)
CIPHERS_1_3 = (0x1301, 0x1302, 0x1303)
CIPHERS_1_2 = (0xC02B, 0xC02F, 0xC02C, 0xC030, 0xCCA9, 0xCCA8, 0xC013, 0xC014, 0x009C, 0x009D, 0x002F, 0x0035)
TLS_1_2, TLS_1_3 = 0x0303, 0x0304
SIGNATURES = (0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601)
_HELLO_BYTES = 512
"""Bytes of the handshake message with its header, as browsers pad it: some load balancers hang at 256 to 511."""
_TEMPLATES = 16
"""Orders of extensions that a process uses."""
_RANDOM_BYTES = 96
"""Random bytes of a hello: its random, its session id and its key. Taken from the system for many hellos at once."""
_GREASE = tuple(value << 8 | value for value in range(0x0A, 0x100, 0x10))
_SERVER_NAME, _PADDING, _KEY_SHARE = 0, 21, 51
_MAX_NAME_BYTES = 255


class ClientHelloTemplates:
    """Packs hellos that differ in the server name, their random bytes, their order and their GREASE.

    Args:
        alpn: protocols offered, in order.
        random: chooses orders and GREASE.
    """

    def __init__(self, alpn: tuple[bytes, ...] = (b"h2", b"http/1.1"), random: Random | None = None) -> None:
        chosen = random or Random(os.urandom(16))  # noqa: S311 - the order is no secret
        self._templates = [_template(chosen, alpn) for _ in range(_TEMPLATES)]
        self._next = 0
        self._random = b""
        self._random_at = 0

    def pack(self, name: str) -> tuple[bytes, bytes]:
        """Return a ClientHello in one record, and its session id, which a server of TLS 1.3 repeats.

        Args:
            name: server name in A-labels; empty for none.

        Raises:
            OperationError: the name is too long.
        """
        self._next = (self._next + 1) % _TEMPLATES
        ciphers, before, middle, after, fixed = self._templates[self._next]
        if self._random_at == len(self._random):
            self._random, self._random_at = os.urandom(_RANDOM_BYTES * _TEMPLATES), 0
        at = self._random_at
        random = self._random[at : at + _RANDOM_BYTES]
        self._random_at = at + _RANDOM_BYTES
        session = random[32:64]
        named = server_name(name) if name else b""
        missing = _HELLO_BYTES - fixed - len(named) - 4
        padding = extension(_PADDING, bytes(missing)) if missing >= 0 else b""
        size = fixed + len(named) + len(padding)
        return b"".join(
            (
                _RECORD.pack(22, 0x0301, size),
                _HANDSHAKE.pack(1, size - 4 >> 16, size - 4 & 0xFFFF, TLS_1_2),
                random[:32],
                b"\x20",
                session,
                ciphers,
                _LENGTH.pack(size - 4 - 2 - 32 - 1 - 32 - len(ciphers) - 2),
                before,
                named,
                middle,
                random[64:],
                after,
                padding,
            )
        ), session


_Template = tuple[bytes, bytes, bytes, bytes, int]
_RECORD = struct.Struct("!BHH")
_HANDSHAKE = struct.Struct("!BBHH")
_LENGTH = struct.Struct("!H")


def extension(kind: int, body: bytes) -> bytes:
    """Return an extension of a hello."""
    return struct.pack("!HH", kind, len(body)) + body


def words(*values: int) -> bytes:
    """Return numbers in two bytes each."""
    return struct.pack(f"!{len(values)}H", *values)


def listed(body: bytes, width: int = 2) -> bytes:
    """Return a vector with its length before it, in `width` bytes (RFC 8446 section 3.4)."""
    return len(body).to_bytes(width, "big") + body


def server_name(name: str) -> bytes:
    """Return the extension with the server name.

    Raises:
        OperationError: the name is too long.
    """
    encoded = name.encode("ascii")
    if len(encoded) > _MAX_NAME_BYTES:
        raise operation_error(Failure.LOCAL, "a server name that is too long")
    return extension(_SERVER_NAME, listed(b"\0" + listed(encoded)))


def _template(random: Random, alpn: tuple[bytes, ...]) -> _Template:
    """Return the cipher suites, the extensions before the server name, those up to the key, the rest, and their size.

    The server name may be before or after the key; both are cut out of the shuffled order.
    """
    first, last, group, cipher, version = (random.choice(_GREASE) for _ in range(5))
    while last == first:
        last = random.choice(_GREASE)
    extensions = {
        5: b"\1\0\0\0\0",  # status_request: OCSP
        10: listed(words(group, *GROUPS)),
        11: b"\1\0",  # ec_point_formats: uncompressed
        13: listed(words(*SIGNATURES)),
        16: listed(b"".join(listed(protocol, 1) for protocol in alpn)),
        18: b"",  # signed_certificate_timestamp
        23: b"",  # extended_master_secret
        27: listed(words(2), 1),  # compress_certificate: brotli
        35: b"",  # session_ticket
        43: listed(words(version, TLS_1_3, TLS_1_2), 1),
        45: b"\1\1",  # psk_key_exchange_modes: psk_dhe_ke
        0x4469: listed(listed(b"h2", 1)),  # application_settings, as Chrome sent it up to 2024
        0xFF01: b"\0",  # renegotiation_info
    }
    order = [extension(kind, body) for kind, body in extensions.items()]
    random.shuffle(order)
    at, key_at = sorted(random.sample(range(len(order) + 1), 2))
    key_share = words(group, 1) + b"\0" + words(X25519, 32)
    before = extension(first, b"") + b"".join(order[:at])
    middle = b"".join(order[at:key_at]) + struct.pack("!HHH", _KEY_SHARE, 32 + 11, 32 + 9) + key_share
    after = b"".join(order[key_at:]) + extension(last, b"\0")
    ciphers = listed(words(cipher, *CIPHERS_1_3, *CIPHERS_1_2)) + b"\1\0"
    fixed = 4 + 2 + 32 + 1 + 32 + len(ciphers) + 2 + len(before) + len(middle) + 32 + len(after)
    return ciphers, before, middle, after, fixed
