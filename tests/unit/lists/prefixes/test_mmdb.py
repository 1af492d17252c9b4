"""MaxMind databases, the operator's own copy."""

import contextlib
import importlib.util
import struct
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from probe.errors import ListError
from probe.lists.lines import BadRow
from probe.lists.prefixes import mmdb
from probe.lists.prefixes.prefix import Prefix

_SPEC = importlib.util.spec_from_file_location("mmdb_file", Path(__file__).with_name("mmdb_file.py"))
assert _SPEC is not None
assert _SPEC.loader is not None
mmdb_file = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(mmdb_file)

FILE: bytes = mmdb_file.made(
    {
        "1.12.0.0/14": {"autonomous_system_number": 45090, "autonomous_system_organization": "Tencent"},
        "119.28.0.0/16": {"autonomous_system_number": 132203},
        "192.0.2.0/24": {"country": "XX"},
    }
)


def test_a_record_a_prefix() -> None:
    """In the tree's order; a record without an AS is set aside."""
    assert list(mmdb.read([FILE[:40], FILE[40:]], "asn.mmdb")) == [
        Prefix(line=1, network="1.12.0.0/14", asns=(45090,), name="Tencent"),
        Prefix(line=2, network="119.28.0.0/16", asns=(132203,)),
        BadRow(3, "a record without an AS number"),
    ]


def test_without_the_library_the_reader_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is an extra: the base install does without."""
    monkeypatch.setitem(sys.modules, "maxminddb", None)
    with pytest.raises(ListError, match=r"install reachability-probe\[asn\]"):
        list(mmdb.read([FILE], "asn.mmdb"))


def test_another_file_is_refused() -> None:
    """Before the library sees it."""
    with pytest.raises(ListError, match="no MaxMind database"):
        list(mmdb.read([b"x" * 100], "asn.mmdb"))


class TestTree:
    """A file of a few bytes can hold more ways than anybody can walk."""

    def test_in_circles_is_refused(self) -> None:
        """A node that is its own child, on both sides."""
        with pytest.raises(ListError, match="a broken MaxMind database"):
            list(mmdb.read([bytes(8) + FILE[8:]], "asn.mmdb"))

    def test_with_too_many_ways_is_refused(self) -> None:
        """Each node twice its next."""
        content = b"".join(struct.pack(">II", n + 1, n + 1) for n in range(40))
        with pytest.raises(ValueError, match=r"^[0-9]+$"):
            mmdb.check_tree(content, 40, 32)

    def test_larger_than_the_file_is_refused(self) -> None:
        """Its metadata lie."""
        with pytest.raises(ValueError, match=r"^9$"):
            mmdb.check_tree(bytes(64), 9, 32)

    @pytest.mark.parametrize(
        ("record_size", "record"),
        [(24, "000002000003"), (28, "00000200000003"), (32, "0000000200000003")],
    )
    def test_is_read_in_each_of_the_three_layouts(self, record_size: int, record: str) -> None:
        """24, 28 and 32 bits a record; in the middle one the high bits share a byte."""
        assert mmdb._children(bytes.fromhex(record), 0, record_size) == (2, 3)
        assert mmdb._children(bytes.fromhex("00000212000003"), 0, 28) == (0x1000002, 0x2000003)
        mmdb.check_tree(bytes.fromhex(record), 1, record_size)


@settings(deadline=None)
@given(st.integers(0, len(FILE) - 1), st.binary(min_size=1, max_size=2))
def test_a_damaged_database_gives_records_or_a_list_error(at: int, put: bytes) -> None:
    """Pointers into nowhere among them."""
    with contextlib.suppress(ListError):
        list(mmdb.read([FILE[:at] + put + FILE[at + len(put) :]], "asn.mmdb"))
