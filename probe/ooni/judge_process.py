"""A process that reads and judges OONI measurements for another one, chunk by chunk, until its input ends.

Started as ``python -m probe.ooni.judge_process``. Messages are MessagePack behind four bytes of their length.
"""

from __future__ import annotations

import gc
import signal
import struct
import sys
from collections.abc import Iterable
from typing import IO

import msgspec

from probe.formats.ooni.measurement_header import SetAside
from probe.ooni.archive import ArchiveRow
from probe.ooni.reading import JudgedMeasurement, OoniReader

GC_THRESHOLDS = (10_000, 20, 20)


class JudgedRow(msgspec.Struct, frozen=True):
    """A row of a file, judged or set aside.

    Attributes:
        file: as in the row.
        number: as in the row.
        position: as in the row.
        size: bytes of the measurement.
        judged: its verdicts; none where it was set aside.
        fault: why it was set aside.
    """

    file: str
    number: int
    position: int
    size: int
    judged: list[JudgedMeasurement] = []
    fault: SetAside | None = None


_encoder = msgspec.msgpack.Encoder()
_rows = msgspec.msgpack.Decoder(list[ArchiveRow])
_judged = msgspec.msgpack.Decoder(list[JudgedRow])
_LENGTH = struct.Struct(">I")


def judge_rows(rows: Iterable[ArchiveRow], reader: OoniReader) -> list[JudgedRow]:
    """Read and judge rows, in their order."""
    found: list[JudgedRow] = []
    for row in rows:
        outcome = row.fault if row.fault is not None else reader.read(row.line, row.file, row.number)
        judged = outcome if isinstance(outcome, list) else []
        fault = outcome if isinstance(outcome, SetAside) else None
        found.append(JudgedRow(row.file, row.number, row.position, len(row.line), judged, fault))
    return found


def send(stream: IO[bytes], message: list[ArchiveRow] | list[JudgedRow]) -> None:
    """Write one message."""
    data = _encoder.encode(message)
    stream.write(_LENGTH.pack(len(data)))
    stream.write(data)
    stream.flush()


def receive(stream: IO[bytes]) -> bytes | None:
    """Read one message; None at the end of the stream."""
    head = stream.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    size = _LENGTH.unpack(head)[0]
    data = stream.read(size)
    return data if len(data) == size else None


def receive_rows(stream: IO[bytes]) -> list[ArchiveRow] | None:
    """Read a message of rows; None at the end."""
    data = receive(stream)
    return None if data is None else _rows.decode(data)


def receive_judged(stream: IO[bytes]) -> list[JudgedRow] | None:
    """Read a message of judged rows; None at the end."""
    data = receive(stream)
    return None if data is None else _judged.decode(data)


def serve(commands: IO[bytes], output: IO[bytes]) -> None:
    """Judge the chunks that come until their stream ends."""
    reader = OoniReader()
    while (rows := receive_rows(commands)) is not None:
        send(output, judge_rows(rows, reader))


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupt ends the process that started this, and that ends this
    gc.set_threshold(*GC_THRESHOLDS)
    serve(sys.stdin.buffer, sys.stdout.buffer)
