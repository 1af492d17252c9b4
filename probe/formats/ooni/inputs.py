"""The input of a measurement as a target: a URL, or what urlgetter takes (`tlshandshake://ADDRESS:PORT` and others)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from probe.errors import TargetError
from probe.formats.ooni.records import OoniTestKeys
from probe.model.target import DomainTarget, Target, UrlTarget, parse

MAX_INPUT_CHARACTERS: Final = 8_192


def target_of(text: str, keys: OoniTestKeys) -> Target | None:
    """The target of an input; None where it is none.

    Args:
        text: the input.
        keys: the test keys, for the server name of a handshake, which urlgetter takes as an option.
    """
    if len(text) > MAX_INPUT_CHARACTERS:
        return None
    scheme, separator, rest = text.partition("://")
    if separator and scheme.lower() in _URLGETTER:
        return _parsed(_URLGETTER[scheme.lower()](rest.rstrip("/"), keys))
    found = _parsed(text)
    if isinstance(found, DomainTarget):
        return UrlTarget("http", found.host, 80)
    return found if isinstance(found, UrlTarget) else None


def _handshake(rest: str, keys: OoniTestKeys) -> str:
    """The target of a handshake: the address it was made with, and the server name it sent."""
    made = next(iter(keys.tls_handshakes or ()), None)
    name = (made.server_name if made is not None else None) or rest.rpartition(":")[0]
    return f"tls://{(made.address if made is not None else None) or rest}/{name}"


_URLGETTER: Final[dict[str, Callable[[str, OoniTestKeys], str]]] = {
    "tcpconnect": lambda rest, _: f"tcp://{rest}",
    "tlshandshake": _handshake,
    "dnslookup": lambda rest, _: f"dns://{rest}",
    "quichandshake": lambda rest, _: f"quic://{rest}",
}
"""Scheme of an input of urlgetter -> the target of what follows it."""


def _parsed(text: str) -> Target | None:
    try:
        return parse(text)
    except TargetError:
        return None
