"""JSON Lines of verdicts."""

from __future__ import annotations

import codecs
import io
from datetime import UTC, datetime

import pytest

from probe.errors import RecordError
from probe.formats import jsonlines
from probe.model.verdict import Cause, Status, Vantage, VantageState, Verdict

VERDICT = Verdict(
    time=datetime(2017, 5, 4, tzinfo=UTC),
    target="https://www.wechat.com/",
    status=Status.BLOCKED,
    vantage=Vantage(state=VantageState.ONLINE),
)


def test_a_verdict_is_written_as_one_line_and_read_back_the_same() -> None:
    line = jsonlines.write(VERDICT)

    assert line.endswith(b"}\n")
    assert line.count(b"\n") == 1
    assert b'"time":"2017-05-04T00:00:00Z"' in line
    assert list(jsonlines.read_verdicts([line, b"\n", line], "v")) == [VERDICT, VERDICT]


def test_keys_of_a_newer_version_are_ignored() -> None:
    line = jsonlines.write(VERDICT).replace(b'"rule"', b'"weather":"fine","rule"')

    assert jsonlines.read_verdict(line) == VERDICT


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"{", "truncated"),
        (b"\xff\xfe", "malformed"),
        (b'{"x":' * 1500, "recursion"),
        (b'{"target":"\xff"}', "can't decode"),
        (b'{"time":"2017-05-04T00:00:00Z","target":"a","status":"fine","vantage":{"state":"online"}}', r"\$\.status"),
        (b'{"target":"a","status":"reachable"}', "missing required field `time`"),
    ],
)
def test_a_bad_line_is_named_by_file_and_line_with_the_offending_key(line: bytes, reason: str) -> None:
    verdicts = jsonlines.read_verdicts([jsonlines.write(VERDICT), b"", line], "may.jsonl")

    assert next(verdicts) == VERDICT
    with pytest.raises(
        RecordError, match=rf"^may\.jsonl:3: not a verdict: .*{reason if reason != 'not a verdict' else ''}"
    ):
        next(verdicts)


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        (b'"blocked"', b'"quarantined"', "quarantined"),
        (b'"online"', b'"half"', "half"),
        (b'"vantage"', b'"evidence":{"observations":[{"kind":"http3"}]},"vantage"', "http3"),
    ],
)
def test_a_verdict_with_words_of_a_newer_version_is_kept(old: bytes, new: bytes, what: str) -> None:
    line = jsonlines.write(VERDICT)
    newer = line.replace(old, new)

    found = list(jsonlines.read_or_keep([line, b"\n", newer, line], "v"))

    assert found[::2] == [VERDICT, VERDICT]
    assert isinstance(found[1], jsonlines.KeptLine)
    assert (found[1].line, found[1].where) == (newer, "v:3")
    assert what in found[1].what


@pytest.mark.parametrize("line", [b"{", b"[]", b'{"time":"2017-05-04T00:00:00Z","target":"a"}', b'{"status":"newer"}'])
def test_a_line_that_is_no_verdict_of_any_version_is_an_error(line: bytes) -> None:
    with pytest.raises(RecordError, match=r"^v:1: not a verdict: "):
        list(jsonlines.read_or_keep([line], "v"))


def test_causes_of_a_newer_version_are_kept() -> None:
    line = jsonlines.write(VERDICT).replace(b'"causes":[]', b'"causes":["http3.timeout","tls.reset"]')

    verdict = jsonlines.read_verdict(line)

    assert verdict.causes == ("http3.timeout", Cause.TLS_RESET)
    assert jsonlines.write(verdict) == line
    with pytest.raises(RecordError):
        jsonlines.read_verdict(line.replace(b"http3.timeout", b"<script>"))


def test_a_byte_order_mark_is_no_part_of_the_first_line() -> None:
    line = jsonlines.write(VERDICT)

    mark = codecs.BOM_UTF8
    assert list(jsonlines.lines_of(io.BytesIO(mark + line + line), "v")) == [line, line]
    assert list(jsonlines.lines_of(io.BytesIO(b"\n" + mark + line + mark + line), "v")) == [b"\n", line, line]
    for encoding in ("utf-16-le", "utf-16-be"):
        text = ("\ufeff" + line.decode()).encode(encoding)
        with pytest.raises(RecordError, match=r"^v: the file is UTF-16 \(save it as UTF-8\)$"):
            list(jsonlines.lines_of(io.BytesIO(text), "v"))


def test_a_line_without_end_is_not_read_into_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jsonlines, "MAX_LINE_BYTES", 100)

    lines = jsonlines.lines_of(io.BytesIO(b"short\n" + b"x" * 1000), "f")

    assert next(lines) == b"short\n"
    with pytest.raises(RecordError, match=r"^f:2: longer than 100 bytes"):
        next(lines)


def test_a_stream_is_split_into_lines() -> None:
    """The last one may lack its line end."""
    assert list(jsonlines.lines_of(io.BytesIO(b"one\ntwo"), "v")) == [b"one\n", b"two"]
