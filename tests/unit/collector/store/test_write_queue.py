"""The queue of writes."""

from __future__ import annotations

import threading

from probe.collector.store.write_queue import MAX_SMALL_IN_A_ROW, WriteQueue


def test_a_small_write_does_not_wait_for_the_large_ones_before_it() -> None:
    """Within a lane the order stays."""
    queue = WriteQueue[str]()
    for item in ("large 1", "small 1", "large 2", "small 2"):
        queue.put(item, large=item.startswith("large"))

    assert queue.qsize() == 4
    assert [queue.get() for _ in range(4)] == ["small 1", "small 2", "large 1", "large 2"]
    assert queue.get_nowait() is None


def test_large_writes_have_their_turn_under_a_flood_of_small_ones() -> None:
    """One after every `MAX_SMALL_IN_A_ROW`."""
    queue = WriteQueue[int]()
    queue.put(-1, large=True)
    queue.put(-2, large=True)
    for number in range(2 * MAX_SMALL_IN_A_ROW + 1):
        queue.put(number)
    found = [queue.get() for _ in range(queue.qsize())]

    assert [found.index(-1), found.index(-2)] == [MAX_SMALL_IN_A_ROW, 2 * MAX_SMALL_IN_A_ROW + 1]


def test_a_closed_queue_gives_the_rest_and_then_none_to_every_thread() -> None:
    """No writer waits for ever."""
    queue = WriteQueue[int]()
    found: list[int | None] = []
    threads = [threading.Thread(target=lambda: found.append(queue.get()), daemon=True) for _ in range(3)]
    for thread in threads:
        thread.start()
    queue.put(7, large=True)
    queue.put(None)
    for thread in threads:
        thread.join(60)

    assert sorted(found, key=str) == [7, None, None]
