"""One shape for everything that goes wrong."""

from __future__ import annotations

import msgspec

from probe.collector.web.responses import ApiError, json_response, storage_unavailable
from probe.errors import StorageError


def test_a_refusal_has_a_word_for_programs_and_a_sentence_for_people() -> None:
    """And what else the caller needs beside them."""
    answer = ApiError(409, "gap", "batches are missing", expected=7).response()

    assert (answer.status, answer.content_type) == (409, "application/json")
    assert msgspec.json.decode(answer.body) == {  # type: ignore[arg-type]
        "error": {"code": "gap", "message": "batches are missing"},
        "expected": 7,
    }


def test_a_full_disk_asks_to_come_again_and_tells_no_path() -> None:
    """Where the database lies is nobody's business."""
    answer = storage_unavailable(StorageError("cannot be written", where="/secret/place.db")).response()

    assert answer.status == 503
    assert 5 <= int(answer.headers["Retry-After"]) <= 15
    assert b"secret" not in bytes(answer.body)  # type: ignore[arg-type]


def test_any_record_is_answered_as_json() -> None:
    """Dates and enums among them."""
    assert json_response({"a": (1, 2)}).body == b'{"a":[1,2]}'
