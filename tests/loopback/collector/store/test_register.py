"""Register history in the database."""

from __future__ import annotations

import msgspec

from probe.collector.store import register
from probe.lists.register_diff import ChangeKind, RegisterChange
from tests.loopback.cli.test_collector import diff
from tests.loopback.collector.conftest import Server
from tests.unit.lists.test_changes import CHANGE

LISTED = msgspec.json.decode(diff("wechat.com"), type=RegisterChange)


async def test_register_changes_are_read_back_by_country(server: Server) -> None:
    """To the millisecond. Addresses added later are stored, but they date no listing."""
    store = server.collector.store

    new = await store.write(lambda s: register.store_changes(s, "RU", [LISTED, LISTED, CHANGE]))
    other = await store.write(lambda s: register.store_changes(s, "KZ", [LISTED]))

    assert (new, other) == (2, 1)
    found = await store.read(lambda s: register.changes_of(s, "wechat"))
    assert found == {"KZ": [LISTED], "RU": [LISTED]}
    assert found["RU"][0].kind is ChangeKind.LISTED
    assert await store.read(lambda s: register.changes_of(s, "line")) == {}
