"""The file of signed batches: written, read, bounded."""

from __future__ import annotations

import io

import pytest
from msgspec.structs import replace

from probe.errors import RecordError
from probe.formats.outbox_file import FORMAT, MAX_LINE_BYTES, SignedBatch, read, write

ONE = SignedBatch(agent="a0", origin="https://c.example", seq=3, signature="c2ln", body="Ym9keQ==")


def read_text(content: bytes) -> list[SignedBatch]:
    """The batches in a file of this content."""
    return list(read(io.BytesIO(content), "stick"))


def test_what_is_written_is_read() -> None:
    """Blank lines and a byte order mark do not matter."""
    lines = list(write([ONE, ONE]))

    assert read_text(b"\xef\xbb\xbf" + lines[0] + b"\n" + lines[1]) == [ONE, ONE]
    assert ONE.compressed == b"body"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"not JSON\n", "stick:1: not a signed batch"),
        (b'{"agent": "a"}\n', "stick:1: not a signed batch"),
        (b"\xff\xfe\n", "the file is UTF-16"),
        (b'{"x":' * 3000, "stick:1: not a signed batch"),
        (next(iter(write([ONE]))).replace(FORMAT.encode(), b"probe-outbox-9"), "a file of the format 'probe-outbox-9'"),
        (next(iter(write([replace(ONE, agent="a\r\nHost: b")]))), "stick:1: an agent, signature or origin"),
        (next(iter(write([replace(ONE, signature="s\r\n\r\nGET /")]))), "stick:1: an agent, signature or origin"),
        (next(iter(write([replace(ONE, origin="https://\x1b[2J")]))), "stick:1: an agent, signature or origin"),
        (b"x" * (MAX_LINE_BYTES + 1), f"a line of more than {MAX_LINE_BYTES} bytes"),
    ],
)
def test_a_line_that_is_no_batch_is_named(content: bytes, said: str) -> None:
    with pytest.raises(RecordError) as error:
        read_text(content)

    assert said in str(error.value)


def test_batches_before_a_bad_line_are_read() -> None:
    batches = read(io.BytesIO(next(iter(write([ONE]))) + b"bad\n"), "stick")

    assert next(batches) == ONE
    with pytest.raises(RecordError, match="stick:2"):
        next(batches)


def test_a_body_that_is_not_base64_is_named() -> None:
    bad = SignedBatch(agent="a0", origin="o", seq=3, signature="", body="*")

    with pytest.raises(RecordError, match="batch 3 of a0: the body is not base64"):
        _ = bad.compressed
