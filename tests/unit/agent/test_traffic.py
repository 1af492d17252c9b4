"""What a round did to the networks it measured."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec

from probe.agent.traffic import Traffic, traffic_of
from probe.model.observation import Connection, Observation, Sending, TlsHandshake
from probe.model.verdict import Evidence, Status, Vantage, VantageState, Verdict

START = datetime(2026, 10, 1, 12, tzinfo=UTC)


def verdict(second: float, address: str, *at: int) -> Verdict:
    """One that opened connections to an address so many milliseconds after its start, and shook hands in each."""
    seen: list[Connection | TlsHandshake] = []
    for moment in at:
        seen.append(Connection(at=moment, address=address, port=443))
        seen.append(TlsHandshake(at=moment + 5, address=address, port=443, sni="x"))
    return Verdict(
        time=START + timedelta(seconds=second),
        target="https://t.example/",
        status=Status.REACHABLE,
        evidence=Evidence(observations=tuple(seen)),
        vantage=Vantage(state=VantageState.ONLINE),
    )


def test_handshakes_with_one_network_within_a_second_are_counted_over_targets() -> None:
    """A /16 is one network; a second apart is not within a second."""
    verdicts = [verdict(0, "151.1.0.1", 0, 1000), verdict(0.5, "151.1.9.9", 0), verdict(0.5, "151.2.0.1", 0)]

    assert traffic_of(verdicts) == Traffic(connections=4, handshakes=4, busiest=2)


def test_nothing_measured_is_no_toll() -> None:
    """An empty round, and one of names alone."""
    assert traffic_of([]) == traffic_of([verdict(0, "151.1.0.1")]) == Traffic()


def test_a_sending_is_a_connection_and_where_it_stood_a_handshake() -> None:
    """One observation tells of both."""
    where = {"url": "https://t.example/", "address": "151.1.0.1", "sni": "t.example"}
    seen: tuple[Observation, ...] = (Sending(**where), Sending(**where, opened=False))  # type: ignore[arg-type]
    one = msgspec.structs.replace(verdict(0, "151.1.0.1"), evidence=Evidence(observations=seen))

    assert traffic_of([one]) == Traffic(connections=2, handshakes=1, busiest=1)
