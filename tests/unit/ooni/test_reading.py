"""One OONI measurement gets the verdict that this program would have given; odd ones are read in part or set aside."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest

from probe.formats.jsonlines import read_verdict, write
from probe.judge import again
from probe.model.resolver import Trust
from probe.model.verdict import Cause, Status
from probe.ooni.reading import OoniReader
from tests.unit.formats.ooni.measurements import (
    ADDRESS,
    BODY,
    FORGED,
    HOST,
    HTTP,
    OTHER,
    UID,
    URL,
    control,
    doh,
    keys,
    line_of,
    measurement,
    page,
    query,
    read,
    set_aside,
    tcp,
    tls,
    udp,
)

NXDOMAIN = {"queries": [query(failure="dns_nxdomain_error"), doh(ADDRESS)], "tcp_connect": [], "tls_handshakes": []}


def status_of(**changes: Any) -> tuple[Status, tuple[Cause, ...]]:
    """Status and causes of a measurement with these test keys."""
    found = read(measurement(test_keys=keys(**changes))).verdict
    return found.status, found.causes


def test_a_page_that_was_served_is_reachable_and_names_its_source() -> None:
    """The verdict names the measurement, the file and the line; network and country are those of the measurement."""
    found = read(measurement()).verdict

    assert (found.status, found.rule, found.target) == (Status.REACHABLE, "served", URL)
    assert found.evidence.source is not None
    assert (found.evidence.source.ooni, found.evidence.source.file, found.evidence.source.line) == (UID, "day.jsonl", 7)
    assert (found.vantage.asn, found.vantage.country) == (137, "IT")
    assert found.vantage.anchors[0].url == "https://0.th.ooni.org/"


@pytest.mark.parametrize(
    "changes, cause",
    [
        ({**NXDOMAIN, "requests": []}, Cause.DNS_NXDOMAIN),
        ({"queries": [query("127.0.0.1"), doh(ADDRESS)], "tcp_connect": [], "requests": []}, Cause.DNS_BOGON),
        (
            {
                "queries": [query(FORGED), doh(ADDRESS)],
                "tcp_connect": [tcp(FORGED), tcp(ADDRESS)],
                "tls_handshakes": [tls(FORGED, "ssl_invalid_hostname"), tls(ADDRESS)],
                "requests": [],
            },
            Cause.DNS_SPOOFED,
        ),
    ],
    ids=["nxdomain", "bogon", "another's certificate"],
)
def test_a_false_answer_about_a_name_is_blocked_by_one_measurement(changes: dict[str, Any], cause: Cause) -> None:
    """What proves itself needs no second try."""
    assert status_of(**changes) == (Status.BLOCKED, (cause,))


@pytest.mark.parametrize("failure", ["connection_reset", "generic_timeout_error", "eof_error"])
def test_one_cut_accuses_nobody(failure: str) -> None:
    """A try that happened once may be an accident."""
    assert status_of(tls_handshakes=[tls(failure=failure)], requests=[])[0] is Status.UNREACHABLE


def test_judging_again_changes_nothing() -> None:
    """Evidence that was read has all that judging needs."""
    for changes in ({}, {**NXDOMAIN, "requests": []}, {"tls_handshakes": [tls(failure="eof_error")], "requests": []}):
        found = read(measurement(test_keys=keys(**changes))).verdict
        assert write(again(read_verdict(write(found)))) == write(found)


def test_a_public_resolver_neither_accuses_nor_acquits() -> None:
    """An answer in plain DNS from a public resolver is nobody's witness: anybody on the path can forge it."""
    lying = status_of(queries=[query(ADDRESS), udp(FORGED), doh(ADDRESS)])
    agreeing = status_of(
        queries=[query("127.0.0.1"), udp("127.0.0.1"), doh(ADDRESS)], tcp_connect=[], tls_handshakes=[], requests=[]
    )

    assert lying[0] is Status.REACHABLE
    assert agreeing == (Status.BLOCKED, (Cause.DNS_BOGON,))


