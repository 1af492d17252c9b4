"""A log that is served from memory and may be made to lie in any way, for tests of those who read it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from probe.formats import tiles
from probe.formats.checkpoint import Checkpoint
from probe.formats.log_entry import LogEntry, encode_entry
from probe.formats.merkle import leaf_hash, root_of
from probe.formats.signed_note import NoteKey
from probe.model.event import Event
from tests.loopback.collector.log.published import EVENT, MAY

PRIVATE = Ed25519PrivateKey.from_private_bytes(b"h" * 32)


def entry(kind: str = "began", **parts: object) -> bytes:
    """An entry about the event with other parts."""
    event: Event = msgspec.structs.replace(EVENT, **parts)
    return encode_entry(LogEntry(kind=kind, published=MAY, event=event))


class HostileLog:
    """A log of any entries.

    Attributes:
        bodies: the entries.
        size: how many of them the checkpoint covers; None for all.
        name: the origin.
        signed_by: signs the checkpoint.
        replies: path -> body that is served there instead of the right one.
    """

    def __init__(self, *bodies: bytes) -> None:
        self.bodies = list(bodies)
        self.size: int | None = None
        self.name = "hostile.example/log"
        self.signed_by = PRIVATE
        self.replies: dict[str, bytes] = {}

    @property
    def key(self) -> NoteKey:
        """The key under which it is known."""
        return NoteKey(name=self.name, public=PRIVATE.public_key().public_bytes_raw())

    def checkpoint(self) -> bytes:
        """The signed checkpoint."""
        bodies = self.bodies[: self.size]
        root = root_of(map(leaf_hash, bodies))
        return Checkpoint(origin=self.name, size=len(bodies), root=root).signed(self.signed_by)

    async def answer(self, request: web.Request) -> web.Response:
        """Serve the log."""
        path = request.path.removeprefix("/log/")
        if path in self.replies:
            return web.Response(body=self.replies[path])
        if path == "checkpoint":
            return web.Response(body=self.checkpoint())
        if path == "key":
            return web.Response(body=f"{self.key}\n".encode())
        leaves = [leaf_hash(body) for body in self.bodies]
        kind, _, number = path.removeprefix("tile/").partition("/")
        index, width = tiles.parse_index(number)
        if kind == "entries":
            return web.Response(body=tiles.encode_bundle(self.bodies[index * 256 : index * 256 + width]))
        each = 256 ** int(kind)
        starts = range(index * 256 * each, (index * 256 + width) * each, each)
        return web.Response(body=b"".join(root_of(leaves[at : at + each]) for at in starts))

    @asynccontextmanager
    async def served(self) -> AsyncIterator[str]:
        """Serve it on loopback; gives its address."""
        app = web.Application()
        app.router.add_get("/{any:.*}", self.answer)
        runner = web.AppRunner(app)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            yield f"http://127.0.0.1:{runner.addresses[0][1]}"
        finally:
            await runner.cleanup()
