"""Reading MaxMind databases."""

import contextlib
import importlib.util
import struct
import sys
import time
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


def test_each_record_is_a_prefix() -> None:
    """Records come in the order of the tree; one without an AS number is a bad row."""
    assert list(mmdb.read([FILE[:40], FILE[40:]], "asn.mmdb")) == [
        Prefix(line=1, network="1.12.0.0/14", asns=(45090,), name="Tencent"),
        Prefix(line=2, network="119.28.0.0/16", asns=(132203,)),
        BadRow(3, "a record without an AS number"),
    ]


def test_without_the_library_the_error_names_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """`maxminddb` is an optional dependency."""
    monkeypatch.setitem(sys.modules, "maxminddb", None)
    with pytest.raises(ListError, match=r"install reachability-probe\[asn\]"):
        list(mmdb.read([FILE], "asn.mmdb"))


def test_a_file_of_another_format_is_refused() -> None:
    """The check comes before the library reads the file."""
    with pytest.raises(ListError, match="no MaxMind database"):
        list(mmdb.read([b"x" * 100], "asn.mmdb"))


class TestLookUp:
    """One address in an operator's database, of ASes or of countries."""

    @pytest.mark.parametrize(
        "address, expected",
        [
            ("1.13.0.1", mmdb.PlaceRecord(asn=45090, owner="Tencent")),
            ("119.28.7.7", mmdb.PlaceRecord(asn=132203)),
            ("192.0.2.1", mmdb.PlaceRecord(country="XX")),
            ("8.8.8.8", mmdb.PlaceRecord()),
            ("2001:db8::1", mmdb.PlaceRecord()),
        ],
    )
    def test_an_address_has_the_record_of_its_prefix(self, address: str, expected: mmdb.PlaceRecord) -> None:
        """A database of IPv4 says nothing of an IPv6 address."""
        assert mmdb.look_up(FILE, "asn.mmdb", address) == expected

    def test_a_country_may_stand_in_a_record_of_its_own(self) -> None:
        """As GeoLite2-Country has it."""
        content = mmdb_file.made({"192.0.2.0/24": {"country": {"iso_code": "RU"}}})

        assert mmdb.look_up(content, "country.mmdb", "192.0.2.9") == mmdb.PlaceRecord(country="RU")

    @pytest.mark.parametrize("content", [b"x" * 100, FILE[-200:], mmdb.MARK + b"\xff" * 50])
    def test_a_broken_file_is_one_clear_error(self, content: bytes) -> None:
        """Whatever the library raises about it."""
        with pytest.raises(ListError, match="MaxMind database"):
            mmdb.look_up(content, "asn.mmdb", "192.0.2.1")


