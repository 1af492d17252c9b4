"""getaddrinfo in threads of our own."""

from __future__ import annotations

import threading

import pytest

from probe.measure import system_lookup
from probe.measure.failures import OperationError
from probe.measure.system_lookup import SystemLookups
from probe.model.failure import Failure


async def test_the_hosts_file_is_seen() -> None:
    """Localhost stands in every one."""
    assert await SystemLookups().addresses("localhost", "A", 5) == ("127.0.0.1",)


async def test_a_name_no_resolver_could_be_asked_about_ends_in_a_word() -> None:
    """Too long a label; the look-up itself refuses it."""
    with pytest.raises(OperationError) as end:
        await SystemLookups().addresses("a" * 64 + ".example", "A", 5)
    assert end.value.info.failure is Failure.LOCAL


async def test_a_look_up_that_hangs_costs_its_asker_no_more_than_the_phase(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its thread keeps its place until it ends; who finds no place free says so."""
    monkeypatch.setattr(system_lookup, "MAX_THREADS", 1)
    release = threading.Event()

    def hang(*_: object) -> list[object]:
        release.wait(20)
        return []

    monkeypatch.setattr(system_lookup.socket, "getaddrinfo", hang)
    lookups = SystemLookups()
    with pytest.raises(OperationError) as end:
        await lookups.addresses("lab.example", "A", 0.05)
    assert end.value.info.failure is Failure.TIMEOUT
    with pytest.raises(OperationError) as end:
        await lookups.addresses("lab.example", "A", 0.05)
    assert end.value.info.failure is Failure.LOCAL

    release.set()
    assert await lookups.addresses("lab.example", "A", 5) == ()
