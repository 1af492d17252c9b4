"""Which evidence is kept, and in which form."""

from __future__ import annotations

import random
import zlib
from datetime import UTC, datetime
from hashlib import sha256

import msgspec

from probe.collector.intake.evidence import (
    EVENT_SECONDS,
    KEPT_OF_EVENT,
    MAX_EVIDENCE_BYTES,
    MAX_VERDICT_BYTES,
    SAMPLED_ONE_IN,
    EvidenceSampler,
    Packed,
    inflated_evidence,
    pack_control,
    pack_evidence,
    pack_unread,
)
from probe.model.event import Network
from tests.loopback.collector.vantages import blocked_verdict

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
NETWORK = Network(asn=64500, country="RU")


def test_the_first_verdicts_of_a_network_and_event_are_kept_then_a_sample() -> None:
    """The mass of an event does not fill the database, and goes on being sampled."""
    sampler = EvidenceSampler()
    sampler.keeps(NETWORK, "t", "blocked", 0.0)
    for sponsor in ("x", "y"):
        sampler.judged_alike(NETWORK, "t", "blocked", sponsor)
    kept = [sampler.keeps(NETWORK, "t", "blocked", 0.0) for _ in range(KEPT_OF_EVENT - 1 + 3 * SAMPLED_ONE_IN)]

    assert all(kept[: KEPT_OF_EVENT - 1])
    assert kept.count(True) == KEPT_OF_EVENT - 1 + 3


def test_all_is_kept_until_evidence_of_two_sponsors_was_judged_alike() -> None:
    """Else one sponsor could use the places up with forgeries that nobody judges."""
    sampler = EvidenceSampler(kept=1)
    seen = [sampler.keeps(NETWORK, "t", "blocked", 0.0)]
    for sponsor in ("x", "x", "y"):
        sampler.judged_alike(NETWORK, "t", "blocked", sponsor)
        seen.append(sampler.keeps(NETWORK, "t", "blocked", 0.0))

    assert seen == [True, True, True, False]


def test_other_networks_targets_statuses_and_events_are_counted_apart() -> None:
    """A later block of the same target is another event."""
    sampler = EvidenceSampler(kept=1)
    places = [(NETWORK, "t", "blocked"), (NETWORK, "u", "blocked"), (NETWORK, "t", "reachable")]
    places.append((Network(asn=64501, country="RU"), "t", "blocked"))

    assert [sampler.keeps(*place, 0.0) for place in places] == [True] * 4
    for place in places:
        for sponsor in ("x", "y"):
            sampler.judged_alike(*place, sponsor)
    assert [sampler.keeps(*place, 1.0) for place in places] == [False] * 4
    assert [sampler.keeps(*place, 2.0 + EVENT_SECONDS) for place in places] == [True] * 4


def test_packed_evidence_is_the_verdict_under_the_digest_of_its_json() -> None:
    """A reader can check that nothing was changed."""
    verdict = blocked_verdict("https://a.example/", "a.example", NOW)
    packed = pack_evidence(verdict)
    assert packed.compressed is not None
    body = zlib.decompress(packed.compressed)

    assert body == msgspec.json.encode(verdict)
    assert packed.digest == sha256(body).digest()
    assert pack_control(verdict) == packed.compressed


def test_stored_evidence_is_inflated_within_bounds() -> None:
    """Older versions stored what inflates to megabytes; such evidence is not shown."""
    small = zlib.compress(b"x" * MAX_VERDICT_BYTES)

    assert inflated_evidence(small) == b"x" * MAX_VERDICT_BYTES
    assert inflated_evidence(zlib.compress(b"x" * (MAX_VERDICT_BYTES + 1))) is None
    assert inflated_evidence(small[:-9]) is None
    assert inflated_evidence(b"no zlib") is None


def test_a_verdict_that_cannot_be_read_is_kept_within_the_same_bounds() -> None:
    """One that is too large leaves no digest, which would pass for evidence that the sampler left out."""
    assert pack_unread(b"{}") == Packed(sha256(b"{}").digest(), zlib.compress(b"{}", 6))
    assert pack_unread(b"x" * (MAX_VERDICT_BYTES + 1)) is None
    assert pack_unread(random.Random(7).randbytes(MAX_EVIDENCE_BYTES * 2)) is None
