"""Measurements about the same time and in the same network are judged together."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from probe.formats.jsonlines import write
from probe.judge import again
from probe.model.verdict import Cause, Status, VantageState, Verdict
from probe.ooni import joining
from probe.ooni.joining import Joiner
from tests.unit.formats.ooni.measurements import (
    ADDRESS,
    FORGED,
    HOST,
    OTHER,
    control,
    doh,
    keys,
    measurement,
    page,
    query,
    read,
    tcp,
    tls,
)

START = datetime(2024, 2, 12, 12, tzinfo=UTC)
SYN_TIMEOUT = {"tcp_connect": [tcp(failure="generic_timeout_error")], "tls_handshakes": [], "requests": []}
CUT = {"tls_handshakes": [tls(failure="connection_reset")], "requests": []}
DEAD = {"queries": [query(failure="dns_temporary_failure")], "tcp_connect": [], "tls_handshakes": [], "requests": []}


def take(joiner: Joiner, minute: float, url: str = f"https://{HOST}/", report: str = "r", **changes: Any) -> Verdict:
    """The joined verdict of a measurement so many minutes after the start."""
    at = START + timedelta(minutes=minute)
    record = measurement(
        url,
        keys(**changes),
        measurement_start_time=f"{at:%Y-%m-%d %H:%M:%S}",
        measurement_uid=f"{at:%Y%m%d%H%M%S}.123456_IT_webconnectivity_{report}",
        report_id=f"20240212T120000Z_webconnectivity_IT_137_n1_{report}",
    )
    return joiner.take(read(record))


@pytest.mark.parametrize("changes, needed", [(SYN_TIMEOUT, 5), (CUT, 2)], ids=["silence", "cuts"])
def test_failures_within_an_hour_are_attempts_of_one_another(changes: dict[str, Any], needed: int) -> None:
    """As many as the judge asks of our own attempts, and not one less."""
    joiner = Joiner()
    found = [take(joiner, 10 * n, report=str(n), **changes).status for n in range(needed)]

    assert found == [Status.UNREACHABLE] * (needed - 1) + [Status.BLOCKED]


def test_the_joined_verdict_names_the_others_and_can_be_judged_again() -> None:
    """Its evidence has everything."""
    joiner = Joiner()
    take(joiner, 0, report="a", **CUT)
    found = take(joiner, 10, report="b", **CUT)

    assert found.evidence.source is not None
    assert [uid.rpartition("_")[2] for uid in found.evidence.source.joined] == ["a"]
    assert write(again(found)) == write(found)


def test_measurements_further_apart_are_not_joined() -> None:
    """Nor are those of another network."""
    joiner = Joiner()
    take(joiner, 0, **CUT)

    assert take(joiner, 61, **CUT).status is Status.UNREACHABLE


def test_a_success_in_between_ends_the_series() -> None:
    """Whoever is served in that network shows that it does not block."""
    joiner = Joiner()
    take(joiner, 0, **CUT)
    take(joiner, 5)

    assert take(joiner, 10, **CUT).status is Status.UNREACHABLE


def test_a_client_that_was_offline_accuses_nobody() -> None:
    """All inputs of its report fail and the helper is not reached."""
    joiner = Joiner()
    lost = {**DEAD, "control": None, "control_failure": "dns_temporary_failure"}
    found = [take(joiner, n, f"https://{name}.example/", **lost) for n, name in enumerate("abcd")]

    assert found[-1].status is Status.UNKNOWN
    assert found[-1].vantage.state is VantageState.OFFLINE


def test_a_resolver_that_fails_this_name_alone_is_proven_by_the_others() -> None:
    """SERVFAIL twice, while the same client found another name."""
    joiner = Joiner()
    failing = {"queries": [query(failure="dns_servfail_error"), doh(ADDRESS)], "tcp_connect": [], "requests": []}
    take(joiner, 0, "https://other.example/", queries=[query(ADDRESS, host="other.example")])
    take(joiner, 1, **failing)

    assert take(joiner, 2, **failing).causes == (Cause.DNS_SERVFAIL,)


def test_androids_word_for_any_failure_counts_when_it_repeats() -> None:
    """Once it may be a lost packet."""
    joiner = Joiner()
    failing = {"queries": [query(failure="android_dns_cache_no_data"), doh(ADDRESS)], "tcp_connect": [], "requests": []}

    assert take(joiner, 0, **failing).status is Status.UNREACHABLE
    assert take(joiner, 10, **failing).causes == (Cause.DNS_NODATA,)


def test_a_redirects_host_is_known_from_its_own_measurement() -> None:
    """The helper of this one followed the redirect, and does not say where; that of another was served there."""
    www = f"www.{HOST}"
    chain: dict[str, Any] = {
        "queries": [query(ADDRESS), doh(ADDRESS), query(OTHER, host=www, tags=["depth=1"])],
        "tcp_connect": [tcp(), tcp(OTHER, tags=["depth=1"])],
        "tls_handshakes": [tls(), tls(OTHER, "connection_reset", name=www, tags=["depth=1"])],
        "requests": [page(code=302, headers=[["Location", f"https://{www}/"]], body="")],
    }
    without, known = Joiner(), Joiner()
    served: dict[str, Any] = {
        "queries": [query(OTHER, host=www)],
        "tcp_connect": [tcp(OTHER)],
        "tls_handshakes": [tls(OTHER, name=www)],
        "requests": [page(f"https://{www}/", ip=OTHER)],
        "control": control(OTHER),
    }
    take(known, 0, f"https://{www}/", report="x", **served)
    for joiner in (without, known):
        take(joiner, 1, **chain)

    assert take(without, 11, **chain).status is Status.UNREACHABLE
    blocked = take(known, 11, **chain)
    assert (blocked.status, blocked.causes) == (Status.BLOCKED, (Cause.TLS_RESET,))
    assert blocked.evidence.hop == f"https://{www}/"


def test_a_ghost_is_told_by_an_honest_denial() -> None:
    """A name that exists nowhere is answered with an address, where another such name is denied as it should be."""
    gone = control(failure="dns_lookup_error", dns="dns_nxdomain_error")
    honest = {"queries": [query(failure="dns_nxdomain_error", host="gone.example")], "control": gone}
    ghost = {"queries": [query(FORGED)], "control": gone, "requests": []}
    ghost |= {"tcp_connect": [tcp(FORGED, failure="connection_refused")], "tls_handshakes": []}
    without, known = Joiner(), Joiner()
    take(known, 0, "https://gone.example/", tcp_connect=[], tls_handshakes=[], requests=[], **honest)

    assert take(without, 1, **ghost).status is Status.DOWN
    assert take(known, 1, **ghost).status is Status.BLOCKED


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Series, reports and networks are forgotten, the least recent first."""
    monkeypatch.setattr(joining, "MAX_SERIES", 3)
    joiner = Joiner()
    for number in range(9):
        take(joiner, number, f"https://s{number}.example/", report=str(number), **CUT)

    assert len(joiner._failures) == len(joiner._reports) == 3
