"""The process that judges for another."""

from __future__ import annotations

import io

from probe.formats.ooni.measurement_header import SetAside
from probe.ooni.archive import ArchiveRow
from probe.ooni.judge_process import judge_rows, receive_judged, receive_rows, send, serve
from probe.ooni.reading import OoniReader
from tests.unit.formats.ooni.measurements import line_of, measurement

ROWS = [
    ArchiveRow("a", 1, line_of(measurement()), position=10),
    ArchiveRow("a", 2, fault=SetAside("torn"), position=20),
    ArchiveRow("a", 3, b"{]", position=30),
]


def test_every_row_is_judged_or_set_aside() -> None:
    """In the order in which they came."""
    judged = judge_rows(ROWS, OoniReader())

    assert [(row.number, len(row.judged), row.fault and row.fault.reason) for row in judged] == [
        (1, 1, None),
        (2, 0, "torn"),
        (3, 0, "not JSON"),
    ]


def test_messages_are_answered_until_they_end() -> None:
    """What comes through the pipes is what one process would have judged."""
    commands, output = io.BytesIO(), io.BytesIO()
    send(commands, ROWS)
    send(commands, ROWS[:1])
    commands.seek(0)
    serve(commands, output)
    output.seek(0)

    assert receive_judged(output) == judge_rows(ROWS, OoniReader())
    assert receive_judged(output) == judge_rows(ROWS[:1], OoniReader())
    assert receive_judged(output) is None


def test_half_a_message_is_the_end() -> None:
    """The other side was killed."""
    commands = io.BytesIO()
    send(commands, ROWS)

    assert receive_rows(io.BytesIO(commands.getvalue()[:-1])) is None
    assert receive_rows(io.BytesIO(b"\0")) is None
