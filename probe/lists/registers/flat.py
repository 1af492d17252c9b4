"""Reader of registers reduced to one name, address or prefix per line (antifilter's `domains.lst`, `ip.lst`, ..).

They have neither decisions nor entry types, so nothing of them is kept unless the operator selects it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from probe.errors import ListError
from probe.lists.lines import BadRow, split
from probe.lists.registers.assemble import make_entry
from probe.lists.registers.register_entry import BlockType, RegisterItem


def read(chunks: Iterable[bytes], name: str) -> Iterator[RegisterItem]:
    """Read a list of names, addresses and prefixes in any order; `#` begins a comment.

    Raises:
        ListError: the file is empty or has a line longer than any name.
    """
    number = 0
    for number, raw in enumerate(split(chunks, name), start=1):
        text = raw.decode("utf-8", errors="replace").partition("#")[0].strip()
        if text:
            yield parse_plain_item(text, number) or BadRow(number, "neither a name nor an address nor a prefix")
    if number == 0:
        raise ListError("the file is empty", where=name, mend="the download may have failed: fetch it again")


def parse_plain_item(text: str, line: int) -> RegisterItem | None:
    """The record of one name, address or prefix; None for any other text."""
    as_address = make_entry([("ip", text)], line=line, block_type=BlockType.ADDRESS)
    if as_address.addresses or as_address.networks:
        return as_address
    kind = BlockType.DOMAIN_MASK if text.startswith("*.") else BlockType.DOMAIN
    as_name = make_entry([("domain", text)], line=line, block_type=kind)
    return as_name if as_name.hosts else None
