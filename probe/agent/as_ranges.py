"""Turn ASes into range targets: the prefixes that they announce, from tables on disk.

The settings name ASes or services under `targets.networks`, and the tables under `targets.prefixes`. Nothing is
downloaded. `probe.agent.watchlist` finds the prefixes inside each range that other ASes announce and excludes them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from probe.errors import ListError, SettingsError
from probe.lists import formats, unpack
from probe.lists.lines import LastByte, refuse_cut_row
from probe.lists.prefixes.expand import expand
from probe.lists.prefixes.prefix import MAX_ASN, AsBlock, Prefix, PrefixItem
from probe.lists.prefixes.prefix_table import PrefixTable
from probe.lists.service import Service
from probe.model.target import RangeTarget

CHUNK_BYTES = 256 * 1024
"""Bytes read from a file at once."""
IMPORTED = "imported"

_NUMBER = re.compile(r"(?:AS|as)(\d{1,10})(?::(\d{1,5}))?")


def load_prefix_table(files: Iterable[Path]) -> PrefixTable:
    """The prefixes of these files together, each in any known format.

    A table of the whole internet (half a million prefixes) takes about 20 s of one core and 400 MB.

    Raises:
        ListError: a file cannot be read, is malformed or cut, or holds no prefixes.
    """
    return PrefixTable([item for file in files for item in _items(file)])


def ranges_of(
    wanted: Iterable[str], table: PrefixTable, services: Iterable[Service], where: str = ""
) -> Iterator[tuple[str, str]]:
    """The range targets of some ASes, each with its service; the service is empty where an AS is given by number.

    Args:
        wanted: `AS132203` (port 443), `AS132203:8080`, or the name of a service: its ASes on each of its TCP ports.
        table: which AS announces which prefix.
        services: the services that can be named.
        where: name of the settings file, for error messages.

    Raises:
        SettingsError: a text is neither an AS nor a service, or the table has no prefix of it.
    """
    known = {service.name: service for service in services}
    for text in wanted:
        service = known.get(text)
        if service is not None:
            asns, ports = service.asns, service.tcp_ports()
        else:
            asn, port = parse_asn_and_port(text, where)
            asns, ports = (asn,), (port,)
        parts = expand(asns, table)
        if not parts:
            raise SettingsError(
                f"targets.prefixes has no prefix of {text}",
                where=where,
                mend="fetch or import a table that has: `probe targets fetch ip2asn`",
            )
        for part in parts:
            for port in ports:
                yield str(RangeTarget(part.network, port)), "" if service is None else text


def parse_asn_and_port(text: str, where: str = "") -> tuple[int, int]:
    """The AS number and the port of `AS132203:8080`; port 443 where none is given.

    Raises:
        SettingsError: the text has another form.
    """
    match = _NUMBER.fullmatch(text)
    asn, port = (int(match[1]), int(match[2] or 443)) if match else (0, 0)
    if not (0 < asn <= MAX_ASN and 0 < port <= 65535):
        raise SettingsError(
            f"{text!r} is neither an AS nor a service",
            where=where,
            mend="write AS132203, AS132203:8080, or a name of `probe targets list`",
        )
    return asn, port


def _items(file: Path) -> list[PrefixItem]:
    try:
        with file.open("rb") as stream:
            pieces = unpack.unpack(iter(lambda: stream.read(CHUNK_BYTES), b""), str(file))
            content = list(pieces)
    except OSError as error:
        raise ListError(f"cannot be read: {error.strerror}", where=str(file), mend="name another table") from error
    known = formats.detect_format(b"".join(content[:1]), str(file))
    if known.yields is formats.ItemKind.TARGETS:
        known = formats.format_by_name(IMPORTED)
    last = LastByte()
    items = known.read(last.follow(content), str(file))
    if known.is_machine_table:
        items = refuse_cut_row(items, last, str(file))
    found = [item for item in items if isinstance(item, Prefix | AsBlock)]
    if not any(isinstance(item, Prefix) for item in found):
        raise ListError(
            "holds no prefixes", where=str(file), mend="give a table of prefixes; formats are in targets/README.md"
        )
    return list(found)
