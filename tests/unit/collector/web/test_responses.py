"""JSON, CSV and error responses."""

from __future__ import annotations

import csv
import io

import msgspec
import pytest

from probe.collector.web.responses import ApiError, csv_cell, csv_response, json_response, storage_unavailable
from probe.errors import StorageError


def test_an_error_has_a_word_for_programs_and_a_sentence_for_people() -> None:
    """Extra members stand beside them."""
    answer = ApiError(409, "gap", "batches are missing", expected=7).response()

    assert (answer.status, answer.content_type) == (409, "application/json")
    assert msgspec.json.decode(answer.body) == {  # type: ignore[arg-type]
        "error": {"code": "gap", "message": "batches are missing"},
        "expected": 7,
    }


def test_a_full_disk_is_answered_with_retry_after_and_without_the_path() -> None:
    """The path of the database is for the operator alone."""
    answer = storage_unavailable(StorageError("cannot be written", where="/secret/place.db")).response()

    assert answer.status == 503
    assert 5 <= int(answer.headers["Retry-After"]) <= 15
    assert b"secret" not in bytes(answer.body)  # type: ignore[arg-type]


def test_any_value_that_msgspec_encodes_is_answered_as_json() -> None:
    """Tuples become arrays."""
    assert json_response({"a": (1, 2)}).body == b'{"a":[1,2]}'


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "  =", "\uff1d", "\uff0b", "\uff0d", "\uff20"])
def test_a_text_that_a_spreadsheet_would_evaluate_gets_an_apostrophe(start: str) -> None:
    """OWASP's list of first characters, the full-width forms among them."""
    assert csv_cell(f"{start}cmd|' /C calc'!A0") == f"'{start}cmd|' /C calc'!A0"


@pytest.mark.parametrize("value", ["wechat", "", "https://a.example/?q=-1", "10-Restricting", "2017-05-04T00:00:00Z"])
def test_any_other_text_stays_as_it_is(value: str) -> None:
    """The characters are harmless anywhere but at the beginning."""
    assert csv_cell(value) == value


def test_numbers_stay_numbers_below_zero_too() -> None:
    """They are ours: a network that acts before the register has a negative lag."""
    assert [csv_cell(value) for value in (-43_200, 0, 64500)] == ["-43200", "0", "64500"]


def test_a_csv_response_has_its_header_and_is_offered_for_download() -> None:
    """Every cell passes through the same rule."""
    answer = csv_response(("a", "b"), [("-1+1", -1), ('say "x", y', 2)], "some.csv")

    assert (answer.content_type, answer.headers["Content-Disposition"]) == ("text/csv", "attachment; filename=some.csv")
    assert list(csv.reader(io.StringIO(str(answer.text)))) == [["a", "b"], ["'-1+1", "-1"], ['say "x", y', "2"]]
