"""The way to the collector: ordinary HTTPS requests, over whichever of its addresses answers.

What to do about an answer stands in `probe.agent.uplink_replies`; here it is done. Batches go in order, one at a time,
each until it is acknowledged. Imported only where there is something to send, because aiohttp costs more than a round.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType

import aiohttp
import msgspec

from probe import __version__
from probe.agent.identity import Enrolment, SigningKey
from probe.agent.outbox import Outbox, UnsentBatch
from probe.agent.uplink_replies import Action, CollectorReply, classify_reply
from probe.clock import Clock
from probe.errors import SettingsError
from probe.formats.batch import signed_bytes

BATCHES_PATH = "/api/v1/batches"
CONTROL_PATH = "/api/v1/control"
ENROL_PATH = "/api/v1/enrol"

MAX_REPLY_BYTES = 64 * 1024
"""Bytes of an answer to a batch or an enrolment that are read."""
MAX_CORRECTIONS = 5
"""Rewinds, restarts and discards in one delivery; a collector that wants more is left alone for a while."""


class UploadResult(msgspec.Struct, frozen=True, kw_only=True):
    """How sending went.

    Attributes:
        sent: batches acknowledged.
        action: `DONE` when nothing waits any more, else why it stopped: `RETRY`, `ENROL_PATH` or `STOP`.
        wait: seconds the collector asked us to wait; 0 when it did not say.
        problem: one line for a person; empty when done.
    """

    sent: int = 0
    action: Action = Action.DONE
    wait: float = 0.0
    problem: str = ""


class HttpReply(msgspec.Struct, frozen=True):
    """An HTTP answer, as much of it as matters."""

    status: int
    body: bytes
    retry_after: str = ""
    etag: str = ""


class CollectorClient:
    """A collector, reached over the first of its addresses that answers; use it in `async with`.

    Args:
        ways: URLs, in the order they are tried; the one that answered last is tried first next time.
        ca_file: PEM file of the only authorities to believe; empty: the system's.
        timeout: seconds for one answer.

    Raises:
        SettingsError: the file of authorities cannot be read.
    """

    def __init__(self, ways: Sequence[str], *, ca_file: str, timeout: float) -> None:
        self.urls = [way.rstrip("/") for way in ways]
        try:
            context = ssl.create_default_context(cafile=ca_file or None)
        except (OSError, ssl.SSLError) as error:
            raise SettingsError(
                f"agent.ca_file cannot be used: {error.strerror or error}", where=ca_file, mend="give a PEM file"
            ) from error
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=context),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=timeout),
            headers={"User-Agent": f"probe/{__version__}"},
            trust_env=True,
        )

    async def __aenter__(self) -> CollectorClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def post(self, path: str, body: bytes, headers: dict[str, str]) -> HttpReply | str:
        """POST JSON; the answer, or why there was none over any way."""

        def is_spoken(reply: HttpReply) -> bool:
            return classify_reply(reply.status, reply.body).action is not Action.RETRY

        return await self._over_any_way(
            lambda way: self._ask("POST", way + path, headers, body, MAX_REPLY_BYTES), is_spoken
        )

    async def get(self, path: str, headers: dict[str, str], bound: int) -> HttpReply | str:
        """GET at most `bound` bytes; the answer, or why there was none over any way."""

        def is_spoken(reply: HttpReply) -> bool:
            return reply.status in (200, 304)

        return await self._over_any_way(lambda way: self._ask("GET", way + path, headers, None, bound), is_spoken)

    async def _over_any_way(
        self, ask: Callable[[str], Awaitable[HttpReply]], is_spoken: Callable[[HttpReply], bool]
    ) -> HttpReply | str:
        """The first answer that the collector itself gave; else the last that anybody gave; else why there was none."""
        said: HttpReply | str = "no address"
        for way in list(self.urls):
            try:
                reply = await ask(way)
            except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
                said = said if isinstance(said, HttpReply) else f"{way}: {_reason(error)}"
                continue
            if is_spoken(reply):
                self.urls.remove(way)
                self.urls.insert(0, way)
                return reply
            said = reply
        return said

    async def _ask(self, method: str, url: str, headers: dict[str, str], body: bytes | None, bound: int) -> HttpReply:
        async with self._session.request(method, url, data=body, headers=headers, allow_redirects=False) as answer:
            content = b""
            async for piece in answer.content.iter_chunked(65536):
                content += piece
                if len(content) > bound:
                    raise ValueError(f"more than {bound} bytes")
            return HttpReply(
                answer.status, content, answer.headers.get("Retry-After", ""), answer.headers.get("ETag", "")
            )


class Uplink:
    """Sends what waits in the outbox, signed.

    Args:
        collector: where to.
        key: signs.
        enrolment: the agent's id, and the origin that is signed for.
        clock: for the skew that the collector corrects.
    """

    def __init__(self, collector: CollectorClient, key: SigningKey, enrolment: Enrolment, clock: Clock) -> None:
        self._collector = collector
        self._key = key
        self._enrolment = enrolment
        self._clock = clock

    async def deliver(self, outbox: Outbox) -> UploadResult:
        """Send batch after batch until none waits or the collector does not take them.

        Raises:
            StorageError: what was acknowledged cannot be written down; it will be sent again, without effect.
        """
        sent = corrections = stripped = 0
        while waiting := outbox.next_unsent():
            answer = await self._send(waiting)
            if answer.action is Action.DONE and answer.number >= waiting.seq:
                outbox.acknowledge(answer.number, self._clock.now())
                sent += 1
                continue
            corrections += 1
            if corrections > MAX_CORRECTIONS or answer.action not in _CORRECTIONS or stripped == waiting.seq:
                return self._stopped(answer, sent)
            if answer.action is Action.DROP_CONTENT:
                outbox.drop_content(waiting.seq)
                stripped = waiting.seq
            elif answer.action is Action.NEW_EPOCH or not outbox.rewind(answer.number, self._clock.now()):
                outbox.start_new_epoch()
        return UploadResult(sent=sent)

    async def _send(self, waiting: UnsentBatch) -> CollectorReply:
        now = self._clock.now()
        headers = {
            "Content-Type": "application/json",
            "Content-Encoding": "gzip",
            "Probe-Agent": self._enrolment.agent,
            "Probe-Clock": now.isoformat().replace("+00:00", "Z"),
            "Probe-Signature": self._key.sign(signed_bytes(self._enrolment.origin, waiting.body)),
        }
        reply = await self._collector.post(BATCHES_PATH, waiting.compressed, headers)
        if isinstance(reply, str):
            return CollectorReply(action=Action.RETRY, text=reply)
        return classify_reply(reply.status, reply.body, reply.retry_after)

    def _stopped(self, answer: CollectorReply, sent: int) -> UploadResult:
        action = answer.action if answer.action in (Action.ENROL, Action.STOP) else Action.RETRY
        said = f"{answer.status} {answer.text}".strip() if answer.status else answer.text
        problem = f"{self._enrolment.origin}: the collector does not take reports: {said}" if answer.status else said
        return UploadResult(sent=sent, action=action, wait=answer.wait, problem=problem)


_CORRECTIONS = frozenset({Action.REWIND, Action.NEW_EPOCH, Action.DROP_CONTENT})


def _reason(error: Exception) -> str:
    """A failed request in a few words, without the stack of wrappers around it."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, aiohttp.ClientConnectorError) and error.os_error.errno:
        return os.strerror(error.os_error.errno) if error.os_error.errno > 0 else str(error.os_error.strerror)
    return " ".join(str(error).split())[:200] or type(error).__name__