def test_two_answers_to_one_query_show_an_injection() -> None:
    """OONI records later answers of the public resolver and never reads them."""
    found = status_of(
        queries=[query("127.0.0.1"), udp("127.0.0.1"), doh(ADDRESS)],
        x_dns_duplicate_responses=[udp(ADDRESS, t=0.09)],
        tcp_connect=[],
        tls_handshakes=[],
        requests=[],
    )

    assert found[0] is Status.BLOCKED
    assert found[1][0] is Cause.DNS_INJECTED


def test_success_at_an_address_that_only_the_helper_gave_is_no_users() -> None:
    """The client's resolver gave an address that fails; the page came from one that the helper knew."""
    found = status_of(
        queries=[query(FORGED), doh(ADDRESS)],
        tcp_connect=[tcp(FORGED, failure="generic_timeout_error"), tcp(ADDRESS)],
        tls_handshakes=[tls(ADDRESS)],
        requests=[page(ip=ADDRESS)],
    )

    assert found[0] is not Status.REACHABLE


def test_a_failure_beside_a_redirect_is_none() -> None:
    """The probe stops reading after a redirect's head and may say that it failed."""
    found = status_of(
        requests=[
            page(f"https://www.{HOST}/", tags=["depth=1"], ip=OTHER),
            page(URL, 302, "eof_error", headers=[["Location", f"https://www.{HOST}/"]], body=""),
        ],
        queries=[query(ADDRESS), doh(ADDRESS), query(OTHER, host=f"www.{HOST}", tags=["depth=1"])],
        tcp_connect=[tcp(), tcp(OTHER, tags=["depth=1"])],
        tls_handshakes=[tls(), tls(OTHER, name=f"www.{HOST}", tags=["depth=1"])],
    )

    assert found[0] is Status.REACHABLE


def test_an_old_version_without_addresses_is_read() -> None:
    """Version 0.4 lists requests newest first, without hop and address."""
    plain = {"tags": None, "t0": None}
    requests = [
        {**page(URL), "address": None, **plain},
        {**page(HTTP, 301, headers=[["Location", URL]], body=""), "address": None, **plain},
    ]
    queries = [{**query(ADDRESS, query_type="A", engine="system"), "tags": None}]
    found = read(
        measurement(
            HTTP,
            keys(queries=queries, tcp_connect=[tcp(port=80, **plain)], tls_handshakes=None, requests=requests),
            test_version="0.4.1",
        )
    ).verdict

    assert found.status is Status.REACHABLE
    assert [one.hop for one in found.evidence.observations if one.capture_name == HOST and hasattr(one, "url")] == [
        0,
        1,
    ]


def test_a_hop_without_a_recorded_address_accuses_nobody() -> None:
    """Version 0.4 says nothing of the addresses of a redirect's host: a cut there stays unexplained, however often."""
    plain = {"tags": None, "t0": None, "address": None}
    requests = [
        {**page("https://other.example/", 0, "connection_reset"), **plain},
        {**page(HTTP, 301, headers=[["Location", "https://other.example/"]], body=""), **plain},
    ]
    found = read(measurement(HTTP, keys(requests=requests, tcp_connect=[tcp(port=80)], tls_handshakes=None)))

    assert found.verdict.status is Status.UNREACHABLE


def test_versions_that_did_not_verify_certificates_acquit_nothing() -> None:
    """The Python probes before 3.0 say of TLS that it succeeded, whoever's certificate it was."""
    found = read(measurement(software_version="2.2.0", test_version="0.1.0"))

    assert not any(getattr(one, "verified", False) for one in found.verdict.evidence.observations)
    assert not any(getattr(one, "secure", False) for one in found.verdict.evidence.observations)