class TestTree:
    """A search tree of a few bytes can have more paths than anybody can walk."""

    def test_a_tree_with_a_cycle_is_refused(self) -> None:
        """Both children of a node are the node itself."""
        with pytest.raises(ListError, match="a broken MaxMind database"):
            list(mmdb.read([bytes(8) + FILE[8:]], "asn.mmdb"))

    def test_a_tree_with_too_many_paths_is_refused(self) -> None:
        """Both children of each node are the next node, so the paths double."""
        content = b"".join(struct.pack(">II", n + 1, n + 1) for n in range(40))
        with pytest.raises(ValueError, match=r"^[0-9]+$"):
            mmdb.check_tree(content, 40, 32)

    def test_each_path_to_a_record_or_to_none_counts(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Two nodes, of which the first leads to the second on both sides, have four paths."""
        content = struct.pack(">IIII", 1, 1, 2, 2)
        monkeypatch.setattr(mmdb, "MAX_PREFIXES", 4)
        mmdb.check_tree(content, 2, 32)
        monkeypatch.setattr(mmdb, "MAX_PREFIXES", 3)
        with pytest.raises(ValueError, match=r"^4$"):
            mmdb.check_tree(content, 2, 32)

    def test_a_tree_larger_than_the_file_is_refused(self) -> None:
        """The number of nodes in the metadata is wrong."""
        with pytest.raises(ValueError, match=r"^9$"):
            mmdb.check_tree(bytes(64), 9, 32)

    @pytest.mark.parametrize(
        ("record_size", "record"),
        [(24, "000002000003"), (28, "00000200000003"), (32, "0000000200000003")],
    )
    def test_records_of_24_28_and_32_bits_are_read(self, record_size: int, record: str) -> None:
        """Records of 28 bits share a byte for their high bits."""
        assert mmdb._children(bytes.fromhex(record), 0, record_size) == (2, 3)
        assert mmdb._children(bytes.fromhex("00000212000003"), 0, 28) == (0x1000002, 0x2000003)
        mmdb.check_tree(bytes.fromhex(record.replace("2", "1").replace("3", "1")), 1, record_size)


class TestRecord:
    """With pointers a record of a few bytes can stand for more values than anybody can read."""

    @staticmethod
    def doubled(times: int) -> bytes:
        """A database of one record that contains one text 2 to the power of `times` times."""
        section = bytearray(2048)
        last = len(section)
        section += mmdb_file._encoded("x")
        for _ in range(times):
            pointer = bytes([0x28 | last - 2048 >> 16, last - 2048 >> 8 & 255, last - 2048 & 255])
            last = len(section)
            section += bytes([2, 11 - 7]) + pointer * 2
        tree = struct.pack(">II", 1 + 16 + last, 1)
        return (
            tree
            + bytes(16)
            + bytes(section)
            + FILE[FILE.index(mmdb_file.MARK) :].replace(
                mmdb_file._encoded(len(FILE[: FILE.index(bytes(16))]) // 8), mmdb_file._encoded(1), 1
            )
        )

    def test_a_pointer_counts_the_values_it_points_to_each_time(self) -> None:
        """Four levels of pairs are 16 texts and 15 arrays."""
        content = self.doubled(4)
        start = content.index(bytes([2, 4]), 2048) - 24
        known: dict[int, tuple[int, int]] = {}
        assert mmdb.check_record(content, 24, content.rindex(bytes([2, 4])) - 24, known)[0] == 31
        assert start in known

    @pytest.mark.parametrize("times", [13, 60, 500])
    def test_a_record_that_doubles_itself_is_refused_at_once(self, times: int) -> None:
        """The check comes before the library reads the record."""
        start = time.process_time()
        with pytest.raises(ListError, match="a broken MaxMind database"):
            list(mmdb.read([self.doubled(times)], "asn.mmdb"))
        assert time.process_time() - start < 1

    def test_a_record_larger_than_its_bound_is_refused(self) -> None:
        """A million records may point to one text of a megabyte."""
        text = bytes([2 << 5 | 31]) + (100_000 - 65_821).to_bytes(3, "big") + b"x" * 100_000
        with pytest.raises(ValueError, match=r"^6251$"):
            mmdb.check_record(text, 0, 0, {})

    @pytest.mark.parametrize(
        ("value", "end"),
        [("4178", 2), ("a101", 2), ("c2abcd", 3), ("e1 4178 4179", 5), ("0207", 2), ("0108ff", 3)],
    )
    def test_the_end_of_every_type_of_value_is_found(self, value: str, end: int) -> None:
        """Texts, numbers, maps, arrays, and booleans, whose size is their value."""
        content = bytes.fromhex(value) + bytes(40)
        assert mmdb.check_record(content, 0, 0, {})[1] == end


@settings(deadline=None)
@given(st.integers(0, len(FILE) - 1), st.binary(min_size=1, max_size=2))
def test_a_damaged_database_gives_records_or_a_list_error(at: int, put: bytes) -> None:
    """Damage includes pointers outside the file."""
    with contextlib.suppress(ListError):
        list(mmdb.read([FILE[:at] + put + FILE[at + len(put) :]], "asn.mmdb"))


@pytest.mark.parametrize("kept", [0, 1, len(FILE) // 2, len(FILE) - 40, len(FILE) - 1])
def test_a_file_that_was_cut_is_refused_before_its_first_item(kept: int) -> None:
    """The metadata stands at the end."""
    with pytest.raises(ListError, match="fetch it again"):
        next(mmdb.read([FILE[:kept]], "asn.mmdb"))
