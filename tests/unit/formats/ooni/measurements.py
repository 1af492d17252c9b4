"""Build OONI measurements in few words: facts of our own, in the form of ooni/spec."""

from __future__ import annotations

import json
from typing import Any

from probe.formats.ooni.measurement_header import SetAside
from probe.ooni.reading import JudgedMeasurement, OoniReader

HOST = "news.example.org"
URL = f"https://{HOST}/"
HTTP = f"http://{HOST}/"
ADDRESS, OTHER, FORGED = "151.101.1.10", "146.75.65.10", "31.13.94.10"
BODY = "<html><head><title>Daily news of the region</title></head><body>What happened today in the region</body></html>"
UID = "20240212203350.123456_IT_webconnectivity_0123456789abcdef"


def query(*addresses: str, failure: str | None = None, host: str = HOST, **more: Any) -> dict[str, Any]:
    """A look-up by getaddrinfo, unless another engine is given."""
    answers = [
        {"answer_type": "AAAA", "ipv6": one} if ":" in one else {"answer_type": "A", "ipv4": one} for one in addresses
    ]
    fields = {"engine": "getaddrinfo", "query_type": "ANY", "resolver_address": "", "tags": ["depth=0"], "t": 0.05}
    return {"hostname": host, "failure": failure, "answers": answers or None, **fields, **more}


def doh(*addresses: str, **more: Any) -> dict[str, Any]:
    """A look-up over HTTPS."""
    return query(*addresses, engine="doh", query_type="A", resolver_address="https://dns.google/dns-query", **more)


def udp(*addresses: str, **more: Any) -> dict[str, Any]:
    """A look-up at a public resolver in plain DNS."""
    fields = {"engine": "udp", "query_type": "A", "resolver_address": "8.8.8.8:53", **more}
    return query(*addresses, **fields)


def tcp(ip: str = ADDRESS, port: int = 443, failure: str | None = None, **more: Any) -> dict[str, Any]:
    """A TCP connection."""
    fields = {"t0": 0.1, "t": 0.15, "tags": ["depth=0"], **more}
    return {"ip": ip, "port": port, "status": {"failure": failure, "success": failure is None}, **fields}


def tls(ip: str = ADDRESS, failure: str | None = None, *, name: str = HOST, **more: Any) -> dict[str, Any]:
    """A TLS handshake."""
    fields = {"network": "tcp", "no_tls_verify": False, "t0": 0.15, "t": 0.2, "tags": ["depth=0"], **more}
    return {"address": f"{ip}:443", "server_name": name, "failure": failure, "tls_version": "TLSv1.3", **fields}


def page(
    url: str = URL, code: int = 200, failure: str | None = None, *, ip: str = ADDRESS, body: Any = BODY, **more: Any
) -> dict[str, Any]:
    """An HTTP transaction."""
    headers = more.pop("headers", [["Content-Type", "text/html; charset=utf-8"], ["X-Made-By", "press"]])
    fields = {"t0": 0.2, "t": 0.4, "tags": ["depth=0"], "address": f"{ip}:{443 if url.startswith('https') else 80}"}
    response = {"code": code, "body": body, "headers_list": headers, "body_is_truncated": False}
    return {"request": {"url": url, "method": "GET"}, "response": response, "failure": failure, **fields, **more}


def control(*addresses: str, failure: str | None = None, dns: str | None = None, **more: Any) -> dict[str, Any]:
    """The helper's answer; served unless a failure is given."""
    served = failure is None
    return {
        "dns": {"failure": dns, "addrs": list(addresses or (ADDRESS,)) if dns is None else []},
        "tcp_connect": {f"{one}:443": {"status": served, "failure": None} for one in addresses or (ADDRESS,)},
        "tls_handshake": {},
        "http_request": {
            "failure": failure,
            "status_code": 200 if served else -1,
            "body_length": len(BODY) if served else -1,
            "title": "Daily news of the region" if served else "",
            "headers": {"X-Made-By": "press"} if served else {},
        },
        "ip_info": {},
        **more,
    }


def keys(**more: Any) -> dict[str, Any]:
    """Test keys of a page that was served over TLS."""
    found: dict[str, Any] = {
        "queries": [query(ADDRESS), doh(ADDRESS)],
        "tcp_connect": [tcp()],
        "tls_handshakes": [tls()],
        "requests": [page()],
        "network_events": None,
        "control": control(),
        "control_failure": None,
        "blocking": False,
        "accessible": True,
    }
    return {**found, **more}


def measurement(url: str = URL, test_keys: Any = None, **more: Any) -> dict[str, Any]:
    """A measurement; with the test keys of a page that was served, unless others are given."""
    return {
        "test_name": "web_connectivity",
        "test_version": "0.5.28",
        "software_name": "ooniprobe",
        "software_version": "3.22.0",
        "measurement_start_time": "2024-02-12 20:33:47",
        "input": url,
        "report_id": "20240212T203300Z_webconnectivity_IT_137_n1_abcdefghijklmnop",
        "measurement_uid": UID,
        "probe_asn": "AS137",
        "probe_cc": "IT",
        "probe_ip": "127.0.0.1",
        "test_helpers": {"backend": {"type": "https", "address": "https://0.th.ooni.org"}},
        "test_keys": keys() if test_keys is None else test_keys,
        **more,
    }


def line_of(record: Any) -> bytes:
    """A measurement as a line of a file."""
    return json.dumps(record).encode()


def read(record: Any) -> JudgedMeasurement:
    """A measurement, read and judged; it has one verdict."""
    found = OoniReader().read(line_of(record), "day.jsonl", 7)
    assert isinstance(found, list), found
    assert len(found) == 1
    return found[0]


def set_aside(record: Any) -> SetAside:
    """The reason why a measurement is set aside."""
    found = OoniReader().read(record if isinstance(record, bytes) else line_of(record), "day.jsonl", 7)
    assert isinstance(found, SetAside), found
    return found
