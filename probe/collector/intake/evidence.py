"""Evidence as it is stored: compressed, bounded, and in the mass of one event only of a sample of vantages.

In a national event thousands of vantages send the same finding. The first `KEPT_OF_EVENT` verdicts of each network,
target and status are kept, and all until evidence of `MIN_SPONSORS` sponsors was judged alike here, then one in
`SAMPLED_ONE_IN`. Of the others the digest is kept with the span, and the signed batch that has them. No change is ever
left out.
"""

from __future__ import annotations

import zlib
from collections import OrderedDict
from collections.abc import Iterator
from hashlib import sha256

import msgspec

from probe.fuse.standing import MIN_SPONSORS
from probe.model.event import Network
from probe.model.verdict import Verdict

MAX_EVIDENCE_BYTES = 8 * 1024
"""Bytes of a verdict after compression; a larger one loses observations from its end until it fits."""
MAX_VERDICT_BYTES = 256 * 1024
"""Bytes of a verdict's JSON. Evidence is cut to fit, a control's verdict that is larger is ignored: some kilobytes of
compressed text can inflate to megabytes, for every reader of the page and every agent that fetches the control."""
KEPT_OF_EVENT = 5
"""Verdicts kept of one network, target and status, before only a sample is kept."""
SAMPLED_ONE_IN = 50
"""Of the verdicts after those, one in this number is kept."""
EVENT_SECONDS = 6 * 3600.0
"""Seconds after the first of those verdicts when counting begins anew: a later block is another event."""
MAX_COUNTED = 200_000
"""Combinations of network, target and status that are counted; the oldest is dropped first."""


class Packed(msgspec.Struct, frozen=True):
    """The verdict of a change as it is stored: compressed JSON, and the SHA-256 of the JSON.

    `compressed` is None where the verdict is not kept.
    """

    digest: bytes
    compressed: bytes | None


class EvidenceSampler:
    """Decides which verdicts are kept.

    Args:
        kept: verdicts of each network, target and status that are kept before only a sample is.
    """

    def __init__(self, kept: int = KEPT_OF_EVENT) -> None:
        self._kept = kept
        self._counts: OrderedDict[tuple[int, str, str, str], tuple[float, int]] = OrderedDict()
        self._sponsors: dict[tuple[int, str, str, str], frozenset[str]] = {}

    def keeps(self, network: Network, target: str, status: str, now: float) -> bool:
        """Whether this verdict is kept; counts it.

        Args:
            network: of the vantage.
            target: that was measured.
            status: that the verdict supports.
            now: seconds of a monotonic clock.
        """
        key = (network.asn, network.country, target, status)
        began, count = self._counts.get(key, (now, 0))
        if now - began > EVENT_SECONDS:
            began, count = now, 0
            self._forget(key)
        self._counts[key] = (began, count + 1)
        if len(self._counts) > MAX_COUNTED:
            self._forget(next(iter(self._counts)))
        if len(self._sponsors.get(key, ())) < MIN_SPONSORS:
            return True
        return count < self._kept or (count - self._kept) % SAMPLED_ONE_IN == SAMPLED_ONE_IN - 1

    def judged_alike(self, network: Network, target: str, status: str, sponsor: str) -> None:
        """Remember that evidence of a sponsor was judged to show this status."""
        key = (network.asn, network.country, target, status)
        if key in self._counts:
            self._sponsors[key] = self._sponsors.get(key, frozenset()) | {sponsor}

    def _forget(self, key: tuple[int, str, str, str]) -> None:
        del self._counts[key]
        self._sponsors.pop(key, None)


def pack_evidence(verdict: Verdict) -> Packed:
    """Pack the verdict of a change, without its last observations where it would exceed the bounds of evidence."""
    small = (body for body in _shortened(verdict) if len(body) <= MAX_VERDICT_BYTES)
    packed = ((body, zlib.compress(body, 6)) for body in small)
    body, compressed = next(pair for pair in packed if len(pair[1]) <= MAX_EVIDENCE_BYTES)
    return Packed(sha256(body).digest(), compressed)


def pack_unread(raw: bytes) -> Packed | None:
    """Pack a verdict that this version cannot read, as it was sent; None where it is out of bounds.

    A newer version of the collector reads it, and so does `probe judge` of a newer version. A digest without a verdict
    would pass for one that the sampler left out, and those have a vote.
    """
    if len(raw) > MAX_VERDICT_BYTES:
        return None
    compressed = zlib.compress(raw, 6)
    return Packed(sha256(raw).digest(), compressed) if len(compressed) <= MAX_EVIDENCE_BYTES else None


def inflated_evidence(compressed: bytes) -> bytes | None:
    """The JSON of stored evidence; None where it is damaged or larger than what is stored today.

    Older versions stored some kilobytes that inflate to megabytes.
    """
    inflater = zlib.decompressobj()
    try:
        body = inflater.decompress(compressed, MAX_VERDICT_BYTES + 1)
    except zlib.error:
        return None
    return body if inflater.eof and len(body) <= MAX_VERDICT_BYTES else None


def pack_control(verdict: Verdict) -> bytes | None:
    """The compressed JSON of a control's verdict; None when the JSON is larger than `MAX_VERDICT_BYTES`."""
    body = msgspec.json.encode(verdict)
    return zlib.compress(body, 6) if len(body) <= MAX_VERDICT_BYTES else None


def _shortened(verdict: Verdict) -> Iterator[bytes]:
    """The verdict, then with half of its observations again and again, then without anything large."""
    yield msgspec.json.encode(verdict)
    evidence = verdict.evidence
    while evidence.observations:
        kept = evidence.observations[: len(evidence.observations) // 2]
        evidence = msgspec.structs.replace(evidence, observations=kept, notes=("trimmed",))
        yield msgspec.json.encode(msgspec.structs.replace(verdict, evidence=evidence))
    bare = msgspec.structs.replace(evidence, control=None, failing={}, families={}, notes=("trimmed",), error="")
    yield msgspec.json.encode(msgspec.structs.replace(verdict, evidence=bare))
    yield b"{}"
