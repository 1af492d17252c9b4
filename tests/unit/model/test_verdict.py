"""The JSON of a verdict: its keys and words are those of the contract."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from probe.model.failure import Failure
from probe.model.observation import Connection, Exchange, LateAnswer, Resolution, TlsHandshake
from probe.model.resolver import Trust
from probe.model.verdict import AnchorKind, AnchorLook, Cause, Evidence, Status, Vantage, VantageState, Verdict

VERDICT = Verdict(
    time=datetime(2017, 5, 4, 12, tzinfo=UTC),
    target="https://example.com/",
    status=Status.BLOCKED,
    causes=(Cause.TLS_RESET, Cause.TLS_SNI),
    rule="tls.sni",
    evidence=Evidence(
        observations=(
            Resolution(
                name="example.com", rrtype="A", resolver="network", trust=Trust.NETWORK, addresses=("192.0.2.1",)
            ),
            LateAnswer(name="example.com", rrtype="A", resolver="network", trust=Trust.NETWORK, gap=12),
            Connection(address="192.0.2.1", port=443),
            TlsHandshake(address="192.0.2.1", port=443, sni="example.com", failure=Failure.RESET),
            Exchange(url="https://example.com/", address="192.0.2.1"),
        )
    ),
    vantage=Vantage(state=VantageState.ONLINE),
)


def test_a_verdict_has_the_keys_and_words_of_the_contract() -> None:
    """Times end in Z, words come from closed vocabularies, and `vantage.state` is always present."""
    line = msgspec.json.decode(msgspec.json.encode(VERDICT))

    assert list(line) == ["time", "target", "status", "causes", "rule", "evidence", "vantage"]
    assert line["time"] == "2017-05-04T12:00:00Z"
    assert line["status"] == "blocked"
    assert line["causes"] == ["tls.reset", "tls.sni"]
    assert line["vantage"] == {"state": "online"}
    assert [o["kind"] for o in line["evidence"]["observations"]] == ["dns", "dns_late", "tcp", "tls", "http"]


def test_a_verdict_read_back_is_the_verdict_written() -> None:
    """Decoding gives the encoded evidence, so that it can be judged again."""
    assert msgspec.json.decode(msgspec.json.encode(VERDICT), type=Verdict) == VERDICT


def test_a_look_at_an_anchor_keeps_its_field_names_in_json() -> None:
    """Evidence of earlier versions is read, and earlier versions read this one's."""
    look = AnchorLook(
        url="https://a.example/",
        kind=AnchorKind.FOREIGN,
        at=VERDICT.time,
        ipv6_result="timeout",
        fake_address=True,
        over_ipv6=True,
    )

    line = msgspec.json.decode(msgspec.json.encode(look))

    assert (line["six"], line["fake"], line["over_six"]) == ("timeout", True, True)
    assert msgspec.convert(line, AnchorLook) == look


def test_there_are_the_causes_of_the_contract() -> None:
    """Twenty-five, each with a layer before its dot."""
    assert len(Cause) == 25
    assert all(cause.value.count(".") == 1 for cause in Cause)
