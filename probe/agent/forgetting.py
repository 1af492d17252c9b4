"""Forgetting this agent: its files are deleted, and each collector is asked to erase what it sent (`probe forget`).

The requests are signed before the keys are deleted, and kept until each is answered. So a collector that is away can be
asked again later, with nothing left here but the request: it names the agent's public key and the collector.
"""

from __future__ import annotations

import contextlib
import re
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from probe.agent.agent import HEARTBEAT_FILE
from probe.agent.collector_client import FORGET_PATH, CollectorClient
from probe.agent.control_facts import CONTROL_FILE, CONTROL_STAMP_FILE
from probe.agent.enrolment import origin_of
from probe.agent.further_collectors import FOLDER as FURTHER_FOLDER
from probe.agent.hit_list import HIT_LIST_FILE
from probe.agent.identity import ENROLMENT_FILE, KEY_FILE, Enrolment, SigningKey, read_enrolment, write_private_file
from probe.agent.lock import LOCK_FILE, FolderLock
from probe.agent.pause_file import PAUSE_FILE
from probe.agent.state_file import STATE_FILE
from probe.errors import StateError, StorageError
from probe.formats import forget_request
from probe.formats.forget_request import ForgetReply, ForgetRequest
from probe.settings import Settings

PENDING_FILE = "forget.json"
"""The requests that no collector has answered yet."""
FOLDER_FILES = (
    *(f"{STATE_FILE}{end}" for end in ("", "-wal", "-shm", "-journal")),
    *(KEY_FILE, f"{KEY_FILE}.old", ENROLMENT_FILE, HEARTBEAT_FILE, PAUSE_FILE),
    *(CONTROL_FILE, CONTROL_STAMP_FILE, HIT_LIST_FILE, "check-risk-shown"),
)
"""Files of the agent in its state folder. Others are not ours to delete: the folder may be somebody's home."""
TEMPORARY_FILES = "*.*.new"
"""What an interrupted write leaves behind (`identity.write_private_file`)."""
SUBFOLDERS = ("pcap", "lists", FURTHER_FOLDER)
"""Captured packets, downloaded lists, what further collectors get: each is deleted when it is empty."""
_FURTHER_NAME = re.compile(r"[0-9a-f]{16}")
"""Name of a further collector's folder (`further_collectors.folder_of`)."""


class PendingRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A signed request to be forgotten that a collector has not answered.

    Attributes:
        origin: the collector's, for which it is signed.
        urls: where to reach it, in this order.
        body: the JSON that is signed.
        signature: in base64.
    """

    origin: str
    urls: tuple[str, ...]
    body: str
    signature: str


def read_pending(folder: Path) -> tuple[PendingRequest, ...]:
    """The requests that wait in this folder.

    Raises:
        StateError: the file is malformed or cannot be read.
    """
    path = folder / PENDING_FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=tuple[PendingRequest, ...])
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise StateError(f"cannot be read: {error.strerror}", where=str(path)) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise StateError(f"not a request to be forgotten: {error}", where=str(path), mend="delete it") from error


def known_enrolment(folder: Path) -> Enrolment | None:
    """The enrolment in this folder; None where its file is damaged, too, which must keep nobody from deleting it.

    Raises:
        StateError: the file cannot be read.
    """
    try:
        return read_enrolment(folder)
    except StateError as error:
        if isinstance(error.__cause__, OSError):
            raise
        return None


def make_requests(folder: Path, settings: Settings) -> tuple[PendingRequest, ...]:
    """The signed requests to every collector that may know a key of this folder; none where it has no key.

    Raises:
        StateError: the enrolment cannot be read.
    """
    collectors = _collectors(folder, settings)
    first = [_request(SigningKey(seed), origin, urls) for seed in _seeds(folder) for origin, urls in collectors.items()]
    further = [
        _request(SigningKey(seed), enrolment.origin, (enrolment.url or enrolment.origin,))
        for one in _further_folders(folder)
        if (enrolment := known_enrolment(one)) is not None
        for seed in _seeds(one)
    ]
    return (*first, *further)


def _request(key: SigningKey, origin: str, urls: tuple[str, ...]) -> PendingRequest:
    body = forget_request.encode(ForgetRequest(public_key=key.public))
    signature = key.sign(forget_request.signed_bytes(origin, body))
    return PendingRequest(origin=origin, urls=urls, body=body.decode(), signature=signature)


def _collectors(folder: Path, settings: Settings) -> dict[str, tuple[str, ...]]:
    """Origin -> URLs of the collectors of the settings and of the enrolment."""
    found: dict[str, tuple[str, ...]] = {}
    if settings.agent.collectors:
        found[origin_of(settings.agent.collectors[0])] = settings.agent.collectors
    enrolment = known_enrolment(folder)
    if enrolment is not None and enrolment.origin not in found:
        found[enrolment.origin] = tuple(dict.fromkeys((enrolment.url or enrolment.origin, enrolment.origin)))
    return found


def _seeds(folder: Path) -> Iterator[bytes]:
    """The private keys of this folder: the present one, and those of earlier enrolments."""
    for path in sorted(folder.glob(f"{KEY_FILE}*")):
        try:
            seed = b64decode(path.read_bytes().strip(), validate=True)
        except (OSError, Base64Error):
            continue
        if len(seed) == 32:
            yield seed


def erase_folder(folder: Path, settings: Settings, *, tell: bool) -> tuple[PendingRequest, ...]:
    """Delete the agent's files, and keep the requests that are to be sent; returns them.

    Args:
        folder: of the state.
        settings: name the collectors.
        tell: whether collectors are to be asked; otherwise requests that wait are deleted as well.

    Raises:
        StateError: an agent is at work in this folder, or a file cannot be read.
        StorageError: a file cannot be written or deleted.
    """
    with FolderLock(folder):
        requests: tuple[PendingRequest, ...] = ()
        if tell:
            found = (*read_pending(folder), *make_requests(folder, settings))
            requests = tuple({(one.origin, one.body): one for one in found}.values())
        keep_pending(folder, requests)
        for path in [*_files(folder), *_files_below(folder)]:
            _delete(path)
        for place in (*_further_folders(folder), *(folder / name for name in SUBFOLDERS)):
            with contextlib.suppress(OSError):  # it does not exist, or somebody keeps other files there
                place.rmdir()
    if not requests:
        remove_folder(folder)
    return requests


def keep_pending(folder: Path, requests: Sequence[PendingRequest]) -> None:
    """Write the requests that wait; with none, delete their file.

    Raises:
        StorageError: the file cannot be written or deleted.
    """
    if requests:
        write_private_file(folder / PENDING_FILE, msgspec.json.encode(requests) + b"\n")
    else:
        _delete(folder / PENDING_FILE)


def remove_folder(folder: Path) -> None:
    """Delete the lock, and the folder where it is empty then."""
    _delete(folder / LOCK_FILE)
    with contextlib.suppress(OSError):
        folder.rmdir()


def _files(folder: Path) -> Iterator[Path]:
    yield from (folder / name for name in FOLDER_FILES)
    yield from folder.glob(TEMPORARY_FILES)


def _files_below(folder: Path) -> Iterator[Path]:
    """Our files in the subfolders, whose names somebody's own folders may have as well."""
    yield from (folder / "pcap").glob("*.pcap")
    for record in (folder / "lists").glob("*.json"):  # each downloaded list has one beside it
        if record.with_suffix(".csv").is_file():
            yield from (record, record.with_suffix(".csv"))
    for one in _further_folders(folder):
        yield from _files(one)
        yield from (one / name for name in (LOCK_FILE, PENDING_FILE))


def _further_folders(folder: Path) -> list[Path]:
    return [one for one in sorted((folder / FURTHER_FOLDER).glob("*")) if _FURTHER_NAME.fullmatch(one.name)]


def _delete(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise StorageError(f"cannot be deleted: {error.strerror}", where=str(path), mend="delete it by hand") from error


async def send_request(request: PendingRequest, settings: Settings) -> str:
    """Ask a collector; empty when it has erased everything or had nothing, else why it has not.

    Raises:
        SettingsError: `agent.ca_file` cannot be used.
    """
    chosen = settings.agent
    headers = {"Content-Type": "application/json", "Probe-Signature": request.signature}
    async with CollectorClient(request.urls, ca_file=chosen.ca_file, timeout=chosen.uplink_timeout) as client:
        reply = await client.post(FORGET_PATH, request.body.encode(), headers)
    if isinstance(reply, str):
        return reply
    if reply.status == 404:
        return "this collector is too old to erase an agent itself"
    try:
        erased = reply.status == 200 and msgspec.json.decode(reply.body, type=ForgetReply)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        erased = False
    if not erased:
        return f"the answer ({reply.status}) is not a collector's, or it refuses"
    return ""
