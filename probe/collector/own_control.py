"""The collector's own control: its identity in the database, and intake of its batches inside the process.

The identity is an agent of role `control` like others, with a key that never leaves the database. Its batches are
signed with that key, pass the same checks as those that come over the network, and stay verifiable like them. Its id is
known (`own_id`), so that pages and data can say whose control it is.
"""

from __future__ import annotations

import secrets
from base64 import b64encode

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from probe.collector.intake.agents_api import acknowledged, check_and_store
from probe.collector.intake.verify_batch import BatchRequest, inflate
from probe.collector.state import Collector
from probe.collector.store import StoreSession, agents, to_ms
from probe.collector.store.agents import AgentRow
from probe.collector.web.responses import ApiError
from probe.errors import StateError
from probe.formats import control_listing
from probe.formats.batch import signed_bytes
from probe.formats.control_listing import KEY_HEADER, SIGNATURE_HEADER
from probe.model.event import Network

OWN = "own control"
"""Name of the identity, under which its key (`: key`, a seed of 32 bytes) and its id (`: id`) are in the database."""
_PUBLISHING = "published control: key"
SPONSOR = "this collector"
"""The sponsor of the agent."""


class OwnControl:
    """Takes the batches of the collector's own control.

    Args:
        collector: running.
        agent: the control's row.
        key: signs its batches.

    Attributes:
        collector: as given.
        agent_id: the control's id.
        origin: the collector's.
    """

    def __init__(self, collector: Collector, agent: AgentRow, key: Ed25519PrivateKey) -> None:
        self.collector = collector
        self._agent = agent
        self._key = key
        self.agent_id = agent.id
        self.origin = collector.origin

    async def take(self, compressed: bytes) -> tuple[int, bytes]:
        """Sign, check and store a batch; the status and the body that an agent would get over HTTP."""
        collector = self.collector
        try:
            signature = self._key.sign(signed_bytes(collector.origin, inflate(compressed, "gzip")))
            now = collector.clock.now()
            request = BatchRequest(
                raw=compressed,
                encoding="gzip",
                signature=signature,
                posted=now,
                received=now,
                rate=collector.clock.rate,
            )
            outcome = await check_and_store(collector, self._agent, request)
            return 200, msgspec.json.encode({"acked": acknowledged(outcome)})
        except ApiError as refusal:
            return refusal.status, refusal.body()


async def own_control(collector: Collector, network: Network) -> OwnControl:
    """The collector's own control; its identity is made at the first call.

    Args:
        collector: running.
        network: where the collector stands.

    Raises:
        StateError: the control was revoked.
        StorageError: the database cannot be written.
    """
    return await control_identity(collector, OWN, network, sponsor=SPONSOR)


async def control_identity(collector: Collector, name: str, network: Network, *, sponsor: str) -> OwnControl:
    """A control that this process speaks for; its identity is made at the first call.

    Args:
        collector: running.
        name: of the identity, in this database.
        network: where the control stands.
        sponsor: who vouches for it.

    Raises:
        StateError: the control was revoked.
        StorageError: the database cannot be written.
    """
    now = to_ms(collector.clock.now())
    seed, agent = await collector.store.write(lambda session: _identity(session, name, network, sponsor, now))
    if agent.state != "active":
        raise StateError(f"the {name} was revoked", where=agent.id, mend="serve without it")
    return OwnControl(collector, agent, Ed25519PrivateKey.from_private_bytes(seed))


async def publishing_key(collector: Collector) -> Ed25519PrivateKey:
    """The key under which this collector publishes its controls' verdicts; it is made at the first call."""
    seed = await collector.store.read(lambda session: agents.secret(session, _PUBLISHING))
    if seed is None:
        seed = await collector.store.write(lambda session: _kept(session, _PUBLISHING, secrets.token_bytes(32)))
    return Ed25519PrivateKey.from_private_bytes(seed)


async def signature_fields(collector: Collector, listing: bytes) -> dict[str, str]:
    """The header fields under which other collectors take a listing (`probe.formats.control_listing`)."""
    key = await publishing_key(collector)
    signature = key.sign(control_listing.signed_bytes(collector.origin, listing))
    public = key.public_key().public_bytes_raw()
    return {KEY_HEADER: b64encode(public).decode(), SIGNATURE_HEADER: b64encode(signature).decode()}


def own_id(session: StoreSession) -> str:
    """The id of the collector's own control; empty when it never had one."""
    stored = agents.secret(session, f"{OWN}: id")
    return "" if stored is None else stored.decode("ascii")


def _identity(session: StoreSession, name: str, network: Network, sponsor: str, now: int) -> tuple[bytes, AgentRow]:
    """The seed of the key and the row of the agent, both made where they are missing."""
    seed = _kept(session, f"{name}: key", secrets.token_bytes(32))
    agent = _kept(session, f"{name}: id", secrets.token_hex(8).encode("ascii")).decode("ascii")
    known = agents.agent(session, agent)
    if known is not None:
        return seed, known
    public = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
    row = AgentRow(0, agent, public, "control", sponsor, network.asn, network.country, "active", "", 0, now)
    agents.add_agent(session, row)
    stored = agents.agent(session, agent)
    assert stored is not None  # noqa: S101 it was written one line above
    return seed, stored


def _kept(session: StoreSession, name: str, value: bytes) -> bytes:
    """What the database has under this name; this value from now on where it had nothing."""
    agents.store_secret(session, name, value)
    stored = agents.secret(session, name)
    assert stored is not None  # noqa: S101 it was written one line above
    return stored
