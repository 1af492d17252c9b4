"""Write our verdicts as OONI measurements that `oonidata` loads: URLs as `web_connectivity`, the rest as `urlgetter`.

The whole verdict rides in `x_probe_verdict`, for whoever wants it. The ordinary keys carry what OONI's format has a
place for: the target's own look-ups, connections, handshakes and requests, with the hop and the attempt in their tags,
and the control as the helper's answer. What has none: comparisons (other names at the same address or resolver,
relays, traces, uploads), certificates beyond their verification, flows, the vantage's anchors and state, ranges, and
controls that disagree with themselves.
"""

from __future__ import annotations

import hashlib
import html
from collections.abc import Iterator
from itertools import count
from typing import Any, Final

import msgspec

from probe import __version__
from probe.formats.ooni.failure_words import word_of
from probe.formats.ooni.helper_answer import helper_answer
from probe.model.address import parse_address
from probe.model.hop import Layer, Purpose, Subject, subjects_of
from probe.model.observation import (
    Connection,
    Exchange,
    LateAnswer,
    Observation,
    QuicExchange,
    Resolution,
    TlsHandshake,
)
from probe.model.resolver import Trust
from probe.model.target import Target, bracketed
from probe.model.verdict import Status, Verdict

SOFTWARE_NAME: Final = "reachability-probe"
TEST_VERSION: Final = "0.5.0"
"""The version of Web Connectivity whose test keys these are."""
_URLGETTER: Final = {"tcp": "tcpconnect", "tls": "tlshandshake", "dns": "dnslookup", "quic": "quichandshake"}
_BLOCKING: Final = {"dns": "dns", "tcp": "tcp_ip", "tls": "http-failure", "quic": "http-failure", "ip": "tcp_ip"}
_EXTENSIONS: Final = dict.fromkeys(("dnst", "httpt", "netevents", "tcpconnect", "tlshandshake"), 0)
_encoder = msgspec.json.Encoder()


def measurements_of(verdict: Verdict, target: Target) -> Iterator[bytes]:
    """The measurements of a verdict, one for each chain of the target, as lines of JSON; none for a range.

    Args:
        verdict: ours.
        target: its target, parsed.
    """
    for chain, subject in enumerate(subjects_of(target)):
        if subject.scheme != "range":
            yield _encoder.encode(_measurement(verdict, target, subject, chain)) + b"\n"


def _measurement(verdict: Verdict, target: Target, subject: Subject, chain: int) -> dict[str, Any]:
    name = "web_connectivity" if subject.url else "urlgetter"
    shown = _encoder.encode(verdict)
    mark = hashlib.sha256(shown + subject.url.encode()).hexdigest()[:16]
    country, asn = verdict.vantage.country or "ZZ", verdict.vantage.asn
    began = f"{verdict.time:%Y-%m-%d %H:%M:%S}"
    plain = name.replace("_", "")
    return {
        "annotations": {"engine_name": SOFTWARE_NAME, "engine_version": __version__, "platform": "unknown"},
        "data_format_version": "0.2.0",
        "extensions": _EXTENSIONS,
        "input": subject.url or _urlgetter_input(target, subject),
        "measurement_start_time": began,
        "measurement_uid": f"{verdict.time:%Y%m%d%H%M%S}.{verdict.time.microsecond:06}_{country}_{plain}_{mark}",
        "options": [],
        "probe_asn": f"AS{asn}",
        "probe_cc": country,
        "probe_ip": "127.0.0.1",
        "probe_network_name": "",
        "report_id": f"{verdict.time:%Y%m%dT%H%M%SZ}_{plain}_{country}_{asn}_n1_{mark}",
        "resolver_asn": "",
        "resolver_ip": "",
        "resolver_network_name": "",
        "software_name": SOFTWARE_NAME,
        "software_version": __version__,
        "test_helpers": {},
        "test_keys": _WrittenKeys(verdict, subject, chain).keys(),
        "test_name": name,
        "test_runtime": 0.0,
        "test_start_time": began,
        "test_version": TEST_VERSION,
    }


def _urlgetter_input(target: Target, subject: Subject) -> str:
    """The input of urlgetter for a target that is no URL."""
    scheme = _URLGETTER[subject.scheme]
    if subject.scheme == "dns":
        return f"{scheme}://{subject.host}"
    address = getattr(target, "address", subject.host)
    return f"{scheme}://{bracketed(address)}:{subject.port}"


