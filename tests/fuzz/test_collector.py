"""A short run of the fuzzer of the collector's port, with the same inputs every time."""

from __future__ import annotations

from tests.fuzz.collector import fuzz


async def test_hostile_bytes_and_batches_are_refused_and_the_collector_stays_ready() -> None:
    """No answer is 500, and nothing is logged as an error."""
    statuses, fault = await fuzz(600.0, seed=2017, at_most=200)

    assert fault == ""
    assert statuses[400] > 0
    assert statuses[200] > 0
