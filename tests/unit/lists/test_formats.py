"""The table of list formats, and how the format of a file is detected."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.errors import ListError
from probe.lists.formats import FORMATS, HEAD_BYTES, ItemKind, detect_format, format_by_name
from probe.lists.lines import ListEntry

PREFIX = b"192.0.2.0/24\n"


@pytest.mark.parametrize(
    ("head", "name", "expected"),
    [
        (b"", "GeoLite2-ASN.mmdb", "mmdb"),
        (b'<?xml version="1.0" encoding="windows-1251"?>', "x", "dump-xml"),
        (b"Updated: 2021-12-07 16:54:00 +0000\n", "dump.csv", "zi-csv"),
        (b"192.0.2.1;a.example;;x;1;2020-01-02\n", "dump-03.csv", "zi-csv"),
        (b"192.0.2.1;a.example\n192.0.2.1;b.example\n", "dump.csv", "zi-csv"),
        (b'{"CIDR": "192.0.2.0/24", "ASN": 1, "Hits": 1}\n', "table.jsonl", "bgptools"),
        (b'{"data_call_name": "announced-prefixes"', "x.json", "ripestat"),
        (b'{"asn": 1, "subnets": {', "x.json", "ipverse"),
        (b'{"asn": 1, "metadata": {', "x.json", "ipverse"),
        (b'["a.example"', "x", "roskomsvoboda"),
        (b'{"domains": ["a.example"]', "x", "roskomsvoboda"),
        (b"#\n# banner\n2.3|apnic|20260618|92||20260617|+1000\n", "x", "delegated"),
        (b"192.0.2.0\t192.0.2.255\t1\tCN\tName\n", "x", "ip2asn"),
        (b"192.0.2.0\t24\t1_2\n", "x", "pfx2as"),
        (b"# AS1 (X)\n" + PREFIX, "x", "prefix-list"),
        (PREFIX, "AS64500.txt", "prefix-list"),
        (b"a.example\n", "/tmp/domains.lst", "antifilter"),
        (b"192.0.2.1\n" + PREFIX, "x", "antifilter"),
        (PREFIX, "mine.txt", "testlist"),
        (b"\xef\xbb\xbfurl,category_code\n", "ru.csv", "testlist"),
        (b"a.example\n", "mine.txt", "testlist"),
        (b"", "empty.txt", "testlist"),
    ],
)
def test_the_format_is_detected_from_the_first_bytes_and_the_name(head: bytes, name: str, expected: str) -> None:
    """The plain list comes last, because any text could be one."""
    assert detect_format(head, name).name == expected


def test_an_unknown_format_is_refused() -> None:
    """The error lists the names of the known formats."""
    with pytest.raises(ListError, match="name one: mmdb, dump-xml"):
        detect_format(b"\x00\x01", "x.bin")


def test_a_format_is_found_by_its_name() -> None:
    """The error for an unknown name lists the known ones."""
    assert format_by_name("zi-csv").yields is ItemKind.REGISTER
    with pytest.raises(ListError, match="'zi' is no format"):
        format_by_name("zi")


def test_every_format_has_a_unique_name_and_a_description() -> None:
    """The name chooses a reader; error messages have the description."""
    assert len({known.name for known in FORMATS}) == len(FORMATS)
    assert all(known.about for known in FORMATS)


@given(st.binary(max_size=200), st.text(max_size=20))
def test_any_bytes_are_detected_or_refused_with_a_list_error(head: bytes, name: str) -> None:
    """No other exception is raised."""
    try:
        found = detect_format(head, name)
    except ListError:
        return
    assert found in FORMATS


def test_a_line_cut_off_at_the_end_of_the_head_is_ignored() -> None:
    """Otherwise half a prefix would turn a list of prefixes into another format."""
    head = b"# AS1\n" + PREFIX * (HEAD_BYTES // len(PREFIX))
    assert detect_format(head + PREFIX[: HEAD_BYTES - len(head)], "x").name == "prefix-list"


def test_a_plain_list_is_read_with_the_format_of_its_name() -> None:
    """Lines may be split between pieces."""
    found = list(format_by_name("testlist").read([b"a.exam", b"ple\nb.example\n"], "mine.txt"))

    assert [item.target for item in found if isinstance(item, ListEntry)] == ["a.example", "b.example"]
