"""The log over HTTP: checkpoint, tiles and entries as c2sp.org/tlog-tiles says, the key, and proofs of events.

The own log is under `/log/`; a followed one, as far as it is here, under `/following/<source>/log/`.
"""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web

from probe.collector.log import tree_reader
from probe.collector.log.own_log import OwnLog, own_key
from probe.collector.state import STATE
from probe.collector.store import StoreSession, agents, log_tables
from probe.collector.store.log_tables import OWN, fork_name
from probe.collector.web.parameters import hexadecimal
from probe.collector.web.responses import ApiError
from probe.errors import RecordError, StateError
from probe.formats.tiles import MAX_LEVEL, parse_index
from probe.formats.tlog_proof import TlogProof

OWN_LOG: web.AppKey[OwnLog] = web.AppKey("own_log", OwnLog)
BYTES = "application/octet-stream"
IMMUTABLE = "public, max-age=31536000, immutable"
PROOF_FILE = "tlog-proof"
"""The end of a proof's file name."""
SOURCE = "{source:[0-9a-f]{8}}"
"""The name of a followed log in addresses."""


def routes() -> list[web.RouteDef]:
    """All addresses of logs."""
    found = [
        web.get("/log/checkpoint", get_checkpoint),
        web.get("/log/key", get_key),
        web.get("/api/v1/events/{id}/proof", get_proof),
    ]
    for prefix in ("/log", f"/following/{SOURCE}/log"):
        found += [
            web.get(prefix + "/tile/entries/{index:.+}", get_entries),
            web.get(prefix + r"/tile/{level:\d+}/{index:.+}", get_tile),
        ]
    return [
        *found,
        web.get(f"/following/{SOURCE}/log/checkpoint", get_followed_checkpoint),
        web.get(f"/following/{SOURCE}/log/key", get_followed_key),
        web.get(f"/following/{SOURCE}/log/fork", get_fork),
        web.get(f"/api/v1/following/{SOURCE}" + "/events/{id}/proof", get_proof),
    ]


async def get_checkpoint(request: web.Request) -> web.Response:
    """`/log/checkpoint`: the newest signed checkpoint."""
    note = await _published(request)
    return _note(note)


async def get_key(request: web.Request) -> web.Response:
    """`/log/key`: the public key of the log, one line."""
    collector = request.app[STATE]
    return _note(f"{await own_key(collector.store, collector.origin)}\n".encode())


async def get_followed_checkpoint(request: web.Request) -> web.Response:
    """`/following/<source>/log/checkpoint`: the newest checkpoint of a followed log whose entries are all here."""
    source = request.match_info["source"]
    found = await request.app[STATE].store.read(lambda session: log_tables.head_of(session, source))
    if found is None or not found.checkpoint:
        raise ApiError(404, "not_found", "there is no such log here")
    return _note(found.checkpoint)


async def get_followed_key(request: web.Request) -> web.Response:
    """`/following/<source>/log/key`: the key under which a followed log is known here."""
    source = request.match_info["source"]
    found = await request.app[STATE].store.read(lambda session: log_tables.head_of(session, source))
    if found is None:
        raise ApiError(404, "not_found", "there is no such log here")
    return _note(f"{found.vkey}\n".encode())


async def get_fork(request: web.Request) -> web.Response:
    """`/following/<source>/log/fork`: two signed checkpoints of a followed log that contradict each other."""

    def read(session: StoreSession) -> bytes | None:
        return agents.secret(session, fork_name(_number(session, request)))

    notes = await request.app[STATE].store.read(read)
    if notes is None:
        raise ApiError(404, "not_found", "this log has not forked")
    return _note(notes)


async def get_tile(request: web.Request) -> web.Response:
    """`/log/tile/<level>/<index>`: hashes of the Merkle tree."""
    level = request.match_info["level"]
    if len(level) > 2 or str(int(level)) != level or int(level) > MAX_LEVEL:
        raise ApiError(404, "not_found", "there is no such tile")
    return await _immutable(
        request, lambda session, no, index, width: tree_reader.tile_body(session, no, int(level), index, width)
    )


async def get_entries(request: web.Request) -> web.Response:
    """`/log/tile/entries/<index>`: entries of the log, each behind its length."""
    return await _immutable(request, tree_reader.bundle_body)


async def get_proof(request: web.Request) -> web.Response:
    """`/api/v1/events/<id>/proof`: the proof that the log has an event, with the entry; query: `revision`."""
    event_id = hexadecimal(request.match_info["id"], "id", 16)
    wanted = request.query.get("revision", "")
    if wanted and not (wanted.isascii() and wanted.isdigit() and len(wanted) < 10):
        raise ApiError(400, "bad_request", "revision is a number")
    if "source" not in request.match_info:
        await _published(request)

    def found(session: StoreSession) -> TlogProof | None:
        no = _number(session, request)
        known = log_tables.entry_indices(session, no, event_id)
        number = int(wanted) if wanted else max(known, default=0)
        return tree_reader.proof_of(session, no, known[number]) if number in known else None

    proof = await request.app[STATE].store.read(found)
    if proof is None:
        raise ApiError(404, "not_found", "the log has no such revision; a new one is there within seconds")
    answer = _note(proof.encode())
    answer.headers["Content-Disposition"] = f"attachment; filename={event_id}.{PROOF_FILE}"
    return answer


async def _published(request: web.Request) -> bytes:
    """The newest checkpoint of the own log, remembered before anybody sees it."""
    try:
        note = await request.app[OWN_LOG].checkpoint()
    except StateError as error:
        raise ApiError(503, "log_stopped", "the log does not continue what was published, and is stopped") from error
    if not note:
        await own_key(request.app[STATE].store, request.app[STATE].origin)
        note = await request.app[OWN_LOG].checkpoint()
    return note


async def _immutable(request: web.Request, read: Callable[[StoreSession, int, int, int], bytes | None]) -> web.Response:
    try:
        index, width = parse_index(request.match_info["index"])
    except RecordError as error:
        raise ApiError(404, "not_found", "there is no such tile") from error
    body = await request.app[STATE].store.read(lambda session: read(session, _number(session, request), index, width))
    if body is None:
        raise ApiError(404, "not_found", "there is no such tile")
    answer = web.Response(body=body, content_type=BYTES)
    answer.headers["Cache-Control"] = IMMUTABLE
    answer.enable_compression()
    return answer


def _number(session: StoreSession, request: web.Request) -> int:
    """The number of the log that an address names.

    Raises:
        ApiError: there is none.
    """
    source = request.match_info.get("source")
    if source is None:
        return OWN
    found = log_tables.head_of(session, source)
    if found is None:
        raise ApiError(404, "not_found", "there is no such log here")
    return found.no


def _note(body: bytes) -> web.Response:
    answer = web.Response(body=body, content_type="text/plain", charset="utf-8")
    answer.headers["Cache-Control"] = "no-cache"
    return answer
