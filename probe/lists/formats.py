"""The table of list formats: name, kind of items, reader, and how the format is detected from the first bytes."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from probe.errors import ListError
from probe.lists import testlist
from probe.lists.lines import BadRow, ListEntry, text_lines
from probe.lists.prefixes import as_documents, delegated, mmdb, routing_tables
from probe.lists.prefixes.prefix import PrefixItem
from probe.lists.registers import dump_xml, flat, roskomsvoboda, zi_csv
from probe.lists.registers.register_entry import RegisterItem

HEAD_BYTES = 4096
"""First bytes of a file that `detect_format` reads."""


class ItemKind(StrEnum):
    """The kind of items that a reader yields."""

    TARGETS = "targets"
    REGISTER = "register"
    PREFIXES = "prefixes"


Item = ListEntry | BadRow | RegisterItem | PrefixItem


@dataclass(frozen=True, slots=True)
class Format:
    """A list format.

    Attributes:
        name: as on the command line, in `registers.toml` and in `targets/README.md`.
        yields: the kind of its items.
        about: what a file of it is, for error messages.
        read: the reader: pieces of the file and its name -> items.
        matches: whether a file with these first bytes and this name has the format.
        is_machine_table: a program writes it, one row a line, so a file that does not end with a line end was cut. The
            readers of the other formats notice a cut themselves, or people write them.
    """

    name: str
    yields: ItemKind
    about: str
    read: Callable[[Iterable[bytes], str], Iterator[Item]]
    matches: Callable[[bytes, str], bool]
    is_machine_table: bool = False


def format_by_name(name: str) -> Format:
    """The format of this name.

    Raises:
        ListError: there is no such format.
    """
    for candidate in FORMATS:
        if candidate.name == name:
            return candidate
    raise ListError(f"{name!r} is no format", mend="known are auto, " + ", ".join(known.name for known in FORMATS))


def detect_format(head: bytes, name: str) -> Format:
    """Detect the format of a file from its first bytes and its name. The first match in the table's order wins.

    Args:
        head: the first `HEAD_BYTES` bytes.
        name: the file's name.

    Raises:
        ListError: no format matches.
    """
    head = head[:HEAD_BYTES].removeprefix(b"\xef\xbb\xbf")
    for candidate in FORMATS:
        if candidate.matches(head, name):
            return candidate
    raise ListError("no known format", where=name, mend="name one: " + ", ".join(known.name for known in FORMATS))


def _testlist(chunks: Iterable[bytes], name: str) -> Iterator[Item]:
    return testlist.read(text_lines(chunks, name), name)


def _lines(head: bytes) -> list[str]:
    """The lines that are neither empty nor comments, without a last line that may be cut off."""
    text = head.decode("utf-8", errors="replace").replace("\r", "")
    lines = text.split("\n")
    whole = lines[:-1] if len(head) == HEAD_BYTES and len(lines) > 1 else lines
    return [line for line in whole if line.strip() and not line.startswith("#")]


def _first(head: bytes) -> str:
    return next(iter(_lines(head)), "")


def _is_xml(head: bytes, name: str) -> bool:  # noqa: ARG001 - one signature for all
    return head.lstrip().startswith((b"<?xml", b"<reg:register"))


def _is_zi(head: bytes, name: str) -> bool:  # noqa: ARG001 - one signature for all
    lines = head.decode("cp1251", errors="replace").replace("\r", "").split("\n")
    rows = [zi_csv.fields_of(line) for line in lines[:-1] if line.strip()]
    return zi_csv.updated(lines[0]) is not None or (bool(rows) and ";" in lines[0] and all(rows))


def _is_object(head: bytes, *marks: bytes) -> bool:
    return head.lstrip().startswith(b"{") and all(mark in head for mark in marks)


def _is_ipverse(head: bytes, name: str) -> bool:  # noqa: ARG001 - one signature for all
    return _is_object(head, b'"asn"') and (b'"subnets"' in head or b'"metadata"' in head)


def _is_json(head: bytes, name: str) -> bool:  # noqa: ARG001 - one signature for all
    return head.lstrip().startswith((b"[", b"{"))


def _is_flat(head: bytes, name: str) -> bool:
    if re.split(r"[/\\]", name)[-1] in _ANTIFILTER:
        return True
    lines = _lines(head)
    # Bare addresses are no targets: they have no port. Prefixes are, so a list of nothing else is somebody's own.
    return bool(lines) and all(map(_is_network, lines)) and any("/" not in line for line in lines)


def _is_prefix_list(head: bytes, name: str) -> bool:
    lines = _lines(head)
    about_an_as = re.search(r"\bAS\d+\b", name.replace("-", " ").replace("_", " ")) or re.match(rb"#+\s*AS\d+", head)
    return bool(about_an_as and lines) and all("/" in line and _is_network(line) for line in lines)


def _is_network(line: str) -> bool:
    try:
        ipaddress.ip_network(line.partition("#")[0].strip(), strict=False)
    except ValueError:
        return False
    return True


def _is_text(head: bytes, name: str) -> bool:  # noqa: ARG001 - one signature for all
    return b"\0" not in head and not head.lstrip().startswith(b"<") and b"\xab\xcd\xef" not in head


_ANTIFILTER = {"domains.lst", "ip.lst", "ipresolve.lst", "ipsum.lst", "subnet.lst", "allyouneed.lst", "ipsmart.lst"}
_DELEGATED = re.compile(r"2(\.\d)?\|[a-z]+\|[^|]*\|[^|]*\|[^|]*\|")
_PFX2AS = re.compile(r"[0-9a-fA-F.:]+\s\d{1,3}\s\d+([_,]\d+)*")
_IP2ASN = re.compile(r"[0-9a-fA-F.:]+\t[0-9a-fA-F.:]+\t\d+\t[^\t]*\t[^\t]*")

FORMATS: tuple[Format, ...] = (
    Format("mmdb", ItemKind.PREFIXES, "MaxMind AS database", mmdb.read, lambda _, name: name.endswith(".mmdb")),
    Format("dump-xml", ItemKind.REGISTER, "official register of Russia, dump.xml", dump_xml.read, _is_xml),
    Format("zi-csv", ItemKind.REGISTER, "its mirror's dump.csv (zapret-info/z-i)", zi_csv.read, _is_zi, True),
    Format(
        "bgptools",
        ItemKind.PREFIXES,
        "bgp.tools table.jsonl",
        routing_tables.bgptools,
        lambda head, _: _is_object(head, b'"CIDR"'),
        True,
    ),
    Format(
        "ripestat",
        ItemKind.PREFIXES,
        "RIPEstat announced-prefixes",
        as_documents.ripestat,
        lambda head, _: _is_object(head, b'"announced-prefixes"') or _is_object(head, b'"timelines"'),
    ),
    Format("ipverse", ItemKind.PREFIXES, "ipverse JSON, both shapes", as_documents.ipverse, _is_ipverse),
    Format("roskomsvoboda", ItemKind.REGISTER, "answers of Roskomsvoboda's API", roskomsvoboda.read, _is_json),
    Format(
        "delegated",
        ItemKind.PREFIXES,
        "delegated and delegated-extended of the regional registries",
        delegated.read,
        lambda head, _: _DELEGATED.match(_first(head)) is not None,
        True,
    ),
    Format(
        "ip2asn",
        ItemKind.PREFIXES,
        "iptoasn.com table",
        routing_tables.ip2asn,
        lambda head, _: _IP2ASN.fullmatch(_first(head)) is not None,
        True,
    ),
    Format(
        "pfx2as",
        ItemKind.PREFIXES,
        "CAIDA RouteViews pfx2as",
        routing_tables.pfx2as,
        lambda head, _: _PFX2AS.fullmatch(_first(head)) is not None,
        True,
    ),
    Format(
        "prefix-list",
        ItemKind.PREFIXES,
        "one prefix a line, of one AS",
        as_documents.prefix_list,
        _is_prefix_list,
        True,
    ),
    Format(
        "imported",
        ItemKind.PREFIXES,
        "prefixes that import or fetch wrote",
        routing_tables.imported,
        lambda _, __: False,
        True,
    ),
    Format(
        "antifilter",
        ItemKind.REGISTER,
        "bare names, addresses and prefixes (antifilter.download)",
        flat.read,
        _is_flat,
        True,
    ),
    Format("testlist", ItemKind.TARGETS, "Citizen Lab test lists, and one target a line", _testlist, _is_text),
)
"""In the order in which they are tried; the plain list, which any text could be, comes last. `imported` looks like a
test list, so it is chosen by name only."""
