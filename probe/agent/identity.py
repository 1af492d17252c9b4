"""Who this agent is: its Ed25519 key, and the name a collector gave it. Two small files that only their owner can read.

The key never leaves the host; the collector knows the public half. Neither ever stands in an argument or a log line.
"""

from __future__ import annotations

import contextlib
import os
import sys
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from probe.errors import StateError, StorageError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

KEY_FILE = "agent.key"
ENROLMENT_FILE = "enrolled"


class Enrolment(msgspec.Struct, frozen=True, kw_only=True):
    """What a collector answered when it met this agent.

    Attributes:
        agent: the id it gave.
        origin: the collector's, as reports are signed for it: `https://host[:port]`.
        url: the address that was used.
    """

    agent: str
    origin: str
    url: str
    role: str
    time: datetime


class SigningKey:
    """The agent's key pair (RFC 8032). `cryptography` is imported when the first one is made: rounds do not need it."""

    def __init__(self, seed: bytes) -> None:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415 - see above

        self._private: Ed25519PrivateKey = Ed25519PrivateKey.from_private_bytes(seed)

    @property
    def public(self) -> str:
        """The raw 32 bytes of the public key, in base64."""
        return b64encode(self._private.public_key().public_bytes_raw()).decode("ascii")

    def sign(self, message: bytes) -> str:
        """The signature of the message, in base64."""
        return b64encode(self._private.sign(message)).decode("ascii")


def load_or_create_key(folder: Path) -> SigningKey:
    """The key in this folder; made, when there is none yet.

    Raises:
        StateError: the file is no key, or others can read it.
        StorageError: it cannot be written.
    """
    path = folder / KEY_FILE
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        seed = os.urandom(32)
        write_private_file(path, b64encode(seed) + b"\n")
        return SigningKey(seed)
    except OSError as error:
        raise StateError(f"cannot be read: {error.strerror}", where=str(path)) from error
    if sys.platform != "win32" and path.stat().st_mode & 0o077:
        raise StateError("others can read this key", where=str(path), mend=f"chmod 600 {path}")
    try:
        seed = b64decode(text.strip(), validate=True)
    except Base64Error:
        seed = b""
    if len(seed) != 32:
        raise StateError("not a key", where=str(path), mend="move it away and enrol again")
    return SigningKey(seed)


def read_enrolment(folder: Path) -> Enrolment | None:
    """What the collector answered; None when this agent never enrolled.

    Raises:
        StateError: the file makes no sense.
    """
    path = folder / ENROLMENT_FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=Enrolment)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StateError(f"cannot be read: {error.strerror}", where=str(path)) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise StateError(f"not an enrolment: {error}", where=str(path), mend="move it away and enrol again") from error


def write_enrolment(folder: Path, enrolment: Enrolment) -> None:
    """Keep what the collector answered.

    Raises:
        StorageError: it cannot be written.
    """
    write_private_file(folder / ENROLMENT_FILE, msgspec.json.encode(enrolment) + b"\n")


def write_private_file(path: Path, content: bytes) -> None:
    """Write a file whole or not at all, readable by its owner alone.

    Raises:
        StorageError: it cannot be written; what was there before still is.
    """
    temporary = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise StorageError(
            f"cannot be written: {error.strerror}", where=str(path), mend="free space or mend its owner and rights"
        ) from error
