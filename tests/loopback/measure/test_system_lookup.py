"""Names are looked up with getaddrinfo in a bounded number of threads."""

from __future__ import annotations

import threading

import pytest

from probe.measure import system_lookup
from probe.measure.failures import OperationError
from probe.measure.system_lookup import SystemLookups
from probe.model.failure import Failure


async def test_a_name_in_the_hosts_file_is_found() -> None:
    """`localhost` is in every hosts file."""
    assert await SystemLookups().addresses("localhost", "A", 5) == ("127.0.0.1",)


async def test_a_name_that_cannot_be_encoded_is_a_local_failure() -> None:
    """A label has more than 63 octets."""
    with pytest.raises(OperationError) as end:
        await SystemLookups().addresses("a" * 64 + ".example", "A", 5)
    assert end.value.info.failure is Failure.LOCAL


async def test_a_look_up_that_hangs_ends_at_the_step_time_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its thread counts until it ends; when all threads are busy, a look-up is a local failure."""
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
