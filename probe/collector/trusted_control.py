"""The control of another collector, taken over: `probe collector serve --trust-control URL`.

The other collector signs what it publishes. Its key is kept at the first fetch, over HTTPS, and no other is accepted
from then on. What it publishes is stored as the verdicts of a control that this collector speaks for, through the same
checks as every batch: newer verdicts replace older ones, whoever's they are, so that two collectors may trust each
other.
"""

from __future__ import annotations

import base64
import binascii
import gzip
import logging
import secrets
from datetime import timedelta

import aiohttp
import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from probe.collector.own_control import OwnControl, control_identity
from probe.collector.state import Collector, normal_origin
from probe.collector.store import agents
from probe.errors import RecordError, UplinkError
from probe.formats import control_listing
from probe.formats.batch import Batch, RoundReport, encode
from probe.formats.control_listing import KEY_HEADER, MAX_LISTING_BYTES, SIGNATURE_HEADER
from probe.model.event import Network
from probe.model.verdict import Verdict

LOG = logging.getLogger("probe.collector.trusted_control")
INTERVAL_SECONDS = 300.0
"""Between two fetches, by the collector's clock."""
FETCH_SECONDS = 60.0
"""Real seconds for one fetch."""
PRESENT_INTERVAL_SECONDS = 1800.0
"""The interval that its rounds are stored with: an unchanged listing is not stored again."""
FRESH = timedelta(hours=1)
"""A listing whose newest verdict is older counts as no control at work."""


class TrustedControl:
    """Fetches one collector's control; `run_once` is a task of the supervisor.

    Args:
        collector: this one.
        url: the other's: `https://host[:port]`.

    Attributes:
        origin: the other collector's.

    Raises:
        SettingsError: the URL is not an origin.
    """

    def __init__(self, collector: Collector, url: str) -> None:
        self.origin = normal_origin(url)
        self._collector = collector
        self._epoch = secrets.token_hex(8)
        self._seq = 0
        self._etag = ""
        self._wait = 0.0

    async def run_once(self) -> None:
        """Wait for the next fetch's time, fetch, verify and store.

        Raises:
            UplinkError: the other collector cannot be reached, or what it publishes is not signed with its key.
            RecordError: what it publishes is no control.
            StorageError: it cannot be stored.
        """
        collector = self._collector
        await collector.clock.sleep(self._wait)
        self._wait = INTERVAL_SECONDS
        fetched = await self._fetch()
        if fetched is None:
            return
        body, key, signature, etag = fetched
        await self._verify(body, key, signature)
        found = control_listing.verdicts(body, self.origin)
        await self._store(found)
        self._etag = etag
        LOG.info("%d verdicts of the control of %s", len(found), self.origin)

    async def _fetch(self) -> tuple[bytes, bytes, bytes, str] | None:
        """The listing, the key, the signature and the entity tag; None when nothing has changed."""
        headers = {"If-None-Match": self._etag} if self._etag else {}
        timeout = aiohttp.ClientTimeout(total=FETCH_SECONDS)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout, trust_env=True) as session,
                session.get(f"{self.origin}/api/v1/control", headers=headers, allow_redirects=False) as answer,
            ):
                if answer.status == 304 and self._etag:
                    return None
                if answer.status != 200:
                    raise UplinkError(f"no control (status {answer.status})", where=self.origin)
                body = bytearray()
                async for piece in answer.content.iter_chunked(65_536):
                    body += piece
                    if len(body) > MAX_LISTING_BYTES:
                        raise UplinkError(f"a control of more than {MAX_LISTING_BYTES} bytes", where=self.origin)
                key, signature = (_bytes(answer.headers.get(name, "")) for name in (KEY_HEADER, SIGNATURE_HEADER))
                return bytes(body), key, signature, answer.headers.get("ETag", "")[:200]
        except (aiohttp.ClientError, TimeoutError) as error:
            raise UplinkError(f"cannot be fetched: {error or 'no answer in time'}", where=self.origin) from error

    async def _verify(self, body: bytes, key: bytes, signature: bytes) -> None:
        """Return if the listing is signed with the key that this collector knows; the first key is kept."""
        name = f"trusted control: {self.origin}"
        known = await self._collector.store.read(lambda session: agents.secret(session, name))
        try:
            Ed25519PublicKey.from_public_bytes(known or key).verify(
                signature, control_listing.signed_bytes(self.origin, body)
            )
        except (InvalidSignature, ValueError) as error:
            reason = "the control is not signed with the key that is known of it"
            mend = "ask its operator whether the database was replaced"
            raise UplinkError(reason if known else "the control is not signed", where=self.origin, mend=mend) from error
        if known is None:
            await self._collector.store.write(lambda session: agents.store_secret(session, name, key))
            LOG.info("the control of %s is trusted under the key %s", self.origin, base64.b64encode(key).decode())

    async def _store(self, found: list[Verdict]) -> None:
        """Store the verdicts as those of a control, in parts.

        Raises:
            UplinkError: a part is refused: a value is out of bounds, or the control was revoked here.
        """
        intake = await control_identity(self._collector, f"control of {self.origin}", Network(), sponsor=self.origin)
        for part in control_listing.parts(found):
            status, answer = await intake.take(gzip.compress(encode(self._batch(intake, part)), mtime=0))
            if status != 200:
                said = msgspec.json.decode(answer)["error"]["message"]
                raise UplinkError(f"its control is refused: {said}", where=self.origin)
            self._seq += 1

    def _batch(self, intake: OwnControl, part: tuple[Verdict, ...]) -> Batch:
        now = self._collector.clock.now()
        if any(verdict.time.tzinfo is None for verdict in part):
            raise RecordError("a time lacks its zone", where=self.origin)
        part = tuple(msgspec.structs.replace(one, time=min(one.time, now)) for one in part)  # else one dated ahead wins
        at_work = max(verdict.time for verdict in part) > now - FRESH
        report = RoundReport(start=now, seconds=0.0, targets=len(part), measured=len(part))
        return Batch(
            agent=intake.agent_id,
            epoch=self._epoch,
            seq=self._seq + 1,
            sent=now,
            interval=PRESENT_INTERVAL_SECONDS,
            network=Network(),
            rounds=(report,) if at_work else (),
            control=part,
        )


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""
