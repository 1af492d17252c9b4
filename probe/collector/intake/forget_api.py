"""`POST /api/v1/forget`: erase everything of the agent whose key signed the request."""

from __future__ import annotations

import base64
import binascii

from aiohttp import web
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from probe.collector.intake.enrolment import KEY_BYTES
from probe.collector.intake.verify_batch import signature_of
from probe.collector.state import STATE, Collector
from probe.collector.store import StoreSession, agents, erasure, to_ms
from probe.collector.store.announcements import MARKS
from probe.collector.store.erasure import Erased
from probe.collector.web.responses import ApiError, json_response, storage_unavailable
from probe.errors import RecordError, StorageError
from probe.formats import forget_request
from probe.formats.forget_request import MAX_REQUEST_BYTES, ForgetReply


async def post_forget(request: web.Request) -> web.Response:
    """Check the signature, erase, and answer after the commit; a repeated request finds nothing, and is no error."""
    collector = request.app[STATE]
    signature = signature_of(request.headers.get("Probe-Signature", ""))
    body = await collector.bodies.read(request, MAX_REQUEST_BYTES, "a request to be forgotten")
    key = signing_key(body, signature, collector.origin)
    try:
        erased = await erase_by_key(collector, key)
    except StorageError as error:
        raise storage_unavailable(error) from error
    return json_response(ForgetReply(forgotten=erased is not None))


def signing_key(body: bytes, signature: bytes, origin: str) -> bytes:
    """The 32 bytes of the public key in a request that this key has signed for this collector.

    Raises:
        ApiError: the body is no request, or the signature is not this key's.
    """
    try:
        key = base64.b64decode(forget_request.decode(body).public_key, validate=True)
    except (RecordError, binascii.Error, ValueError):
        key = b""
    if len(key) != KEY_BYTES:
        raise ApiError(400, "bad_request", "not a request to be forgotten")
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, forget_request.signed_bytes(origin, body))
    except (InvalidSignature, ValueError) as error:
        raise ApiError(401, "bad_signature", "the signature is not this key's over this body and origin") from error
    return key


async def erase_by_key(collector: Collector, key: bytes) -> Erased | None:
    """Erase the agent with this public key; None when there is none.

    Raises:
        StorageError: the database cannot be written; nothing was erased.
    """
    now = to_ms(collector.clock.now())

    def erase(session: StoreSession) -> tuple[str, Erased] | None:
        agent = agents.agent_of_key(session, key)
        return None if agent is None else (agent.id, erasure.erase_agent(session, agent, now))

    found = await collector.store.write(erase)
    if found is None:
        return None
    collector.drop_agent(found[0])
    collector.metrics.add("erasures_total")
    collector.fusion_requested.set()
    collector.store.announce(MARKS)
    collector.has_remains = not await collector.store.erase_remains()
    return found[1]
