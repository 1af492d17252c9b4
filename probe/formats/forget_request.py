r"""The request of an agent to be forgotten, which an agent signs and a collector obeys (`probe forget`).

The signature is Ed25519 over ``b"probe-forget-v1\0" + collector origin + b"\0" + sha256(body)``, by the key that the
body names: whoever has an agent's private key may have its data erased, also when its id is lost. The request may be
repeated, by anybody and at any time, for it can have no other effect than the first time.
"""

from __future__ import annotations

from hashlib import sha256

import msgspec

from probe.errors import RecordError

DOMAIN = b"probe-forget-v1"
"""Keeps a signed batch from being taken for such a request, and the other way round."""
MAX_REQUEST_BYTES = 1024
"""Bytes of a request; a real one has some 70."""


class ForgetRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The request: the 32 bytes of the agent's public key in base64."""

    public_key: str


class ForgetReply(msgspec.Struct, frozen=True, kw_only=True):
    """The collector's reply: whether it had anything of an agent with this key."""

    forgotten: bool


def encode(request: ForgetRequest) -> bytes:
    """The request as JSON: the bytes that are signed."""
    return msgspec.json.encode(request)


def decode(body: bytes) -> ForgetRequest:
    """Read a request from its JSON.

    Raises:
        RecordError: the bytes are not a request.
    """
    try:
        return msgspec.json.decode(body, type=ForgetRequest)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RecordError(f"not a request to be forgotten: {error}"[:200]) from error


def signed_bytes(origin: str, body: bytes) -> bytes:
    """The bytes that the signature covers.

    Args:
        origin: of the collector, `https://host[:port]`, lower case, no final slash.
        body: the JSON.
    """
    return DOMAIN + b"\0" + origin.encode() + b"\0" + sha256(body).digest()
