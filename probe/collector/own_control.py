"""The collector's own control: its identity in the database, and intake of its batches inside the process.

The identity is an agent of role `control` like others, with a key that never leaves the database. Its batches are
signed with that key, pass the same checks as those that come over the network, and stay verifiable like them. Its id is
known (`own_id`), so that pages and data can say whose control it is.
"""

from __future__ import annotations

import secrets

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from probe.collector.intake.agents_api import acknowledged, check_and_store
from probe.collector.intake.verify_batch import BatchRequest, inflate
from probe.collector.state import Collector
from probe.collector.store import StoreSession, agents, to_ms
from probe.collector.store.agents import AgentRow
from probe.collector.web.responses import ApiError
from probe.errors import StateError
from probe.formats.batch import signed_bytes
from probe.model.event import Network

_KEY = "own control: key"
"""Name under which the seed of the key (32 bytes) is kept in the database."""
_ID = "own control: id"
"""Name under which the agent's id is kept."""
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
    now = to_ms(collector.clock.now())
    seed, agent = await collector.store.write(lambda session: _identity(session, network, now))
    if agent.state != "active":
        raise StateError("the collector's own control was revoked", where=agent.id, mend="serve without --control")
    return OwnControl(collector, agent, Ed25519PrivateKey.from_private_bytes(seed))


def own_id(session: StoreSession) -> str:
    """The id of the collector's own control; empty when it never had one."""
    stored = agents.secret(session, _ID)
    return "" if stored is None else stored.decode("ascii")


def _identity(session: StoreSession, network: Network, now: int) -> tuple[bytes, AgentRow]:
    """The seed of the key and the row of the agent, both made where they are missing."""
    agents.store_secret(session, _KEY, secrets.token_bytes(32))
    agents.store_secret(session, _ID, secrets.token_hex(8).encode("ascii"))
    seed, agent = agents.secret(session, _KEY), own_id(session)
    assert seed is not None  # noqa: S101 it was written above
    known = agents.agent(session, agent)
    if known is not None:
        return seed, known
    public = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
    row = AgentRow(0, agent, public, "control", SPONSOR, network.asn, network.country, "active", "", 0, now)
    agents.add_agent(session, row)
    stored = agents.agent(session, agent)
    assert stored is not None  # noqa: S101 likewise
    return seed, stored
