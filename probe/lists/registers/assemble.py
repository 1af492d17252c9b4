"""Make a record from the texts of one register entry: cleaned, counted, and without the paths of URLs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from probe.lists.registers import clean
from probe.lists.registers.register_entry import RegisterDecision, RegisterEntry

MAX_DECISION = 500
"""Characters kept of a decision's date, number and authority; the longest seen has 90."""


def make_entry(texts: Iterable[tuple[str, str]], **facts: Any) -> RegisterEntry:
    """The record of one register entry.

    Args:
        texts: (kind, text) pairs; kinds are the official dump's element names: `url`, `domain`, `ip`, `ipSubnet`,
            `ipv6`, `ipv6Subnet`. A text with a slash in an address field is a prefix.
        facts: the record's other attributes.
    """
    hosts: list[str] = []
    addresses: list[str] = []
    networks: list[str] = []
    from_urls: list[str] = []
    urls = unreadable = 0
    for kind, text in texts:
        if kind == "url":
            urls += 1
            from_urls.append(text)
            continue
        if kind == "domain":
            found, into = clean.host_name(text), hosts
        elif "/" in text:
            found, into = clean.network(text), networks
        else:
            found, into = clean.address(text), addresses
        if found:
            into.append(found)
        elif text.strip():
            unreadable += 1
    if not hosts:
        # An entry for a URL alone. A <domain>, where there is one, is the URL's host, and the URL adds nothing.
        hosts = [host for host in map(clean.host_of_url, from_urls) if host]
    return RegisterEntry(
        hosts=_once(hosts),
        addresses=_once(addresses),
        networks=_once(networks),
        urls=urls,
        unreadable=unreadable,
        **facts,
    )


def _once(values: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values)) if len(values) > 1 else tuple(values)


def make_decision(date: str, number: str, authority: str) -> RegisterDecision:
    """A decision from the source's texts, without surrounding blanks and each at most `MAX_DECISION` long."""
    return RegisterDecision(
        date.strip()[:MAX_DECISION], number.strip()[:MAX_DECISION], authority.strip()[:MAX_DECISION]
    )


_MOSCOW_CITY_COURT = ("мосгорсуд", "московский городской суд")


def implied_type(decision: RegisterDecision) -> int:
    """The entry type that follows from a decision, for sources without types; 0 when none follows.

    `N-Restricting` orders are Roskomnadzor's under article 15.4 (type 4), the Prosecutor General's are 15.3 (type 3),
    the Moscow City Court's are copyright (type 2). Other courts, the tax service and the ministries decide on types 1,
    5 and 6 alike, so no type follows, and an unknown type is treated as the most sensitive one.
    """
    authority = decision.authority.lower()
    if authority.startswith("роскомнадзор") and decision.number.endswith("-Restricting"):
        return 4
    if authority.startswith("генпрокуратура"):
        return 3
    return 2 if authority.startswith(_MOSCOW_CITY_COURT) else 0
