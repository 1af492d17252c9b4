"""How the collector answers programs: JSON, and one shape for everything that goes wrong."""

from __future__ import annotations

import random
from typing import Any

import msgspec
from aiohttp import web

from probe.errors import StorageError

JSON = "application/json"


class ApiError(Exception):
    """An answer other than what was asked for.

    Args:
        status: of HTTP.
        code: a stable word for programs.
        message: a sentence for people; nothing of the request is repeated in it.
        retry_after: seconds after which to come again; 0 for no such header.
        extra: further members beside `error`.
    """

    def __init__(self, status: int, code: str, message: str, retry_after: int = 0, **extra: Any) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.retry_after = retry_after
        self.extra = extra

    def response(self) -> web.Response:
        """The answer."""
        answer = json_response({**self.extra, "error": {"code": self.code, "message": self.message}}, self.status)
        if self.retry_after:
            answer.headers["Retry-After"] = str(self.retry_after)
        return answer


def json_response(value: Any, status: int = 200) -> web.Response:
    """Any value msgspec knows, as JSON."""
    return web.Response(body=msgspec.json.encode(value), status=status, content_type=JSON)


def storage_unavailable(error: StorageError) -> ApiError:
    """The database cannot write now. The seconds differ so that agents do not all come back at once."""
    del error  # its path is nobody's business but the operator's
    return ApiError(503, "unavailable", "nothing can be stored at the moment", retry_after=random.randint(5, 15))  # noqa: S311
