"""A published control: signed bytes, bounds, parts that fit into batches."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from probe.errors import RecordError
from probe.formats import control_listing
from probe.formats.control_listing import MAX_PART_BYTES, MAX_PART_VERDICTS, parts, signed_bytes, verdicts
from probe.formats.jsonlines import write
from probe.model.verdict import Evidence, Status, Vantage, VantageState, Verdict

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


def verdict(target: str, evidence_bytes: int = 0) -> Verdict:
    """A verdict of a control with so much evidence."""
    return Verdict(
        time=NOON,
        target=target,
        status=Status.REACHABLE,
        rule="r",
        evidence=Evidence(error="x" * evidence_bytes),
        vantage=Vantage(state=VantageState.ONLINE),
    )


def test_a_signature_is_for_one_origin_and_one_body() -> None:
    assert len({signed_bytes(origin, body) for origin in ("http://a", "http://b") for body in (b"x", b"y")}) == 4


def test_lines_are_read_up_to_the_bound_and_newer_words_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control_listing, "MAX_VERDICTS", 2)
    lines = [write(verdict(f"t{n}.example")) for n in range(4)]
    lines[0] = lines[0].replace(b'"reachable"', b'"quarantined"')

    assert [one.target for one in verdicts(b"".join(lines), "there")] == ["t1.example", "t2.example"]
    with pytest.raises(RecordError, match="there:1"):
        verdicts(b"nonsense\n", "there")


def test_parts_keep_the_order_and_fit_into_a_batch() -> None:
    """A verdict that is larger than a batch is left out."""
    many = [verdict(f"t{n}.example") for n in range(MAX_PART_VERDICTS + 1)]
    large = [verdict(f"l{n}.example", MAX_PART_BYTES * 2 // 3) for n in range(2)]

    found = list(parts([*many, verdict("huge.example", MAX_PART_BYTES), *large]))

    assert [one.target for part in found for one in part] == [one.target for one in [*many, *large]]
    assert [len(part) for part in found] == [MAX_PART_VERDICTS, 2, 1]
