"""Deliver a message to a webhook: signed, to a checked address, within bounds of time and size.

The signature is that of Standard Webhooks (standardwebhooks.com), for which many languages have libraries:
`webhook-signature: v1,<base64 of HMAC-SHA256 over "id.timestamp.body">`. No redirect is followed, no proxy is used, no
cookie is kept, and nothing of the answer but its status is read.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import ipaddress
import secrets
import socket
import ssl
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from probe.collector.notify.attempts import SENT, AttemptResult, refused, retry
from probe.collector.notify.subscription import Subscription

TIMEOUT_SECONDS = 10.0
"""For a whole attempt: name, connection, TLS, request and the head of the answer."""
MAX_BODY_BYTES = 1_000_000
MAX_URL_CHARACTERS = 2048
KEY_BYTES = 24
KEY_PREFIX = "whsec_"
_RETRIED = frozenset({408, 409, 425, 429})
"""Statuses below 500 after which the same request may succeed."""
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_RESERVED = (ipaddress.ip_network("192.0.0.0/24"), ipaddress.ip_network("168.63.129.16/32"))
"""Where clouds have services of the host itself; older Pythons, and the registry, call some of them global."""
_NOT_PUBLIC = "its name leads to an address that is not public; the operator can allow that with --allow-private"


def new_key() -> bytes:
    """A key to sign the messages of one subscription with."""
    return secrets.token_bytes(KEY_BYTES)


def key_text(key: bytes) -> str:
    """A key as receivers configure it."""
    return KEY_PREFIX + base64.b64encode(key).decode()


def signature(key: bytes, message_id: str, timestamp: int, body: bytes) -> str:
    """The value of `webhook-signature`."""
    digest = hmac.digest(key, f"{message_id}.{timestamp}.".encode() + body, hashlib.sha256)
    return "v1," + base64.b64encode(digest).decode()


def is_public(address: str) -> bool:
    """Whether an address is one of the public Internet's, and so is the IPv4 address that it may contain."""
    parsed = ipaddress.ip_address(address)
    if isinstance(parsed, ipaddress.IPv6Address):
        inner = [parsed.ipv4_mapped, parsed.sixtofour, *(parsed.teredo or ())]
        if parsed in _NAT64:
            inner.append(ipaddress.IPv4Address(int(parsed) & 0xFFFFFFFF))
        if not all(each is None or is_public(str(each)) for each in inner):
            return False
        if parsed.ipv4_mapped is not None:
            return True
    return parsed.is_global and not parsed.is_multicast and not any(parsed in net for net in _RESERVED)


async def deliver(subscription: Subscription, message_id: str, body: bytes, timestamp: int) -> AttemptResult:
    """Post a message once.

    Args:
        subscription: the receiver.
        message_id: the idempotency key, the same at every attempt.
        body: JSON, the same at every attempt.
        timestamp: of this attempt, in Unix seconds; receivers refuse old ones.
    """
    if len(body) > MAX_BODY_BYTES:
        return refused("the message is too large")
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            addresses = await _addresses(subscription)
            if isinstance(addresses, AttemptResult):
                return addresses
            return await _post(subscription, addresses, message_id, body, timestamp)
    except TimeoutError:
        return retry(f"no answer within {TIMEOUT_SECONDS:.0f} s")
    except (ssl.SSLError, aiohttp.ClientConnectorSSLError, aiohttp.ClientConnectorCertificateError):
        return retry("TLS failed: the certificate or the protocol is not accepted")
    except (OSError, aiohttp.ClientConnectionError):
        return retry("it cannot be connected to")
    except (aiohttp.ClientError, ValueError):
        return retry("its answer is not HTTP")


async def _addresses(subscription: Subscription) -> list[ResolveResult] | AttemptResult:
    """The addresses of the receiver, all of which may be connected to."""
    parts = urlsplit(subscription.url)
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError):
        return retry("its name cannot be resolved")
    literals = [str(address[0]) for *_, address in found]
    if not subscription.allow_private and not all(is_public(each) for each in literals):
        return refused(_NOT_PUBLIC)
    return [
        ResolveResult(hostname=host, host=str(address[0]), port=port, family=family, proto=0, flags=0)
        for family, *_, address in found
        if family in (socket.AF_INET, socket.AF_INET6)
    ]


class _Checked(AbstractResolver):
    """Gives the connector the addresses that were checked: a second look-up might give others."""

    def __init__(self, addresses: list[ResolveResult]) -> None:
        self._addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The checked addresses."""
        del host, port, family
        return self._addresses

    async def close(self) -> None:
        """Nothing is open."""


async def _post(
    subscription: Subscription, addresses: list[ResolveResult], message_id: str, body: bytes, timestamp: int
) -> AttemptResult:
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "reachability-probe",
        "Idempotency-Key": message_id,
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signature(subscription.key, message_id, timestamp, body),
    }
    connector = aiohttp.TCPConnector(resolver=_Checked(addresses), use_dns_cache=False, force_close=True)
    async with (
        aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False) as http,
        http.post(subscription.url, data=body, headers=headers, allow_redirects=False) as answer,
    ):
        return _result(answer)


def _result(answer: aiohttp.ClientResponse) -> AttemptResult:
    """What an answer's status means; its body is not read."""
    status = answer.status
    if 200 <= status < 300:
        return SENT
    if 300 <= status < 400:
        return refused(f"it answered {status}: redirects are not followed")
    wait = answer.headers.get("Retry-After", "")
    wait_ms = int(wait) * 1000 if len(wait) <= 6 and wait.isascii() and wait.isdigit() else 0
    if status >= 500 or status in _RETRIED:
        return retry(f"it answered {status}", wait_ms)
    return refused(f"it answered {status}")
