"""Responses for programs: JSON, CSV, and one JSON shape for every error."""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from aiohttp import web

from probe.errors import StorageError

JSON = "application/json"
_FORMULA_STARTS = frozenset("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
"""First characters that make a spreadsheet evaluate a cell, the full-width forms among them (OWASP, CSV Injection)."""


class ApiError(Exception):
    """An error response to a program.

    Args:
        status: HTTP status.
        code: a stable word for programs.
        message: a sentence for people; it repeats nothing of the request.
        retry_after: value of the `Retry-After` header in seconds; 0 for no such header.
        extra: further members beside `error`.
    """

    def __init__(self, status: int, code: str, message: str, retry_after: int = 0, **extra: Any) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.retry_after = retry_after
        self.extra = extra

    def body(self) -> bytes:
        """The JSON of the response."""
        return msgspec.json.encode({**self.extra, "error": {"code": self.code, "message": self.message}})

    def response(self) -> web.Response:
        """The HTTP response."""
        answer = web.Response(body=self.body(), status=self.status, content_type=JSON)
        if self.retry_after:
            answer.headers["Retry-After"] = str(self.retry_after)
        return answer


def json_response(value: Any, status: int = 200) -> web.Response:
    """Any value that msgspec encodes, as JSON."""
    return web.Response(body=msgspec.json.encode(value), status=status, content_type=JSON)


def csv_response(columns: Sequence[str], rows: Iterable[Sequence[str | int]], filename: str) -> web.Response:
    """A CSV file with a header row, offered for download.

    Args:
        columns: the header.
        rows: texts and numbers; a text is never a formula to a spreadsheet (see `csv_cell`).
        filename: the name under which browsers save it.
    """
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(columns)
    writer.writerows([csv_cell(value) for value in row] for row in rows)
    answer = web.Response(text=text.getvalue(), content_type="text/csv", charset="utf-8")
    answer.headers["Content-Disposition"] = f"attachment; filename={filename}"
    return answer


def csv_cell(value: str | int) -> str:
    """The cell for a value, with an apostrophe before a text that a spreadsheet would evaluate as a formula.

    Numbers are our own and stay numbers, negative ones too.
    """
    if isinstance(value, int):
        return str(value)
    return f"'{value}" if value.lstrip(" ")[:1] in _FORMULA_STARTS else value


def storage_unavailable(error: StorageError) -> ApiError:
    """Status 503 for a database that cannot be written now.

    `Retry-After` is drawn at random so that agents do not return all at once. The error's path is for the operator
    alone and is left out.
    """
    del error
    return ApiError(503, "unavailable", "nothing can be stored at the moment", retry_after=random.randint(5, 15))  # noqa: S311
