"""Whether two host names belong to one site, without the Public Suffix List.

A redirect within one site (`example.com` to `www.example.com`, `example.com` to `example.de`, `m.example.co.uk` to
`example.co.uk`) is no interference. The Public Suffix List is large and changes weekly, so this compares the label that
people would call the name. It errs towards "the same site", which can only acquit.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from probe.model.address import parse_address

_SECOND_LEVEL = frozenset(
    {"ac", "co", "com", "edu", "gen", "go", "gob", "gov", "gouv", "mil", "msk", "ne", "net", "nom", "or", "org", "spb"}
)
"""Labels under which country registries register names (`co.uk`, `com.cn`, `msk.ru`)."""


def host_of(url: str) -> str:
    """The host of a URL; empty where it has none."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def site_label(host: str) -> str:
    """The label that names the site: `example` of `www.example.co.uk`; an address stands for itself."""
    if not host or parse_address(host) is not None:
        return host
    labels = host.rstrip(".").lower().split(".")
    if len(labels) > 2 and len(labels[-1]) == 2 and labels[-2] in _SECOND_LEVEL:
        return labels[-3]
    return labels[-2] if len(labels) > 1 else labels[0]


def same_site(one: str, other: str) -> bool:
    """Whether two hosts belong to one site."""
    return bool(one) and site_label(one) == site_label(other)