def test_an_elided_body_is_compared_by_ooni() -> None:
    """Without a body the page has no title: OONI's own comparison says whether it was the helper's."""
    bare = page(HTTP, body=None)
    alike = read(measurement(HTTP, keys(requests=[bare], title_match=True, body_proportion=1.0))).verdict
    unknown = read(measurement(HTTP, keys(requests=[bare]))).verdict

    assert [one.title for one in alike.evidence.observations if hasattr(one, "title")] == ["Daily news of the region"]
    assert alike.status is unknown.status is Status.REACHABLE
    assert unknown.evidence.control is not None
    assert not unknown.evidence.control.pages


def test_the_helpers_unknown_error_is_no_failure_of_the_target() -> None:
    """The helper's own handshake says why it failed; without one, nothing is known."""
    refused = {f"{ADDRESS}:443": {"server_name": HOST, "status": False, "failure": "ssl_invalid_certificate"}}
    cut = {"tls_handshakes": [tls(failure="ssl_invalid_certificate")], "requests": []}

    assert status_of(**cut, control=control(failure="unknown_error", tls_handshake=refused))[0] is Status.DOWN
    assert status_of(**cut, control=control(failure="unknown_error"))[0] is Status.UNREACHABLE


def test_a_control_of_another_host_is_none() -> None:
    """A helper that was asked for something else says nothing of the target."""
    other = {"http_request": "https://elsewhere.example/"}

    assert read(measurement(test_keys=keys(x_control_request=other))).verdict.evidence.control is None
    assert (
        read(measurement(test_keys=keys(x_control_request={"http_request": "no url"}))).verdict.evidence.control is None
    )


def test_an_unknown_failure_says_nothing_of_the_network() -> None:
    """A word that nobody knows is the client's own trouble."""
    found = status_of(tcp_connect=[tcp(failure="unknown_failure: something odd")], tls_handshakes=[], requests=[])
    failed = status_of(
        tcp_connect=[tcp()], tls_handshakes=[], requests=[], http_experiment_failure="unknown_failure 'ascii' codec"
    )

    assert found[0] is failed[0] is Status.UNKNOWN


def test_base64_without_padding_is_read() -> None:
    """Octets outside UTF-8 come as base64, in bodies and in header fields."""
    target = "http://other.example/news"
    encoded = {"format": "base64", "data": b64encode(target.encode()).decode().rstrip("=")}
    moved = page(HTTP, 302, headers={}, body="")
    moved["response"] = {"code": 302, "body": "", "headers": {"Location": encoded}}
    found = read(measurement(HTTP, keys(requests=[moved], tcp_connect=[tcp(port=80)]))).verdict

    assert [one.location for one in found.evidence.observations if hasattr(one, "location")] == [target]
    body = {"format": "base64", "data": b64encode(BODY.encode()).decode().rstrip("=")}
    titled = read(measurement(HTTP, keys(requests=[page(HTTP, body=body)]))).verdict
    assert [one.title for one in titled.evidence.observations if hasattr(one, "title")] == ["Daily news of the region"]


@pytest.mark.parametrize(
    "address, kept",
    [("8.8.8.8:53", "udp:8.8.8.8:53"), ("10.1.2.3:53", "other"), ("95.165.1.1:53", "other"), ("odd", "other")],
)
def test_only_the_public_resolvers_of_ooni_are_named(address: str, kept: str) -> None:
    """Any other resolver may be that of the client's provider."""
    found = read(measurement(test_keys=keys(queries=[query(ADDRESS), udp(ADDRESS, resolver_address=address)])))
    public = [one for one in found.verdict.evidence.observations if getattr(one, "trust", None) is Trust.PUBLIC]

    assert {one.resolver for one in public} == {kept}


def test_a_clients_clock_that_is_years_off_is_corrected() -> None:
    """The collector's stamp in the uid is taken; the measurement is counted as odd."""
    found = read(measurement(measurement_start_time="2035-01-01 00:00:00"))

    assert found.verdict.time.isoformat() == "2024-02-12T20:33:50+00:00"
    assert "clock" in found.odd[0]
    assert read(measurement()).verdict.time.isoformat() == "2024-02-12T20:33:47+00:00"


