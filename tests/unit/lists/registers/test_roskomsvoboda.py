"""Answers of Roskomsvoboda's API."""

import contextlib
import json
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from probe.errors import ListError
from probe.lists.lines import BadRow
from probe.lists.registers import roskomsvoboda
from probe.lists.registers.register_entry import BlockType, RegisterEntry, RegisterItem


def read(value: object) -> list[RegisterItem]:
    """All items of an answer."""
    return list(roskomsvoboda.read([json.dumps(value).encode()], "api"))


def test_arrays_of_names_and_addresses_are_read() -> None:
    """`domains`, `ips` and `ips-only` return such arrays."""
    items = read(["a.example", "192.0.2.1", "203.0.113.0/24", "?"])
    assert [(i.hosts, i.addresses, i.networks) for i in items if isinstance(i, RegisterEntry)] == [
        (("a.example",), (), ()), ((), ("192.0.2.1",), ()), ((), (), ("203.0.113.0/24",)),
    ]  # fmt: skip
    assert items[3] == BadRow(4, "an item that is neither a name nor an address")


def test_a_snapshot_has_times_and_authorities() -> None:
    """The line of an entry is its position in the array."""
    one = {"appearDate": "2017-04-28", "domains": ["line.example"], "name": "Генпрокуратура", "ips": ["192.0.2.1"]}
    record = read([one])[0]
    assert isinstance(record, RegisterEntry)
    assert (record.hosts, record.addresses, record.line) == (("line.example",), ("192.0.2.1",), 1)
    assert (record.decision.authority, record.entry_type) == ("Генпрокуратура", 3)
    assert record.included == datetime(2017, 4, 27, 21, tzinfo=UTC)


def test_dpi_objects_are_outside_the_register() -> None:
    """They are blocked without a decision, and have a service name instead."""
    record = read([{"domains": ["video.example", "cdn.example"], "name": "Video"}])[0]
    assert isinstance(record, RegisterEntry)
    assert record.decision.authority == roskomsvoboda.OUTSIDE
    assert record.block_type is BlockType.DOMAIN


def test_a_single_record_is_read() -> None:
    """`record/<id>` returns an object without an array."""
    record = read({"id": 7, "appearDate": "2020-01-02", "domains": ["a.example"], "ips": []})[0]
    assert isinstance(record, RegisterEntry)
    assert record.id == "7"


def test_only_the_host_of_a_url_is_kept() -> None:
    record = read([{"appearDate": "2020-01-02", "urls": ["http://a.example/secret"]}])[0]
    assert isinstance(record, RegisterEntry)
    assert (record.hosts, record.block_type) == (("a.example",), BlockType.URL)
    assert "secret" not in repr(record)


def test_objects_of_another_shape_are_bad_rows() -> None:
    assert all(isinstance(item, BadRow) for item in read([{}, {"domains": 5}, {"ips": [1]}, 7, None, ["a"]]))


@given(st.recursive(st.none() | st.integers() | st.text(max_size=6) | st.sampled_from(["192.0.2.1", "a.example"]),
       lambda inner: st.lists(inner, max_size=3)
       | st.dictionaries(st.sampled_from(["domains", "ips", "name", "appearDate", "id", "url"]), inner, max_size=4),
       max_leaves=8))  # fmt: skip
def test_any_json_gives_items_or_a_list_error(value: object) -> None:
    """No other exception is raised."""
    with contextlib.suppress(ListError):
        read(value)
