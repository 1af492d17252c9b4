"""The records of a measurement as OONI writes them. Fields that nothing here reads are left out, unread.

All fields have defaults: versions of fourteen years lack one or another.
"""

from __future__ import annotations

from base64 import b64decode
from binascii import Error as Base64Error
from typing import Any

import msgspec
from msgspec import Raw

Text = str | dict[str, Any] | None
"""A text: UTF-8, or `{"format": "base64", "data": …}` for octets that are not."""
_null = Raw(b"null")


class OoniAnswer(msgspec.Struct, frozen=True):
    """One record of a DNS answer."""

    answer_type: str = ""
    ipv4: str | None = None
    ipv6: str | None = None
    hostname: str | None = None

    @property
    def address(self) -> str:
        """The IP address; empty for an alias."""
        return self.ipv4 or self.ipv6 or ""


class OoniQuery(msgspec.Struct, frozen=True):
    """A DNS look-up: of getaddrinfo, or of one query."""

    hostname: str = ""
    query_type: str = ""
    engine: str | None = None
    resolver_address: str | None = None
    failure: str | None = None
    answers: list[OoniAnswer] | None = None
    t0: float | None = None
    t: float | None = None
    tags: list[str] | None = None
    transaction_id: int = 0


class OoniConnectStatus(msgspec.Struct, frozen=True):
    """How a TCP connection ended."""

    failure: str | bool | None = None
    success: bool | None = None


class OoniConnect(msgspec.Struct, frozen=True):
    """A TCP connection."""

    ip: str = ""
    port: int = 0
    status: OoniConnectStatus = OoniConnectStatus()
    t0: float | None = None
    t: float | None = None
    tags: list[str] | None = None
    transaction_id: int = 0


class OoniHandshake(msgspec.Struct, frozen=True):
    """A TLS or QUIC handshake."""

    address: str | None = None
    network: str = "tcp"
    server_name: str | None = None
    failure: str | None = None
    negotiated_protocol: str | None = None
    tls_version: str | None = None
    no_tls_verify: bool | None = None
    peer_certificates: list[Text] | None = None
    t0: float | None = None
    t: float | None = None
    tags: list[str] | None = None
    transaction_id: int = 0


class OoniRequest(msgspec.Struct, frozen=True):
    """The request of an HTTP transaction."""

    url: str = ""
    method: str | None = None


class OoniResponse(msgspec.Struct, frozen=True):
    """The response of an HTTP transaction; its body is read only where it is needed."""

    code: int | None = None
    headers: dict[str, Text] | None = None
    headers_list: list[list[Text]] | None = None
    body: Raw = _null
    body_is_truncated: bool | None = None


class OoniTransaction(msgspec.Struct, frozen=True):
    """An HTTP transaction."""

    request: OoniRequest = OoniRequest()
    response: OoniResponse | None = None
    address: str | None = None
    network: str | None = None
    failure: str | None = None
    t0: float | None = None
    t: float | None = None
    tags: list[str] | None = None
    transaction_id: int = 0


class OoniNetworkEvent(msgspec.Struct, frozen=True):
    """An event of a connection; only those that count received bytes are read."""

    operation: str = ""
    failure: str | None = None
    num_bytes: int | None = None
    t: float = 0.0
    transaction_id: int = 0


class HelperDns(msgspec.Struct, frozen=True):
    """What the helper's resolver answered."""

    failure: str | None = None
    addrs: list[str] | None = None


class HelperEndpoint(msgspec.Struct, frozen=True):
    """How the helper fared at an endpoint."""

    status: bool | None = None
    failure: str | bool | None = None
    server_name: str = ""


class HelperPage(msgspec.Struct, frozen=True):
    """The last page of the helper's redirects; -1 stands for what it did not get."""

    failure: str | None = None
    status_code: int | None = None
    body_length: int | None = None
    title: str | None = None
    headers: dict[str, Text] | None = None


class HelperAddress(msgspec.Struct, frozen=True):
    """What the helper knows of an address; see `FLAG_VALID`."""

    asn: int = 0
    flags: int = 0


class OoniControl(msgspec.Struct, frozen=True):
    """The test helper's answer: the control."""

    dns: HelperDns | None = None
    tcp_connect: dict[str, HelperEndpoint] | None = None
    tls_handshake: dict[str, HelperEndpoint] | None = None
    http_request: HelperPage | None = None
    ip_info: dict[str, HelperAddress] | None = None


class ControlRequest(msgspec.Struct, frozen=True):
    """What the helper was asked for."""

    http_request: str = ""


class OoniTestKeys(msgspec.Struct, frozen=True):
    """The test keys of `web_connectivity` and of experiments that record the same operations."""

    queries: list[OoniQuery] | None = None
    tcp_connect: list[OoniConnect] | None = None
    tls_handshakes: list[OoniHandshake] | None = None
    quic_handshakes: list[OoniHandshake] | None = None
    requests: list[OoniTransaction] | None = None
    network_events: Raw = _null
    x_dns_duplicate_responses: list[OoniQuery] | None = None
    control: OoniControl | None = None
    control_failure: str | None = None
    x_control_request: ControlRequest | None = None
    blocking: str | bool | None = None
    accessible: bool | None = None
    dns_experiment_failure: str | None = None
    http_experiment_failure: str | None = None
    title_match: bool | None = None
    headers_match: bool | None = None
    status_code_match: bool | None = None
    body_proportion: float | None = None
    targets: Raw = _null


class TestHelper(msgspec.Struct, frozen=True):
    """The helper that served as control."""

    address: str = ""


class OoniHeader(msgspec.Struct, frozen=True):
    """A measurement, its test keys undecoded. `probe_ip` and what else names the client is never read."""

    test_name: str = ""
    measurement_start_time: str = ""
    test_keys: Raw = _null
    input: str | list[str] | None = None
    report_id: str | None = None
    measurement_uid: str | None = None
    probe_asn: str | int | None = None
    probe_cc: str | None = None
    software_name: str | None = None
    software_version: str | None = None
    test_version: str | None = None
    test_helpers: Raw = _null
    data_format_version: str | None = None


def octets_of(text: Text, limit: int = 1 << 20) -> bytes:
    """The octets of a text; base64 may lack its padding. Empty where it cannot be read."""
    if isinstance(text, str):
        return text[:limit].encode("utf-8", "replace")
    if not isinstance(text, dict) or text.get("format") != "base64":
        return b""
    data = text.get("data")
    if not isinstance(data, str):
        return b""
    data = data[: 4 * limit // 3]
    try:
        return b64decode(data + "=" * (-len(data) % 4))
    except (Base64Error, ValueError):
        return b""


def headers_of(response: OoniResponse) -> list[tuple[str, bytes]]:
    """The header fields in order; names as they came."""
    if response.headers_list:
        pairs = [one for one in response.headers_list if len(one) == 2]
        return [(octets_of(name).decode("latin-1"), octets_of(value)) for name, value in pairs]
    return [(name, octets_of(value)) for name, value in (response.headers or {}).items()]
