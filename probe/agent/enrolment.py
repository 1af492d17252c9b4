"""Introducing an agent to a collector: a sponsor's one-time token buys the registration of its public key."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from probe.agent.identity import KEY_FILE, Enrolment, load_or_create_key, write_enrolment
from probe.agent.uplink import ENROL_PATH, CollectorClient
from probe.clock import Clock
from probe.errors import UplinkError, UsageError
from probe.settings import Settings


class _Welcome(msgspec.Struct):
    agent: str


class _Error(msgspec.Struct):
    code: str = ""
    message: str = ""


class _Refused(msgspec.Struct):
    error: _Error = msgspec.field(default_factory=_Error)


def origin_of(url: str) -> str:
    """The origin of a collector's URL as batches are signed for it: lower case, no path, default ports left out.

    Raises:
        UsageError: the text is no http or https URL.
    """
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        port = 0
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise UsageError(f"{url!r} is not a collector's address", mend="write https://host")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    usual = {"http": 80, "https": 443}[parts.scheme]
    return f"{parts.scheme}://{host}" + ("" if port in (None, usual) else f":{port}")


async def enrol(url: str, token: str, folder: Path, settings: Settings, clock: Clock) -> Enrolment:
    """Register this agent's key, made now if need be, and write_enrolment the answer in the folder.

    Args:
        url: of the collector.
        token: as the sponsor gave it.
        folder: of the agent's state.
        settings: role and network to register with; the uplink's options.
        clock: stamps the enrolment.

    Raises:
        UplinkError: the collector cannot be reached or refuses.
        UsageError: the URL or the token is none.
        StateError: the key in the folder cannot be used.
        StorageError: the folder cannot be written.
    """
    origin = origin_of(url)
    if not token or len(token) > 500 or not token.isprintable():
        raise UsageError("the token is empty or no token", mend="ask the collector's operator for one")
    async with CollectorClient(
        (origin,), ca_file=settings.agent.ca_file, timeout=settings.agent.uplink_timeout
    ) as collector:
        agent = await _ask(collector, token, folder, settings)
        if agent is None:  # this key belongs to an earlier enrolment that we no longer have: make another
            (folder / KEY_FILE).replace(folder / f"{KEY_FILE}.old")
            agent = await _ask(collector, token, folder, settings)
    if agent is None:
        raise UplinkError("the collector knows this key already", where=origin, mend="empty the state folder")
    enrolment = Enrolment(agent=agent, origin=origin, url=url, role=settings.agent.role, time=clock.now())
    write_enrolment(folder, enrolment)
    return enrolment


async def _ask(collector: CollectorClient, token: str, folder: Path, settings: Settings) -> str | None:
    body = msgspec.json.encode(
        {
            "token": token,
            "public_key": load_or_create_key(folder).public,
            "role": settings.agent.role,
            "asn": settings.network.asn,
            "country": settings.network.country,
        }
    )
    reply = await collector.post(ENROL_PATH, body, {"Content-Type": "application/json"})
    where = collector.urls[0]
    if isinstance(reply, str):
        raise UplinkError(f"not enrolled: {reply}", mend="try again when the collector answers")
    try:
        if reply.status == 200:
            return msgspec.json.decode(reply.body, type=_Welcome).agent
        error = msgspec.json.decode(reply.body, type=_Refused).error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
        raise UplinkError(
            f"not enrolled: the answer ({reply.status}) is not a collector's", where=where, mend="look at the address"
        ) from fault
    if error.code == "known_key":
        return None
    said = " ".join(error.message.split())[:200] or f"status {reply.status}"
    raise UplinkError(f"not enrolled: {said}", where=where, mend="ask the collector's operator for a new token")
