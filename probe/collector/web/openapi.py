"""`/api/v1/openapi.json`: the OpenAPI 3.1 document of the API, made from the routes and the records that it answers.

Names of parameters and their meaning come from the docstrings of the query records, the schemas of answers from the
structs that the handlers encode, summaries from the handlers' docstrings. The table here joins them; a test demands a
row for every route under `/api/`.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from typing import Any

import msgspec
from aiohttp import web

from probe import __version__
from probe.collector.intake.enrolment import EnrolmentRequest
from probe.collector.web.parameters import (
    MAX_AS_NUMBER,
    MAX_RECORDS,
    EventPageQuery,
    EventsQuery,
    RevisionsQuery,
    SpansQuery,
)
from probe.collector.web.public_records import (
    AlertPage,
    ErrorAnswer,
    EventDetails,
    EventPage,
    RevisionPage,
    SpanPage,
)
from probe.collector.web.responses import JSON, json_response
from probe.formats.batch import Batch
from probe.formats.forget_request import ForgetReply, ForgetRequest
from probe.model.target import MAX_LENGTH
from probe.model.verdict import Verdict

PATH = "/api/v1/openapi.json"
LINES = "application/jsonl"
TEXT = "text/plain"
Schema = dict[str, Any]


class ApiOperation(msgspec.Struct, frozen=True, kw_only=True):
    """What the document says of a route besides its docstring.

    Attributes:
        answer: the record of a successful answer; None where any JSON, or another type of content, is answered.
        query: the record that the query is read into; None where none is read.
        body: the record of the request's body.
        content: the type of a successful answer's content.
        others: further successful statuses, which have no content.
    """

    answer: type | None = None
    query: type | None = None
    body: type | None = None
    content: str = JSON
    others: tuple[int, ...] = ()


OPERATIONS: Mapping[tuple[str, str], ApiOperation] = {
    ("GET", PATH): ApiOperation(),
    ("GET", "/api/v1/board"): ApiOperation(),
    ("GET", "/api/v1/events"): ApiOperation(answer=EventPage, query=EventPageQuery),
    ("GET", "/api/v1/events/{id}"): ApiOperation(answer=EventDetails),
    ("GET", "/api/v1/events/{id}/proof"): ApiOperation(content=TEXT),
    ("GET", "/api/v1/revisions"): ApiOperation(answer=RevisionPage, query=RevisionsQuery),
    ("GET", "/api/v1/spans"): ApiOperation(answer=SpanPage, query=SpansQuery),
    ("GET", "/api/v1/alerts"): ApiOperation(answer=AlertPage),
    ("GET", "/api/v1/evidence/{digest}"): ApiOperation(answer=Verdict, content=LINES),
    ("GET", "/api/v1/following"): ApiOperation(),
    ("GET", "/api/v1/following/events"): ApiOperation(query=EventsQuery),
    ("GET", "/api/v1/following/{source}/events/{id}"): ApiOperation(),
    ("GET", "/api/v1/following/{source}/events/{id}/proof"): ApiOperation(content=TEXT),
    ("GET", "/api/v1/control"): ApiOperation(content=LINES, others=(304,)),
    ("POST", "/api/v1/enrol"): ApiOperation(body=EnrolmentRequest),
    ("POST", "/api/v1/batches"): ApiOperation(body=Batch),
    ("POST", "/api/v1/forget"): ApiOperation(body=ForgetRequest, answer=ForgetReply),
}
"""Method and path -> what the document says of it."""

_MOMENT = r"^(\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+\-]\d\d:\d\d))?$"
_COUNTRY = "^([A-Z]{2})?$"
_TEXT: Schema = {"type": "string", "maxLength": MAX_LENGTH}
_PARAMETERS: Mapping[str, Schema] = {
    "since": {"type": "string", "pattern": _MOMENT, "examples": ["2017-05-04T00:00:00Z"]},
    "open": {"type": "string", "enum": ["", "0", "1", "false", "true"]},
    "service": _TEXT,
    "cc": {"type": "string", "pattern": _COUNTRY, "examples": ["RU"]},
    "asn": {"type": "integer", "minimum": 1, "maximum": MAX_AS_NUMBER},
    "target": _TEXT,
    "vantage": _TEXT,
    "cursor": _TEXT,
    "limit": {"type": "integer", "minimum": 1, "maximum": MAX_RECORDS, "default": MAX_RECORDS},
    "id": {"type": "string", "pattern": "^[0-9a-f]{16}$"},
    "digest": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
    "source": {"type": "string", "pattern": "^[0-9a-f]{8}$"},
}
"""Name of a parameter -> its schema."""
DOCUMENT: web.AppKey[dict[str, Any]] = web.AppKey("openapi", dict)


async def get_openapi(request: web.Request) -> web.Response:
    """`/api/v1/openapi.json`: this API as an OpenAPI document, for programs that make clients and tests of it."""
    return json_response(request.app[DOCUMENT])


def openapi_document(app: web.Application, origin: str) -> dict[str, Any]:
    """The document of an application's API.

    Args:
        app: with its routes.
        origin: URL of the collector.
    """
    records = {ErrorAnswer, *(each for op in OPERATIONS.values() for each in (op.answer, op.body) if each is not None)}
    _, components = msgspec.json.schema_components(
        sorted(records, key=lambda record: record.__name__), ref_template="#/components/schemas/{name}"
    )
    paths: dict[str, dict[str, Any]] = {}
    for method, path, handler in api_routes(app):
        found = OPERATIONS.get((method, path), ApiOperation())
        paths.setdefault(path, {})[method.lower()] = _operation(path, handler, found)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Reachability collector",
            "version": __version__,
            "description": "What is blocked, where and since when, with the evidence. Errors are `ErrorAnswer`.",
        },
        "servers": [{"url": origin}],
        "paths": paths,
        "components": {"schemas": {name: _with_plain_text(schema) for name, schema in components.items()}},
    }


def api_routes(app: web.Application) -> list[tuple[str, str, Any]]:
    """Method, path and handler of every route under `/api/`."""
    return [
        (route.method, route.resource.canonical, route.handler)
        for route in app.router.routes()
        if route.method != "HEAD" and route.resource is not None and route.resource.canonical.startswith("/api/")
    ]


def query_parameters(query: type) -> dict[str, str]:
    """Name on the wire -> meaning of each parameter of a query record, from its docstring."""
    _, _, attributes = (inspect.getdoc(query) or "").partition("\n\nAttributes:\n")
    found: dict[str, str] = {}
    for line in attributes.splitlines():
        match = re.fullmatch(r"\s*(\w+): (?:`(\w+)` on the wire: )?(.+)", line)
        if match is not None:
            found[match[2] or match[1]] = match[3]
    return found


def _operation(path: str, handler: Any, found: ApiOperation) -> dict[str, Any]:
    summary = re.sub(r"^`[^`]*`: ", "", " ".join((inspect.getdoc(handler) or "").partition("\n\n")[0].split()))
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": _PARAMETERS[name]}
        for name in re.findall(r"{(\w+)}", path)
    ]
    if found.query is not None:
        parameters += [
            {"name": name, "in": "query", "description": text, "schema": _PARAMETERS[name]}
            for name, text in query_parameters(found.query).items()
        ]
    schema: Schema = {"type": "string"} if found.content == TEXT else {}
    if found.answer is not None:
        schema = _reference(found.answer)
    answers: dict[str, Any] = {"200": {"description": "OK", "content": {found.content: {"schema": schema}}}}
    answers |= {str(status): {"description": "without content"} for status in found.others}
    answers["default"] = {
        "description": "an error; in plain text where the head of the request is too long or is not HTTP",
        "content": {JSON: {"schema": _reference(ErrorAnswer)}, TEXT: {"schema": {"type": "string"}}},
    }
    operation: dict[str, Any] = {"summary": summary, "parameters": parameters, "responses": answers}
    if found.body is not None:
        operation["requestBody"] = {"required": True, "content": {JSON: {"schema": _reference(found.body)}}}
    return operation


def _reference(record: type) -> Schema:
    return {"$ref": f"#/components/schemas/{record.__name__}"}


def _with_plain_text(schema: Schema) -> Schema:
    """A schema whose description has no indentation of the code."""
    return schema | {"description": inspect.cleandoc(schema["description"])} if "description" in schema else schema
