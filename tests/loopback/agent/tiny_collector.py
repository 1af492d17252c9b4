"""A small collector on 127.0.0.1: it accepts signed batches in order, or answers as a test scripts it."""

from __future__ import annotations

import gzip
import json
from base64 import b64decode
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType

from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from probe.formats.batch import Batch, decode, signed_bytes

Script = Callable[[Batch], tuple[int, dict[str, object], dict[str, str]] | None]
"""What to answer to a batch in place of taking it: status, JSON, headers; None takes it."""


@dataclass
class TinyCollector:
    """Use in `async with`; `origin` is its address."""

    script: Script = lambda _: None
    token: str = "t0ken"
    control: str = ""
    keys: dict[str, bytes] = field(default_factory=dict)
    stored: dict[tuple[str, str], list[bytes]] = field(default_factory=dict)
    heard: list[web.Request] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    origin: str = ""
    enrol_answer: tuple[int, dict[str, object]] | None = None

    async def __aenter__(self) -> TinyCollector:
        app = web.Application()
        app.router.add_post("/api/v1/batches", self._batch)
        app.router.add_post("/api/v1/enrol", self._enrol)
        app.router.add_get("/api/v1/control", self._control)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.origin = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._runner.cleanup()

    async def _enrol(self, request: web.Request) -> web.Response:
        said = await request.json()
        self.tokens.append(said["token"])
        if self.enrol_answer is not None:
            return web.json_response(self.enrol_answer[1], status=self.enrol_answer[0])
        if said["token"] != self.token:
            return web.json_response({"error": {"code": "bad_token", "message": "the token is not known"}}, status=401)
        agent = f"agent{len(self.keys)}"
        self.keys[agent] = b64decode(said["public_key"])
        return web.json_response({"agent": agent, "clock": "2017-05-04T12:00:00Z"})

    async def _batch(self, request: web.Request) -> web.Response:
        self.heard.append(request)
        raw = await request.read()  # aiohttp has undone the Content-Encoding
        body = gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw
        batch = decode(body)
        if request.headers["Probe-Agent"] not in self.keys:
            return web.json_response({"error": {"code": "unknown_agent", "message": "not enrolled here"}}, status=401)
        signature = b64decode(request.headers["Probe-Signature"])
        key = Ed25519PublicKey.from_public_bytes(self.keys[request.headers["Probe-Agent"]])
        key.verify(signature, signed_bytes(self.origin, body))
        scripted = self.script(batch)
        if scripted is not None:
            status, answer, headers = scripted
            return web.json_response(answer, status=status, headers=headers)
        kept = self.stored.setdefault((batch.agent, batch.epoch), [])
        if batch.seq > len(kept) + 1:
            return web.json_response({"expected": len(kept) + 1, "error": {"code": "gap", "message": "-"}}, status=409)
        if batch.seq <= len(kept) and kept[batch.seq - 1] != body:
            return web.json_response({"error": {"code": "conflict", "message": "another body"}}, status=422)
        if batch.seq == len(kept) + 1:
            kept.append(body)
        return web.json_response({"acked": len(kept), "clock": "2017-05-04T12:00:00Z"})

    async def _control(self, request: web.Request) -> web.Response:
        self.heard.append(request)
        etag = f'"{hash(self.control)}"'
        if request.headers.get("If-None-Match") == etag:
            return web.Response(status=304)
        return web.Response(text=self.control, headers={"ETag": etag})

    def targets(self) -> list[str]:
        """The settled targets of everything stored, in order."""
        bodies = [body for kept in self.stored.values() for body in kept]
        return [item["target"] for body in bodies for item in json.loads(body).get("settled", [])]
