"""Readers of the prefixes of one AS: RIPEstat, and ipverse in its three formats.

Such documents are small (the largest AS announces about 10,000 prefixes), so they are read whole, up to a bound.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec

from probe.errors import ListError
from probe.lists.lines import BadRow, text_lines
from probe.lists.prefixes.prefix import Prefix, PrefixItem, asn_of, network_of

MAX_DOCUMENT = 32 * 1024 * 1024
"""Bytes in a document."""


def ripestat(chunks: Iterable[bytes], name: str) -> Iterator[PrefixItem]:
    """RIPEstat `announced-prefixes`: `data.prefixes[].{prefix,timelines[].{starttime,endtime}}`.

    The default window is two weeks, so a prefix that was withdrawn yesterday is still listed: see `last`.

    Raises:
        ListError: it is not such an answer, or it reports a failure.
    """
    document = _document(chunks, name)
    status = document.get("status", "ok")
    data = document.get("data")
    if status != "ok" or not isinstance(data, dict) or not isinstance(data.get("prefixes"), list):
        raise ListError(f"no announced prefixes in the answer (status {status!r:.20})", where=f"{name}:1")
    asn = asn_of(str(data.get("resource", "")))
    for number, item in enumerate(data["prefixes"], start=1):
        network = network_of(item["prefix"]) if isinstance(item, dict) and isinstance(item.get("prefix"), str) else ""
        if not network:
            yield BadRow(number, "an item without a prefix")
            continue
        times = item.get("timelines")
        spans = [line for line in times if isinstance(line, dict)] if isinstance(times, list) else []
        yield Prefix(
            line=number,
            network=network,
            asns=(asn,) if asn > 0 else (),
            first=min(_times(spans, "starttime"), default=None),
            last=max(_times(spans, "endtime"), default=None),
        )


def ipverse(chunks: Iterable[bytes], name: str) -> Iterator[PrefixItem]:
    """The ipverse JSON in both formats: `subnets` with the handle beside it, or `prefixes` with `metadata`.

    Raises:
        ListError: it has neither format.
    """
    document = _document(chunks, name)
    asn = asn_of(str(document.get("asn", "")))
    metadata = document.get("metadata")
    facts = metadata if isinstance(metadata, dict) else document
    families = document.get("prefixes", document.get("subnets"))
    if asn < 0 or not isinstance(families, dict):
        raise ListError("neither of ipverse's shapes: no asn, or neither prefixes nor subnets", where=f"{name}:1")
    number = 0
    for family in ("ipv4", "ipv6"):
        listed = families.get(family, [])
        for text in listed if isinstance(listed, list) else [None]:
            number += 1
            network = network_of(text) if isinstance(text, str) else ""
            if not network:
                yield BadRow(number, f"an item of {family} that is no prefix")
                continue
            yield Prefix(
                line=number,
                network=network,
                asns=(asn,),
                country=_text(facts, "countryCode"),
                name=_text(facts, "description") or _text(facts, "handle"),
            )


def prefix_list(chunks: Iterable[bytes], name: str) -> Iterator[PrefixItem]:
    """One prefix per line. The AS is in a comment or in the file's name (`# AS132203 (..)`, `AS132203.txt`)."""
    asn = _asn_in(name)
    for number, line in enumerate(text_lines(chunks, name), start=1):
        text, _, comment = line.partition("#")
        if not text.strip():
            asn = asn if asn > 0 else _asn_in(comment)
            continue
        network = network_of(text)
        if network:
            yield Prefix(line=number, network=network, asns=(asn,) if asn > 0 else ())
        else:
            yield BadRow(number, "no prefix")


def _document(chunks: Iterable[bytes], name: str) -> dict[str, Any]:
    content = bytearray()
    for chunk in chunks:
        content += chunk
        if len(content) > MAX_DOCUMENT:
            raise ListError(f"larger than {MAX_DOCUMENT} bytes", where=name)
    try:
        return msgspec.json.decode(bytes(content).removeprefix(b"\xef\xbb\xbf"), type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ListError(f"no JSON object ({error})", where=f"{name}:1", mend="fetch it again") from error


def _times(spans: list[dict[str, Any]], key: str) -> list[datetime]:
    found = []
    for line in spans:
        try:
            read = datetime.fromisoformat(str(line.get(key)))
        except ValueError:
            continue
        # RIPEstat writes UTC without a zone.
        found.append(read.replace(tzinfo=UTC) if read.tzinfo is None else read)
    return found


def _text(facts: dict[str, Any], key: str) -> str:
    value = facts.get(key)
    return value if isinstance(value, str) else ""


def _asn_in(text: str) -> int:
    for word in text.replace("/", " ").replace("-", " ").replace(".", " ").replace("(", " ").split():
        if word.upper().startswith("AS") and asn_of(word) > 0:
            return asn_of(word)
    return -1
