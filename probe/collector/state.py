"""The state that the parts of a running collector share."""

from __future__ import annotations

import asyncio
import hmac
import secrets
from base64 import b32encode
from collections import OrderedDict
from collections.abc import Mapping
from datetime import timedelta

from aiohttp import web

from probe.clock import Clock
from probe.collector.connections.client_prefix import TrustedProxies
from probe.collector.connections.request_body import BodyReader
from probe.collector.connections.request_limits import RequestLimits
from probe.collector.intake.evidence import EvidenceSampler
from probe.collector.intake.rate_limits import RateLimits
from probe.collector.intake.target_quota import TargetQuota
from probe.collector.metrics import Metrics
from probe.collector.readiness import Readiness
from probe.collector.store import Store, StoreSession, agents
from probe.collector.store.agents import AgentRow
from probe.collector.supervision import Supervisor
from probe.errors import SettingsError
from probe.fuse.canary import CanaryStatus
from probe.fuse.standing import SHADOW_DAYS
from probe.model.event import Network

MAX_CACHED_AGENTS = 20_000
AGENT_CACHE_SECONDS = 10.0
"""How long an agent's row is used before it is read again. A revocation takes effect within this time."""
REFUSAL_SECONDS = 1.0
"""How long a refused enrolment waits for its answer, so that a connection tries one token a second."""
MAX_LARGE_BATCHES = 8
"""Large batches that are verified or wait for the writer at once: each takes some megabytes of memory."""


class Collector:
    """One running collector.

    Args:
        store: its database.
        clock: its time; a laboratory's may run fast.
        origin: `https://host[:port]` under which agents know it; it is part of what they sign.
        secret: the key of the vantages' public names.
        proxies: the reverse proxies that name their clients.

    Attributes:
        bodies: reads the bodies of requests.
        strangers: limits of requests that name no enrolled agent.
        refusal_seconds: how long a refused enrolment waits for its answer; guessing and flooding cost time so.
        fusion_requested: set when there may be marked services; the fuser waits for it.
        holder: names this process where work is leased.
        quota: of targets that are new here.
        sampler: decides which evidence is kept.
        shadow: how long a new vantage has no vote.
        canaries: target -> its known status.
        readiness: whether requests should come here.
        large_batches: taken while a large batch is verified and stored.
        has_remains: whether content that was erased may still be in the database's write-ahead log.
        real: real time, for caches and delays inside the process.
    """

    def __init__(
        self, store: Store, clock: Clock, origin: str, secret: bytes, proxies: TrustedProxies | None = None
    ) -> None:
        self.store = store
        self.clock = clock
        self.origin = normal_origin(origin)
        self.secret = secret
        self.metrics = Metrics()
        self.limits = RateLimits(clock.rate)
        self.sampler = EvidenceSampler()
        self.shadow = timedelta(days=SHADOW_DAYS)
        self.canaries: Mapping[str, CanaryStatus] = {}
        self.quota = TargetQuota()
        self.large_batches = asyncio.Semaphore(MAX_LARGE_BATCHES)
        self.bodies = BodyReader()
        self.strangers = RequestLimits(proxies or TrustedProxies(), clock.rate)
        self.refusal_seconds = REFUSAL_SECONDS
        self.fusion_requested = asyncio.Event()
        self.holder = secrets.token_hex(8)
        self.has_remains = False
        self.real = Clock()
        self.supervisor = Supervisor(self.metrics, self.real)
        self.readiness = Readiness(store, self.supervisor, self.real)
        self.metrics.register("writes_waiting", lambda: float(store.waiting()))
        self._agents: OrderedDict[str, tuple[float, AgentRow]] = OrderedDict()

    async def agent(self, agent_id: str) -> AgentRow | None:
        """The enrolled agent with this id; None when there is none. Rows are cached, because every batch needs one."""
        now = self.real.monotonic()
        known = self._agents.get(agent_id)
        if known is not None and now - known[0] < AGENT_CACHE_SECONDS:
            return known[1]
        row = await self.store.read(lambda session: agents.agent(session, agent_id))
        if row is not None:
            self._agents[agent_id] = (now, row)
            self._agents.move_to_end(agent_id)
            if len(self._agents) > MAX_CACHED_AGENTS:
                self._agents.popitem(last=False)
        return row

    def has_seen(self, agent_id: str) -> bool:
        """Whether this agent has been found here before, so that looking for it is no stranger's request."""
        return agent_id in self._agents

    def drop_agent(self, agent_id: str) -> None:
        """Forget the row of an agent that was erased."""
        self._agents.pop(agent_id, None)


STATE: web.AppKey[Collector] = web.AppKey("collector", Collector)


async def vantage_secret(store: Store) -> bytes:
    """The key of the vantages' public names; it is made at the first start."""

    def make(session: StoreSession) -> bytes:
        agents.store_secret(session, "vantage", secrets.token_bytes(32))
        stored = agents.secret(session, "vantage")
        assert stored is not None  # noqa: S101 it was written one line above
        return stored

    return await store.write(make)


def public_name(secret: bytes, agent: str, network: Network) -> str:
    """The name that pages show for a vantage in one network: eight letters and digits.

    The name is a keyed hash of agent and network. Without the collector's key, two names in two networks cannot be
    linked to one volunteer who moves between them.
    """
    digest = hmac.digest(secret, f"{agent}\0{network.asn}\0{network.country}".encode(), "sha256")
    return b32encode(digest[:5]).decode().lower()


def normal_origin(text: str) -> str:
    """An origin in the form that is signed: lower case, no final slash.

    Raises:
        SettingsError: the text is not an origin.
    """
    origin = text.strip().lower().rstrip("/")
    scheme, separator, host = origin.partition("://")
    if scheme not in ("http", "https") or not separator or not host or "/" in host or not host.isprintable():
        raise SettingsError(f"{text!r} is no origin", where="--origin", mend="write https://host or https://host:port")
    return origin