class _WrittenKeys:
    """The test keys of one chain of a verdict."""

    def __init__(self, verdict: Verdict, subject: Subject, chain: int) -> None:
        self._verdict = verdict
        self._subject = subject
        self._numbers = count(1)
        self._seen = [
            one
            for one in verdict.evidence.observations
            if one.purpose is Purpose.SUBJECT and (one.chain == chain or isinstance(one, Resolution | LateAnswer))
        ]
        self._has_system = any(isinstance(one, Resolution) and one.trust is Trust.SYSTEM for one in self._seen)

    def keys(self) -> dict[str, Any]:
        """The test keys as plain data."""
        status = self._verdict.status
        control, control_failure = helper_answer(self._verdict.evidence.control, self._subject)
        accessible = {Status.REACHABLE: True, Status.THROTTLED: True, Status.DOWN: False, Status.BLOCKED: False}
        return {
            "queries": [self._query(one) for one in self._seen if isinstance(one, Resolution)],
            "x_dns_duplicate_responses": [self._query(one) for one in self._seen if isinstance(one, LateAnswer)],
            "tcp_connect": [self._connect(one) for one in self._seen if isinstance(one, Connection)],
            "tls_handshakes": [
                self._handshake(one) for one in self._seen if isinstance(one, TlsHandshake | QuicExchange)
            ],
            "requests": [self._request(one) for one in reversed(self._seen) if isinstance(one, Exchange)],
            "network_events": [],
            "control": control,
            "control_failure": control_failure,
            "client_resolver": "",
            "agent": "redirect",
            "retries": None,
            "socksproxy": None,
            "dns_consistency": "inconsistent" if _layer(self._verdict) == "dns" else "consistent",
            **dict.fromkeys(("dns_experiment_failure", "http_experiment_failure")),
            **dict.fromkeys(("body_length_match", "body_proportion", "headers_match", "status_code_match")),
            "title_match": None,
            "accessible": accessible.get(status),
            "blocking": _blocking(self._verdict),
            "x_probe_verdict": self._verdict,
        }

    def _times(self, one: Observation) -> dict[str, Any]:
        begun = max(0, one.at) / 1000
        tags = [f"depth={one.hop}", f"attempt={one.attempt}"]
        return {"t0": begun, "t": begun + one.took / 1000, "tags": tags, "transaction_id": next(self._numbers)}

    def _query(self, one: Resolution | LateAnswer) -> dict[str, Any]:
        # The configured resolver's answer stands in for the system's, where that was not asked.
        beside = Trust.NETWORK if self._has_system else Trust.PUBLIC
        engine = {Trust.TRUSTED: "doh", Trust.PUBLIC: "udp", beside: "udp"}.get(one.trust, "getaddrinfo")
        address = one.resolver.removeprefix("udp:") if engine != "getaddrinfo" else ""
        answers = [_answer(each) for each in one.addresses]
        return {
            "answers": answers or None,
            "engine": engine,
            "failure": word_of(one.failure, Layer.DNS),
            "hostname": one.name,
            "query_type": one.rrtype,
            "resolver_hostname": None,
            "resolver_port": None,
            "resolver_address": address,
            **self._times(one),
        }

    def _connect(self, one: Connection) -> dict[str, Any]:
        failed = word_of(one.failure, Layer.TCP)
        status = {"failure": failed, "success": failed is None, "blocked": False}
        return {"ip": one.address, "port": one.port, "status": status, **self._times(one)}

    def _handshake(self, one: TlsHandshake | QuicExchange) -> dict[str, Any]:
        shown = one.certificate if isinstance(one, TlsHandshake) else None
        return {
            "network": "tcp" if isinstance(one, TlsHandshake) else "udp",
            "address": f"{bracketed(one.address)}:{one.port}",
            "cipher_suite": "",
            "failure": word_of(one.failure, Layer.TLS, "" if shown is None else shown.error),
            "negotiated_protocol": one.alpn,
            "no_tls_verify": one.failure is None and not one.verified,
            "peer_certificates": [],
            "server_name": one.sni,
            "tls_version": one.version if isinstance(one, TlsHandshake) else "",
            **self._times(one),
        }

    def _request(self, one: Exchange) -> dict[str, Any]:
        scheme = one.url.partition(":")[0]
        port = 443 if scheme == "https" else 80
        host = Subject(scheme, "", port) if not self._subject.url else self._subject
        port = host.port if one.hop == 0 else port
        fields = [[name, ""] for name in one.headers]
        if one.location:
            fields.append(["Location", one.location])
        if one.server:
            fields.append(["Server", one.server])
        title = f"<title>{html.escape(one.title)}</title>" if one.title and "<title" not in one.sample else ""
        response = {
            "body": title + one.sample,
            "body_is_truncated": True,
            "code": one.status,
            "headers": dict(fields),
            "headers_list": fields,
        }
        request = {
            "body": "",
            "body_is_truncated": False,
            "headers": {},
            "headers_list": [],
            "method": "GET",
            "tor": {"exit_ip": None, "exit_name": None, "is_tor": False},
            "url": one.url,
            "x_transport": "tcp",
        }
        return {
            "network": "tcp",
            "address": f"{bracketed(one.address)}:{port}",
            "alpn": "",
            "failure": word_of(one.failure, Layer.HTTP),
            "request": request,
            "response": response,
            **self._times(one),
        }


def _answer(address: str) -> dict[str, Any]:
    parsed = parse_address(address)
    is_ipv6 = parsed is not None and parsed.version == 6
    return {"answer_type": "AAAA" if is_ipv6 else "A", "ipv6" if is_ipv6 else "ipv4": address, "ttl": None}


def _layer(verdict: Verdict) -> str:
    return verdict.causes[0].partition(".")[0] if verdict.causes else ""


def _blocking(verdict: Verdict) -> str | bool | None:
    """OONI's word for what blocks; `false` where nothing does, null where that is not known."""
    if verdict.status in {Status.REACHABLE, Status.THROTTLED, Status.DOWN}:
        return False
    if verdict.status is not Status.BLOCKED:
        return None
    if verdict.causes and verdict.causes[0] in {"http.blockpage", "http.redirect"}:
        return "http-diff"
    return _BLOCKING.get(_layer(verdict), "http-failure")
