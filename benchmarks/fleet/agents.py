"""Simulated agents: real keys, and signed HTTP requests that are made before the clock runs."""

from __future__ import annotations

import gzip
from base64 import b64encode
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from probe.formats.batch import MAX_CHANGES, Batch, ReportedChange, RoundReport, encode, signed_bytes
from probe.model.event import Network
from probe.model.failure import Failure
from probe.model.observation import Connection, Resolution, TlsHandshake
from probe.model.resolver import Trust
from probe.model.transition import Transition
from probe.model.verdict import Cause, ControlFacts, Evidence, Status, Vantage, VantageState, Verdict

INTERVAL_SECONDS = 300.0
EPOCH = "fleet"
COUNTRY = "RU"
COMPRESSION_LEVEL = 3
_TIME = datetime(2001, 2, 3, 4, 5, 6, 789000, tzinfo=UTC)
"""Stands in the shared part of a body for the time of each agent."""
_PORT = 4242
"""Stands there for a number that differs from agent to agent, so that no two verdicts are equal."""


@dataclass(frozen=True)
class Fleet:
    """The size of a run."""

    agents: int
    targets: int
    services: int
    networks: int

    def target(self, number: int) -> str:
        """The text of a target."""
        return f"https://www{number}.service{number % self.services}.example/"

    def service(self, number: int) -> str:
        """The service of a target."""
        return f"service{number % self.services}"

    def network(self, agent: int) -> Network:
        """The network of an agent."""
        return Network(asn=64500 + agent % self.networks, country=COUNTRY)


class Agent:
    """One agent: its key, its id, the number of its next batch."""

    def __init__(self, number: int, network: Network) -> None:
        self.number = number
        self.id = f"{number:016x}"
        self.network = network
        self.key = Ed25519PrivateKey.from_private_bytes(number.to_bytes(32, "big"))
        self.seq = 1  # the first batch is in the database already

    def request(self, body: bytes, host: str) -> bytes:
        """The HTTP request with a signed body."""
        signature = b64encode(self.key.sign(signed_bytes(f"http://{host}", body))).decode()
        packed = gzip.compress(body, COMPRESSION_LEVEL)
        head = (
            f"POST /api/v1/batches HTTP/1.1\r\nHost: {host}\r\nProbe-Agent: {self.id}\r\n"
            f"Probe-Signature: {signature}\r\nContent-Encoding: gzip\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(packed)}\r\n\r\n"
        )
        return head.encode() + packed

    def batch(self, sent: datetime, **parts: object) -> bytes:
        """The JSON of the next batch."""
        self.seq += 1
        whole = Batch(
            agent=self.id,
            epoch=EPOCH,
            seq=self.seq,
            sent=sent,
            interval=INTERVAL_SECONDS,
            network=self.network,
            **parts,  # type: ignore[arg-type]
        )
        return encode(whole)

    def heartbeat(self, host: str, sent: datetime, targets: int) -> bytes:
        """The request of a round without changes."""
        report = RoundReport(start=sent - timedelta(seconds=20), seconds=19.0, targets=targets, measured=targets)
        return self.request(self.batch(sent, rounds=(report,)), host)

    def event(self, host: str, sent: datetime, shared: list[bytes], targets: int) -> list[bytes]:
        """The requests in which all targets are blocked, at most `MAX_CHANGES` in each."""
        found = []
        onset = _text(sent - timedelta(seconds=240 + self.number % 97, milliseconds=self.number % 1000))
        for changes in shared:
            report = RoundReport(start=sent - timedelta(seconds=20), seconds=19.0, targets=targets, measured=targets)
            body = self.batch(sent, rounds=(report,))
            own = changes.replace(_text(_TIME), onset).replace(b"%d" % _PORT, b"%d" % (1024 + self.number))
            found.append(self.request(body[:-1] + b',"changes":[' + own + b"]}", host))
        return found


def shared_changes(fleet: Fleet) -> list[bytes]:
    """The JSON of the changes that all agents report, one text for each batch of an agent."""
    changes = [encode_change(fleet.target(number), number) for number in range(fleet.targets)]
    return [b",".join(changes[start : start + MAX_CHANGES]) for start in range(0, len(changes), MAX_CHANGES)]


def encode_change(target: str, number: int) -> bytes:
    """A transition to `blocked` with a verdict of the usual size: names resolve, handshakes with this name are cut."""
    transition = Transition(
        target=target,
        before=Status.REACHABLE,
        after=Status.BLOCKED,
        time=_TIME,
        onset=_TIME,
        causes=(Cause.TLS_RESET, Cause.TLS_SNI),
        evidence={"llr": 12.5, "threshold": 6.9, "rounds": 2},
    )
    return msgspec.json.encode(ReportedChange(transition=transition, verdict=_verdict(target, number)))


def _verdict(target: str, number: int) -> Verdict:
    host = target.removeprefix("https://").rstrip("/")
    addresses = tuple(f"203.0.{number % 250}.{last}" for last in (7, 8))
    resolvers = (
        ("system", Trust.SYSTEM),
        ("udp:192.0.2.1:53", Trust.NETWORK),
        ("https://9.9.9.9/dns-query", Trust.TRUSTED),
    )
    observations: list[Resolution | Connection | TlsHandshake] = [
        Resolution(at=n, took=12, name=host, rrtype="A", resolver=resolver, trust=trust, addresses=addresses)
        for n, (resolver, trust) in enumerate(resolvers)
    ]
    for name in (host, "www.example.org"):
        for address in addresses:
            observations.append(Connection(at=40, took=_PORT, address=address, port=443))
            failure = Failure.RESET if name == host else None
            observations.append(TlsHandshake(at=60, took=31, address=address, port=443, sni=name, failure=failure))
    control = ControlFacts(time=_TIME, statuses=(Status.REACHABLE,), addresses={host: addresses})
    return Verdict(
        time=_TIME,
        target=target,
        status=Status.BLOCKED,
        causes=(Cause.TLS_RESET, Cause.TLS_SNI),
        rule="tls.reset.sni",
        evidence=Evidence(observations=tuple(observations), control=control, rules=1),
        vantage=Vantage(state=VantageState.ONLINE, asn=64500, country=COUNTRY),
    )


def _text(moment: datetime) -> bytes:
    """The moment as it stands in JSON."""
    return moment.replace(tzinfo=None).isoformat(timespec="microseconds").encode() + b"Z"
