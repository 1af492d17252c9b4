"""Simulated agents for a collector: real keys, real signatures, batches made by hand."""

from __future__ import annotations

import base64
import gzip
from datetime import datetime, timedelta
from typing import Any

import aiohttp
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from probe.clock import Clock
from probe.formats.batch import Batch, ReportedChange, ReportedStatus, RoundReport, encode, signed_bytes
from probe.model.event import Network
from probe.model.observation import Exchange, Resolution, TlsHandshake
from probe.model.resolver import Trust
from probe.model.transition import VANTAGE, Transition
from probe.model.verdict import Cause, ControlFacts, Evidence, Status, Vantage, VantageState, Verdict
from tests.loopback.collector.proofs import proof

INTERVAL = 300.0
TRUSTED = "https://9.9.9.9/dns-query"


class FakeAgent:
    """One agent: its key, its outbox numbers, its clock."""

    def __init__(
        self,
        url: str,
        *,
        asn: int = 64500,
        country: str = "RU",
        epoch: str = "e1",
        origin: str = "",
        clock: Clock | None = None,
    ) -> None:
        self.clock = clock or Clock()
        self.url = url.rstrip("/")
        self.origin = origin or self.url
        self.key = Ed25519PrivateKey.generate()
        self.network = Network(asn=asn, country=country)
        self.epoch = epoch
        self.id = ""
        self.seq = 0

    async def enrol(self, http: aiohttp.ClientSession, token: str, role: str = "vantage") -> dict[str, Any]:
        """Enrol, and keep the id."""
        raw = self.key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        body = {"token": token, "public_key": base64.b64encode(raw).decode(), "role": role}
        body |= {"asn": self.network.asn, "country": self.network.country}
        async with http.post(f"{self.url}/api/v1/enrol", json=body) as answer:
            content: dict[str, Any] = await answer.json()
            self.id = content.get("agent", self.id)
            return content | {"status": answer.status}

    def batch(self, **parts: Any) -> Batch:
        """The next batch of the outbox."""
        self.seq += 1
        parts.setdefault("sent", self.clock.now())
        whole = {"agent": self.id, "epoch": self.epoch, "seq": self.seq, "interval": INTERVAL, "network": self.network}
        return Batch(**(whole | parts))

    async def post(
        self, http: aiohttp.ClientSession, batch: Batch | bytes, **headers: str
    ) -> tuple[int, dict[str, Any]]:
        """Sign and post a batch; the status and the JSON of the answer."""
        body = batch if isinstance(batch, bytes) else encode(batch)
        signature = base64.b64encode(self.key.sign(signed_bytes(self.origin, body))).decode()
        sent = {"Probe-Agent": self.id, "Probe-Signature": signature, "Content-Encoding": "gzip"} | headers
        async with http.post(f"{self.url}/api/v1/batches", data=gzip.compress(body), headers=sent) as answer:
            return answer.status, await answer.json()


def rounds(since: datetime, count: int, state: str = "online") -> tuple[RoundReport, ...]:
    """A number of rounds of five targets, one an interval."""
    every = timedelta(seconds=INTERVAL)
    return tuple(
        RoundReport(start=since + every * n, seconds=20.0, targets=5, measured=5, state=state) for n in range(count)
    )


def settled(target: str, since: datetime, status: Status = Status.REACHABLE) -> ReportedStatus:
    """A settled status without a change."""
    return ReportedStatus(target=target, status=status, since=since)


def stood(target: str, first: datetime, *causes: Cause, verdict: Verdict | None = None) -> ReportedStatus:
    """A target that was blocked when it was first measured, with evidence for it."""
    supporting = verdict or proof(target, Status.BLOCKED, first)
    return ReportedStatus(
        target=target, status=Status.BLOCKED, since=first, causes=causes, before_watch=True, verdict=supporting
    )


def change(
    target: str,
    after: Status,
    onset: datetime,
    *causes: Cause,
    before: Status = Status.REACHABLE,
    known: datetime | None = None,
    verdict: Verdict | None = None,
    bare: bool = False,
) -> ReportedChange:
    """A transition with evidence for it, unless it is bare; sure two minutes after its onset unless said otherwise."""
    transition = Transition(
        target=target,
        before=before,
        after=after,
        time=known or onset + timedelta(minutes=2),
        onset=onset,
        causes=causes,
        evidence={"llr": 12.5},
    )
    supporting = verdict or (None if bare or target == VANTAGE else proof(target, after, transition.time))
    return ReportedChange(transition=transition, verdict=supporting)


def blocked_verdict(target: str, host: str, time: datetime, title: str = "Access denied") -> Verdict:
    """A verdict with a DNS answer that leads to a block page, and the control's facts."""
    address = "198.51.100.7"
    seen = (
        Resolution(at=0, took=12, name=host, rrtype="A", resolver="network", trust=Trust.NETWORK, addresses=(address,)),
        Resolution(at=9, name=host, rrtype="A", resolver=TRUSTED, trust=Trust.TRUSTED, addresses=("151.101.1.10",)),
        TlsHandshake(at=20, took=31, address=address, port=443, sni=host, verified=False, answered=True),
        Exchange(at=60, took=9, url=f"http://{host}/", address=address, status=200, title=title, length=812),
    )
    control = ControlFacts(
        time=time - timedelta(minutes=9), statuses=(Status.REACHABLE,), addresses={host: ("203.0.113.9",)}
    )
    return Verdict(
        time=time,
        target=target,
        status=Status.BLOCKED,
        causes=(Cause.DNS_BOGON,),
        rule="dns.bogon",
        evidence=Evidence(observations=seen, control=control, rules=1),
        vantage=Vantage(state=VantageState.ONLINE, asn=64500, country="RU"),
    )
