"""Announcements inside one process."""

from __future__ import annotations

import asyncio

from probe.collector.store.announcements import MARKS, REVISIONS, Announcements


async def test_each_listener_hears_its_topic_until_it_ends() -> None:
    """Ending twice is no error."""
    announcements, heard = Announcements(), []
    end = announcements.listen(MARKS, lambda: heard.append("one"))
    announcements.listen(MARKS, lambda: heard.append("two"))
    announcements.listen(REVISIONS, lambda: heard.append("revision"))
    assert sorted(announcements.topics()) == [MARKS, REVISIONS]

    announcements.deliver(MARKS)
    await asyncio.sleep(0)
    end()
    end()
    announcements.deliver(MARKS)
    await asyncio.sleep(0)

    assert heard == ["one", "two", "two"]


async def test_a_listener_is_called_in_its_own_event_loop_from_any_thread() -> None:
    """Announcements come from the thread that waits for other processes."""
    announcements, heard = Announcements(), asyncio.Event()
    announcements.listen(MARKS, heard.set)
    await asyncio.to_thread(announcements.deliver, MARKS)

    await asyncio.wait_for(heard.wait(), 60)


def test_a_listener_whose_event_loop_has_ended_is_left_out() -> None:
    """Nothing is raised."""
    announcements = Announcements()

    async def listen() -> None:
        announcements.listen(MARKS, lambda: None)

    asyncio.run(listen())
    announcements.deliver(MARKS)
