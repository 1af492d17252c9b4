"""Suggest network and country of this host from what it knows itself. Contacts nobody."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from probe.cli.localisation import translate as _
from probe.errors import ListError
from probe.lists.prefixes import mmdb
from probe.measure.network_config import own_addresses, resolver_config
from probe.model.address import parse_address

ZONE_TABLES = (Path("/usr/share/zoneinfo/zone.tab"), Path("/usr/share/lib/zoneinfo/tab/zone_sun.tab"))
LOCALTIME, TIMEZONE = Path("/etc/localtime"), Path("/etc/timezone")
MAX_TABLE_BYTES = 1_000_000


class PlaceHint(NamedTuple):
    """A suggestion.

    Attributes:
        asn: of the network; 0 where nothing says.
        country: two capitals; empty likewise.
        asn_source, country_source: what says so, in words.
    """

    asn: int = 0
    country: str = ""
    asn_source: str = ""
    country_source: str = ""


def suggest_place(database: Path | None, environ: Mapping[str, str]) -> PlaceHint:
    """Network and country from an operator's mmdb file, and the country else from the time zone.

    The addresses that are looked up are those of this host and of its resolvers, if they are public. They are neither
    kept nor printed.

    Raises:
        ListError: the file is no such database.
    """
    place = _from_database(database) if database is not None else PlaceHint()
    if place.country:
        return place
    country = zone_country(_time_zone(environ))
    return place._replace(country=country, country_source=_("the time zone of this computer")) if country else place


def _from_database(database: Path) -> PlaceHint:
    try:
        content = database.read_bytes()
    except OSError as error:
        raise ListError(f"cannot be read: {error.strerror}", where=str(database), mend="name another file") from error
    place = PlaceHint()
    for address, source in _public_addresses():
        found = mmdb.look_up(content, str(database), address)
        if found.asn and not place.asn:
            said = source + (f": {found.owner}" if found.owner else "")
            place = place._replace(asn=found.asn, asn_source=said)
        if found.country and not place.country:
            place = place._replace(country=found.country, country_source=source)
    return place


def _public_addresses() -> Iterator[tuple[str, str]]:
    """Addresses to look up, and what they belong to; this host's own first, for a resolver may be anybody's."""
    for address in sorted(own_addresses()):
        if ipaddress.ip_address(address).is_global:
            yield address, _("the address of this computer")
    for server in resolver_config().servers:
        host = server.removeprefix("udp:").rpartition(":")[0].strip("[]")
        parsed = parse_address(host)
        if parsed is not None and parsed.is_global:
            yield host, _("the address of your resolver")


def zone_country(zone: str) -> str:
    """The country of a time zone of the tz database (zone.tab); empty where it has none."""
    for table in ZONE_TABLES:
        try:
            with table.open(encoding="utf-8", errors="replace") as file:
                text = file.read(MAX_TABLE_BYTES)
        except OSError:
            continue
        for line in text.splitlines():
            columns = line.split("\t")
            if len(columns) >= 3 and columns[2] == zone and len(columns[0]) == 2 and columns[0].isupper():
                return columns[0]
    return ""


def _time_zone(environ: Mapping[str, str]) -> str:
    """The name of this host's time zone: `Europe/Moscow`; empty where it cannot be found out."""
    if environ.get("TZ"):
        return environ["TZ"].removeprefix(":")
    try:
        target = os.readlink(LOCALTIME)  # noqa: PTH115 - the text of the link alone
        if "zoneinfo/" in target:
            return target.partition("zoneinfo/")[2]
        return TIMEZONE.read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return ""
