"""Delivery of the outbox: batches go in order, one at a time, signed, each until the collector acknowledges it.

`probe.agent.uplink_replies` says what to do about each reply; this module does it, and enrols where a token is at hand.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import msgspec

from probe.agent.clock_offset import ClockComparison
from probe.agent.collector_client import BATCHES_PATH, CollectorClient
from probe.agent.delivery import UploadResult, send_all
from probe.agent.enrolment import enrol, read_token
from probe.agent.identity import Enrolment, SigningKey, load_or_create_key, read_enrolment
from probe.agent.outbox import Outbox, UnsentBatch
from probe.agent.uplink_replies import Action, CollectorReply, classify_reply
from probe.clock import Clock
from probe.errors import EnrolmentRefusedError, UplinkError, UsageError
from probe.formats.batch import signed_bytes
from probe.settings import Settings

log = logging.getLogger(__name__)


class Uplink:
    """Delivers an outbox to one collector.

    Args:
        origin: the collector's, for which batches are signed.
        outbox: open.
        folder: of the agent's state: its key and its enrolment.
        settings: token file, role, network, options of the connection.
        clock: dates acknowledgements, and lets the collector correct for this host's clock.
    """

    def __init__(self, origin: str, outbox: Outbox, folder: Path, settings: Settings, clock: Clock) -> None:
        self._origin = origin
        self._outbox = outbox
        self._folder = folder
        self._settings = settings
        self._clock = clock
        self._refused = outbox.notes().get("refused_token")
        self._name = ""
        self._comparison = ClockComparison(clock)

    async def deliver(self, client: CollectorClient) -> UploadResult:
        """Send batch after batch until all are acknowledged or the collector stops taking them.

        An agent that is not enrolled, or that the collector does not know any more, is enrolled with the token file of
        the settings, at most once in a delivery; one that it has revoked, only with a token that came after its
        enrolment. Unsent batches stay in the outbox and are sent under the new id.

        Raises:
            StorageError: an acknowledgement cannot be written down. The batch is sent again later, without effect.
        """
        try:
            enrolment = read_enrolment(self._folder)
            enrolled_now = enrolment is None or enrolment.origin != self._origin
            if enrolment is None or enrolled_now:
                enrolment = await self._enrol(client, "not enrolled")
            result = await self._send_all(client, enrolment)
            if not enrolled_now and self._may_enrol_again(result, enrolment):
                enrolment = await self._enrol(client, result.problem)
                again = await self._send_all(client, enrolment)
                result = msgspec.structs.replace(again, sent=result.sent + again.sent)
        except UplinkError as error:
            result = UploadResult(action=Action.ENROL, problem=str(error))
        self._write_notes(result)
        return result

    def has_new_token(self) -> bool:
        """Whether the token file holds a token that was written after the enrolment and not yet refused."""
        enrolment = read_enrolment(self._folder)
        return enrolment is not None and self._is_new_token(enrolment)

    def _may_enrol_again(self, result: UploadResult, enrolment: Enrolment) -> bool:
        """Whether a refusal is answered with a new enrolment."""
        if result.action is Action.STOP:
            return self._is_new_token(enrolment)
        return result.action is Action.ENROL and bool(self._settings.agent.token_file)

    def _is_new_token(self, enrolment: Enrolment) -> bool:
        name = self._settings.agent.token_file
        if not name:
            return False
        try:
            written = datetime.fromtimestamp(Path(name).stat().st_mtime, UTC)
            return written > enrolment.time and _digest(read_token(Path(name))) not in (_digest(""), self._refused)
        except (OSError, OverflowError, UplinkError):
            return False

    async def _enrol(self, client: CollectorClient, reason: str) -> Enrolment:
        """Enrol with the token file.

        Raises:
            UplinkError: there is no token, the collector does not answer, or it has refused this very token before.
        """
        name = self._settings.agent.token_file
        if not name:
            raise UplinkError(reason, where=self._origin, mend=f"run probe enrol {self._origin} --token-file FILE")
        token = read_token(Path(name))
        if _digest(token) == self._refused:
            raise UplinkError(f"{reason}; the token was refused", where=name, mend="put a new token there")
        try:
            enrolment = await enrol(
                client, self._origin, token, folder=self._folder, settings=self._settings, clock=self._clock
            )
        except (EnrolmentRefusedError, UsageError) as error:
            self._refused = _digest(token)
            self._outbox.write_notes(refused_token=self._refused)  # a cron job must not send it in every round
            raise UplinkError(str(error)) from error
        log.info("enrolled at %s as %s", enrolment.origin, enrolment.agent)
        return enrolment

    async def _send_all(self, client: CollectorClient, enrolment: Enrolment) -> UploadResult:
        """Send every batch under this enrolment, with a bounded number of corrections."""
        self._outbox.assign_agent(enrolment.agent)
        key = load_or_create_key(self._folder)
        return await send_all(
            self._outbox, lambda batch: self._send(client, enrolment, key, batch), self._clock, where=self._origin
        )

    async def _send(
        self, client: CollectorClient, enrolment: Enrolment, key: SigningKey, batch: UnsentBatch
    ) -> CollectorReply:
        headers = {
            "Content-Type": "application/json",
            "Content-Encoding": "gzip",
            "Probe-Agent": enrolment.agent,
            "Probe-Clock": self._clock.now().isoformat().replace("+00:00", "Z"),
            "Probe-Signature": key.sign(signed_bytes(enrolment.origin, batch.body)),
        }
        reply = await client.post(BATCHES_PATH, batch.compressed, headers)
        if isinstance(reply, str):
            return CollectorReply(action=Action.RETRY, text=reply)
        found = classify_reply(reply.status, reply.body, reply.retry_after)
        self._name = found.vantage or self._name
        self._comparison.take(found.clock)
        return found

    def _write_notes(self, result: UploadResult) -> None:
        """Write the notes for `probe status`: problem, last acknowledgement, drops made good, name of the vantage."""
        now = self._clock.now()
        notes: dict[str, object] = {"uplink": {"time": now, "text": result.problem} if result.problem else None}
        if result.sent:
            notes["sent"] = now
            notes["clock"] = self._comparison.offset
        if result.action is Action.DONE:
            notes["dropped"] = None
        if self._name:
            notes["vantage"] = {self._origin: self._name}
        self._outbox.write_notes(**notes)


def _digest(token: str) -> str:
    """What is remembered of a token that was refused: not the token."""
    return sha256(token.encode()).hexdigest()[:16]
