"""The agent's identity: its Ed25519 key and its enrolment, in two files that only their owner can read.

The private key never leaves the host; the collector has the public key. Neither appears in an argument or a log line.
"""

from __future__ import annotations

import contextlib
import os
import stat
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
    """An enrolment at a collector.

    Attributes:
        agent: id that the collector gave.
        origin: the collector's, for which batches are signed: `https://host[:port]`.
        url: the URL that was used.
        role: `vantage` or `control`.
        time: when the agent enrolled.
    """

    agent: str
    origin: str
    url: str
    role: str
    time: datetime


class SigningKey:
    """The agent's Ed25519 key pair (RFC 8032), which signs batches.

    Args:
        seed: the 32 bytes of the private key.
    """

    def __init__(self, seed: bytes) -> None:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415 - a round needs no key

        self._private: Ed25519PrivateKey = Ed25519PrivateKey.from_private_bytes(seed)

    @property
    def public(self) -> str:
        """The 32 bytes of the public key in base64."""
        return b64encode(self._private.public_key().public_bytes_raw()).decode("ascii")

    def sign(self, message: bytes) -> str:
        """The signature of a message in base64."""
        return b64encode(self._private.sign(message)).decode("ascii")


def load_or_create_key(folder: Path) -> SigningKey:
    """The key in this folder; it is created when there is none.

    Raises:
        StateError: the file is not a key, or other users can read it.
        StorageError: the file cannot be written.
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
    """The enrolment in this folder; None when the agent has never enrolled.

    Raises:
        StateError: the file is malformed or cannot be read.
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
    """Write the enrolment.

    Raises:
        StorageError: the file cannot be written.
    """
    write_private_file(folder / ENROLMENT_FILE, msgspec.json.encode(enrolment) + b"\n")


def _is_replaceable(path: Path) -> bool:
    """Whether there is nothing, or an ordinary file: root would replace /dev/null, or /dev/stdout, for everybody."""
    try:
        found = path.stat()
        behind = str(path.readlink()) if path.is_symlink() else ""
    except OSError:
        return bool(path.name)
    return stat.S_ISREG(found.st_mode) and not behind.startswith("/proc/")


def write_private_file(path: Path, content: bytes) -> None:
    """Replace a file atomically, readable by its owner alone.

    Raises:
        StorageError: the file cannot be written; the old one is unchanged.
    """
    if not _is_replaceable(path):
        raise StorageError("cannot be written: no ordinary file is there", where=str(path), mend="name another")
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
