"""Which packets of a line neither a browser nor an operating system would send, and why.

Known names are looked up in a zone where there is one (the lab's), else in the DNS answers of the capture itself.
"""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from enum import StrEnum

from tests.lab.line_view import Hello, LineView, Question, Request, Sent

_DNS_PORT = 53
_UNROUTED = (
    *map(ipaddress.ip_network, ("0.0.0.0/8", "192.0.2.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24")),
    *map(ipaddress.ip_network, ("240.0.0.0/4", "100::/64", "2001:2::/48", "2001:db8::/32")),
)
"""Blocks in which no public host is (RFC 6890): documentation, benchmarks, discard, reserved."""
_TYPES = frozenset({1, 12, 28, 33, 64, 65})
"""A, PTR, AAAA, SRV, SVCB, HTTPS."""
_EDNS_SIZES = frozenset({512, 1220, 1232, 1400, 1410, 1440, 1452, 1472, 4096})
"""Sizes of UDP answers that stub resolvers ask for (glibc, systemd-resolved, mDNSResponder, Android, dnsmasq)."""
BROWSER_HELLOS: Mapping[str, str] = {
    "t13d1516h2_8daaf6152771_e5627efa2ab1": "Chrome 94 to 119",
    "t13d1516h2_8daaf6152771_02713d6af862": "Chrome 120 to 132",
    "t13d1516h2_8daaf6152771_d8a2da3f94cd": "Chrome 133 and later",
    "t13d1517h2_8daaf6152771_b6f405a00624": "Chrome 133 and later, resumption",
    "t13d1715h2_5b57614c22b0_3d5424432f57": "Firefox 105",
    "t13d1715h2_5b57614c22b0_5c2c66f702b0": "Firefox 120",
    "t13d1717h2_5b57614c22b0_3cbfd9057e0d": "Firefox 135 and later",
    "t13d1717h2_5b57614c22b0_e6dcd7ae0a9e": "Firefox 135 and later, resumption",
    "t13d2014h2_a09f3c656075_14788d8d241b": "Safari 16",
    "t13d2014h2_a09f3c656075_e42f34c56612": "Safari 18",
}
"""JA4 -> whose it is: what is published of these browsers. Those of Chrome are also computed from its extensions."""
PROGRAM_HELLOS: Mapping[str, str] = {
    "t13d1812h2_85036bcba153": "Python's ssl, offering h2",
    "t13d1812h1_85036bcba153": "Python's ssl, offering http/1.1",
    "t13d181100_85036bcba153": "Python's ssl, offering no protocol",
    "t13i1811h2_85036bcba153": "Python's ssl to an address, offering h2",
    "t13i1811h1_85036bcba153": "Python's ssl to an address, offering http/1.1",
    "t13i181000_85036bcba153": "Python's ssl to an address, offering no protocol",
}
"""First two parts of JA4 -> whose it is: programs of a system (update managers, mail, scripts). The last part varies
with the version of OpenSSL."""


class Oddity(StrEnum):
    """Why a packet is odd."""

    UNROUTED = "to an address where no host can be"
    NO_RESOLVER = "a DNS question to a host that is no resolver of this line"
    INVENTED_NAME = "a DNS question for a name that does not exist"
    DNS_SHAPE = "a DNS question of a shape that no stub resolver sends"
    INVENTED_SNI = "a server name or Host that does not exist"
    FOREIGN_SNI = "a server name or Host at an address of somebody else"
    HELLO_SHAPE = "a ClientHello of neither a browser nor a known program"


def oddity(
    sent: Sent, view: LineView, zone: Mapping[str, Collection[str]], resolvers: Collection[str]
) -> Oddity | None:
    """Why a packet is odd; None where a browser or a system may send it.

    Args:
        sent: the packet.
        view: of the capture; its DNS answers stand for a zone where there is none.
        zone: name -> its true addresses; empty where nothing is known.
        resolvers: addresses that the host's system asks.
    """
    if any(ipaddress.ip_address(sent.address) in block for block in _UNROUTED):
        return Oddity.UNROUTED
    if sent.port == _DNS_PORT and sent.address not in resolvers:
        return Oddity.NO_RESOLVER
    known = zone or view.answers
    match sent.what:
        case Question(name=name):
            if not known.get(name.lower()) and name.lower() not in zone:
                return Oddity.INVENTED_NAME
            return None if _is_ordinary(sent.what) else Oddity.DNS_SHAPE
        case Hello(name=name) if not is_known_hello(sent.what):
            return Oddity.HELLO_SHAPE
        case Hello(name=name) | Request(host=name) if name and not _is_address(name):
            if name.lower() not in known:
                return Oddity.INVENTED_SNI
            return None if sent.address in known[name.lower()] else Oddity.FOREIGN_SNI
    return None


def odd_packets(
    view: LineView, zone: Mapping[str, Collection[str]], resolvers: Collection[str]
) -> list[tuple[Sent, Oddity]]:
    """The odd packets of a view, in order of time."""
    found = ((sent, oddity(sent, view, zone, resolvers)) for sent in view.sent)
    return [(sent, why) for sent, why in found if why is not None]


def is_known_hello(hello: Hello) -> bool:
    """Whether a browser or a program that many systems have sends such a ClientHello."""
    return hello.ja4 in BROWSER_HELLOS or whose_hello(hello) != hello.ja4


def whose_hello(hello: Hello) -> str:
    """Whose ClientHello has this shape; its JA4 where nobody's is known."""
    return BROWSER_HELLOS.get(hello.ja4) or PROGRAM_HELLOS.get(hello.ja4.rpartition("_")[0]) or hello.ja4


def summary(view: LineView) -> dict[str, Counter[str]]:
    """What identifies the programs of a line: shapes of hellos, questions and requests; ports; how often each."""
    found: dict[str, Counter[str]] = {"ClientHello": Counter(), "DNS question": Counter(), "HTTP header": Counter()}
    for sent in view.sent:
        match sent.what:
            case Hello():
                found["ClientHello"][f"{whose_hello(sent.what)} {sent.what.ja4}"] += 1
            case Question():
                found["DNS question"][f"type={sent.what.rrtype} {sent.what.shape}"] += 1
            case Request():
                found["HTTP header"][", ".join(sent.what.fields)] += 1
    return found


def first_contacts(view: LineView) -> list[tuple[str, float]]:
    """Each name that a view shows, with the time at which it was first seen: order and rhythm of a round."""
    seen: dict[str, float] = {}
    for sent in view.sent:
        match sent.what:
            case Question(name=name) | Hello(name=name) | Request(host=name) if name:
                seen.setdefault(name.lower(), sent.time)
    return list(seen.items())


def rank_correlation(one: Iterable[str], other: Iterable[str]) -> float:
    """Spearman's coefficient of the orders of what both have; 1 for the same order, about 0 for unrelated ones."""
    first, second = list(one), list(other)
    both = [name for name in first if name in set(second)]
    ranks = {name: rank for rank, name in enumerate(name for name in second if name in set(both))}
    many = len(both)
    if many < 3:
        return 0.0
    return 1 - 6 * sum((rank - ranks[name]) ** 2 for rank, name in enumerate(both)) / (many * (many**2 - 1))


def _is_ordinary(question: Question) -> bool:
    words = question.shape.split()
    edns = dict(word.split("=") for word in words if "=" in word)
    plain = edns["flags"] in ("0100", "0120") and edns["counts"] in ("1000", "1001") and "mixed-case" not in words
    sizes = "edns" not in edns or int(edns["edns"]) in _EDNS_SIZES
    return plain and sizes and edns.get("extended", "00000000") == "00000000" and question.rrtype in _TYPES


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True
