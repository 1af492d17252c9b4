"""Our verdicts as OONI measurements, with what `oonidata` and its transformers ask for."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from probe.formats.jsonlines import read_verdict
from probe.formats.ooni.writing import measurements_of
from probe.judge import verdict as judged
from probe.model.failure import Failure
from probe.model.hop import Purpose
from probe.model.observation import Observation, QuicExchange
from probe.model.target import parse
from probe.model.verdict import ControlFacts, Evidence, Vantage, VantageState
from tests.unit.judge.builders import NAME, A, B, control, http, late, said, tcp, tls

REQUIRED = (
    *("input", "report_id", "measurement_start_time", "test_start_time", "probe_asn", "probe_cc", "test_name"),
    *("test_version", "test_runtime", "software_name", "software_version", "test_keys"),
)
TWICE_CUT = (tcp(), tcp(attempt=1), tls(failure=Failure.RESET), tls(failure=Failure.RESET, attempt=1))
SERVED = (said("system", A), said("trusted", A), tcp(), tls(), http())


def written(target: str, *seen: Observation, by: ControlFacts | None = None) -> list[dict[str, Any]]:
    """The measurements of a verdict."""
    parsed = parse(target)
    one = judged(
        time=datetime(2026, 10, 1, 12, tzinfo=UTC),
        text=target,
        target=parsed,
        evidence=Evidence(observations=seen, control=by),
        vantage=Vantage(state=VantageState.ONLINE, asn=64501, country="IT"),
    )
    return [json.loads(line) for line in measurements_of(one, parsed)]


def test_a_url_is_web_connectivity_with_every_required_key() -> None:
    """The forms are those that oonidata parses: AS prefix, times without zone, a report id of its own."""
    (found,) = written(f"https://{NAME}/", *SERVED, by=control())

    assert all(found[key] is not None for key in REQUIRED)
    assert (found["test_name"], found["input"]) == ("web_connectivity", f"https://{NAME}/")
    assert (found["probe_asn"], found["probe_cc"], found["probe_ip"]) == ("AS64501", "IT", "127.0.0.1")
    assert found["measurement_start_time"] == "2026-10-01 12:00:00"
    assert found["report_id"].startswith("20261001T120000Z_webconnectivity_IT_64501_n1_")
    keys = found["test_keys"]
    assert (keys["accessible"], keys["blocking"], keys["network_events"]) == (True, False, [])
    assert len(keys["queries"]) == 2
    numbers = [one["transaction_id"] for name in ("queries", "tcp_connect", "requests") for one in keys[name]]
    assert len(set(numbers)) == len(numbers)


def test_the_whole_verdict_rides_along() -> None:
    """Nothing is lost for whoever knows us."""
    (found,) = written(f"https://{NAME}/", *SERVED)

    assert read_verdict(json.dumps(found["test_keys"]["x_probe_verdict"]).encode()).status == "reachable"


@pytest.mark.parametrize(
    "target, seen, name, given",
    [
        (f"tcp://{A}:443", (tcp(),), "urlgetter", f"tcpconnect://{A}:443"),
        (f"tls://{A}:443/{NAME}", (tcp(), tls()), "urlgetter", f"tlshandshake://{A}:443"),
        (f"dns://{NAME}", (said("system", A),), "urlgetter", f"dnslookup://{NAME}"),
        (f"quic://{NAME}:443", (said("system", A),), "urlgetter", f"quichandshake://{NAME}:443"),
    ],
)
def test_endpoints_and_names_are_urlgetters(target: str, seen: tuple[Observation, ...], name: str, given: str) -> None:
    """Web Connectivity measures URLs alone."""
    (found,) = written(target, *seen)

    assert (found["test_name"], found["input"]) == (name, given)


def test_a_domain_is_two_measurements_and_a_range_none() -> None:
    """Each chain of a domain is a URL."""
    assert [one["input"] for one in written(NAME, *SERVED)] == [f"https://{NAME}/", f"http://{NAME}/"]
    assert written("198.18.0.0/24") == []


def test_comparisons_stay_out_of_the_ordinary_keys() -> None:
    """OONI's tools would take them for the target's own."""
    other = tls(sni="random.example", purpose=Purpose.NEUTRAL)
    (found,) = written(f"https://{NAME}/", *SERVED, other, said("system", B, purpose=Purpose.GHOST, name="no.example"))

    assert [one["server_name"] for one in found["test_keys"]["tls_handshakes"]] == [NAME]
    assert {one["hostname"] for one in found["test_keys"]["queries"]} == {NAME}


def test_the_networks_resolver_stands_in_for_the_systems() -> None:
    """OONI's pipeline reads the answers of getaddrinfo alone; where both were asked, each keeps its own."""
    (alone,) = written(f"dns://{NAME}", said("network", A), late(B))
    (beside,) = written(f"dns://{NAME}", said("system", A), said("network", A))

    assert [one["engine"] for one in alone["test_keys"]["queries"]] == ["getaddrinfo"]
    assert [one["engine"] for one in alone["test_keys"]["x_dns_duplicate_responses"]] == ["getaddrinfo"]
    assert [one["engine"] for one in beside["test_keys"]["queries"]] == ["getaddrinfo", "udp"]


def test_failures_have_oonis_words() -> None:
    """By layer, and for certificates by reason."""
    bad = tls(failure=Failure.CERTIFICATE, error="Hostname mismatch", attempt=1)
    (found,) = written(f"https://{NAME}/", said("system", A), tcp(failure=Failure.RESET), tcp(attempt=1), bad)
    keys = found["test_keys"]

    assert [one["status"]["failure"] for one in keys["tcp_connect"]] == ["connection_refused", None]
    assert keys["tls_handshakes"][0]["failure"] == "ssl_invalid_hostname"
    assert "attempt=1" in keys["tls_handshakes"][0]["tags"]


def test_quic_is_a_handshake_over_udp() -> None:
    """Urlgetter writes both in one list."""
    silent = QuicExchange(address=A, port=443, sni=NAME, failure=Failure.TIMEOUT)
    (found,) = written(f"quic://{NAME}:443", said("system", A), silent)

    assert [one["network"] for one in found["test_keys"]["tls_handshakes"]] == ["udp"]


@pytest.mark.parametrize(
    "seen, blocking",
    [
        ((said("system", failure=Failure.NXDOMAIN), said("trusted", A)), "dns"),
        ((said("system", A), *(tcp(failure=Failure.TIMEOUT, attempt=n) for n in range(5))), "tcp_ip"),
        ((said("system", A), *TWICE_CUT), "http-failure"),
    ],
    ids=["dns", "tcp", "tls"],
)
def test_what_blocks_has_oonis_word(seen: tuple[Observation, ...], blocking: str) -> None:
    """OONI has none for TLS: it says `http-failure`."""
    (found,) = written(f"https://{NAME}/", *seen, by=control())

    assert found["test_keys"]["blocking"] == blocking
    assert found["test_keys"]["accessible"] is False