SECRET = "93.184.216.77"


def test_client_addresses_never_enter_a_verdict() -> None:
    """Not `probe_ip`, not `x_dns_whoami`, not the resolver, not what a page or a redirect says of its visitor."""
    echoed = f"<html><title>Your address {SECRET}</title><body>Blocked for {SECRET}, ask your provider</body></html>"
    for requests in (
        [page(HTTP, 403, body=echoed)],
        [
            page(
                HTTP, 302, headers=[["Location", f"http://warning.example/?ip={SECRET}"], ["X-Client", SECRET]], body=""
            )
        ],
    ):
        test_keys = keys(
            requests=requests,
            client_resolver=SECRET,
            x_dns_whoami={"system_v4": [{"address": SECRET}]},
            queries=[query(ADDRESS), udp(ADDRESS, resolver_address=f"{SECRET}:53")],
        )
        record = measurement(HTTP, test_keys, probe_ip=SECRET, resolver_ip=SECRET)
        assert SECRET.encode() not in write(read(record).verdict)


@pytest.mark.parametrize(
    "record, reason",
    [
        (measurement(test_keys=None) | {"test_keys": None}, "test_keys is null"),
        (b"{]", "not JSON"),
        (b"\xff\xfe\x00", "not JSON"),
        (b'"a text"', "not an OONI measurement"),
        ({"hello": "world"}, "not an OONI measurement"),
        (measurement(measurement_start_time="yesterday"), "its time cannot be read"),
        (measurement("not a url at all"), "its input is no URL"),
        (measurement(test_name="ndt"), "another experiment"),
        (measurement(test_keys=[1, 2]), "test_keys is no object"),
        (measurement(test_keys={"queries": []}), "nothing was measured"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_read_is_set_aside_with_a_reason(record: Any, reason: str) -> None:
    """Nothing stops the reading."""
    assert set_aside(record).reason == reason


def test_odd_records_are_named_and_the_others_read() -> None:
    """One record of an unexpected form does not spoil the measurement."""
    odd = keys(queries=[query(ADDRESS), {"hostname": 7}, doh(ADDRESS)], network_events="none", blocking={})
    found = read(measurement(test_keys=odd))

    assert found.verdict.status is Status.REACHABLE
    assert any("queries[1]" in one for one in found.odd)
    assert any("blocking" in one for one in found.odd)


def test_inputs_are_one_series_whatever_their_spelling() -> None:
    """Upper case, a missing slash and a name outside ASCII are the same target."""
    spelled = {read(measurement(text)).verdict.target for text in (URL, "HTTPS://News.Example.ORG", f"https://{HOST}")}

    assert spelled == {URL}
    assert read(measurement("http://пример.испытание")).verdict.target == "http://xn--e1afmkfd.xn--80akhbyknj4f/"


@pytest.mark.parametrize(
    "conclusion, blocking, accessible",
    [("dns", "dns", False), ("accessible", False, True), ("down", False, False), ("", None, None)],
)
def test_oonis_own_conclusion_stands_beside_the_verdict(
    conclusion: str, blocking: Any, accessible: bool | None
) -> None:
    """For the table of agreement."""
    assert read(measurement(test_keys=keys(blocking=blocking, accessible=accessible))).conclusion == conclusion


def test_a_line_is_read_alike_each_time() -> None:
    """Reading has no memory."""
    reader = OoniReader()
    line = line_of(measurement())

    assert reader.read(line, "a", 1) == reader.read(line, "a", 1)


def test_records_without_times_keep_the_order_of_layers() -> None:
    """A handshake that failed comes after its connection, whatever their times say."""
    cut = {**page(code=0, failure="ssl_unknown_authority"), "address": None, "tags": None, "t0": None, "t": 0.0}
    changes = {"requests": [cut], "tls_handshakes": None, "tcp_connect": [tcp(t0=None, t=3.0, tags=None)]}

    assert read(measurement(test_keys=keys(control=None, **changes))).verdict.rule == "tls.certificate"
