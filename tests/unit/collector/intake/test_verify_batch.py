"""Everything that must be true of a batch before the database hears of it."""

from __future__ import annotations

import base64
import gzip
from datetime import UTC, datetime

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from probe.collector.intake.verify_batch import BatchRequest, find_fault, inflate, signature_of, verify_batch
from probe.collector.store.agents import AgentRow
from probe.collector.web.responses import ApiError
from probe.formats.batch import MAX_BYTES, Batch, ReportedChange, ReportedStatus, RoundReport, encode, signed_bytes
from probe.model.event import Network
from probe.model.transition import Transition
from probe.model.verdict import Status

NOW = datetime(2026, 5, 4, tzinfo=UTC)
KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
PUBLIC = KEY.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
AGENT = AgentRow(1, "a1", PUBLIC, "vantage", "", 0, "", "active", "", 0, 0)
ORIGIN = "https://c.example"
GOOD = Batch(
    agent="a1",
    epoch="e1",
    seq=1,
    sent=NOW,
    interval=300.0,
    network=Network(asn=64500, country="RU"),
    rounds=(RoundReport(start=NOW, seconds=20.0, targets=5, measured=5),),
    settled=(ReportedStatus(target="a.example", status=Status.REACHABLE, since=NOW),),
    services={"a.example": "A"},
)


def delivered(body: bytes, encoding: str = "gzip") -> BatchRequest:
    """A body as it comes, signed."""
    raw = gzip.compress(body) if encoding == "gzip" else body
    signature = KEY.sign(signed_bytes(ORIGIN, body))
    return BatchRequest(raw=raw, encoding=encoding, signature=signature, posted=None, received=NOW)


def refused(call: object) -> int:
    """The status of the refusal a call ends in."""
    with pytest.raises(ApiError) as caught:
        call()  # type: ignore[operator]
    return caught.value.status


@pytest.mark.parametrize("encoding", ["gzip", "", "identity"])
def test_a_good_batch_is_opened_and_kept_compressed_as_it_came(encoding: str) -> None:
    """Third parties can verify the signature over what is kept."""
    parcel = verify_batch(AGENT, delivered(encode(GOOD), encoding), ORIGIN)

    assert parcel.batch == GOOD
    assert gzip.decompress(parcel.raw) == encode(GOOD)


def test_a_bomb_stops_at_the_bound() -> None:
    """However small it is on the wire."""
    assert refused(lambda: inflate(gzip.compress(bytes(MAX_BYTES + 1)), "gzip")) == 413


def test_what_is_no_gzip_or_cut_short_is_refused() -> None:
    """As a bad request, not as a fault of ours."""
    whole = gzip.compress(b"x" * 100)

    assert [refused(lambda raw=raw: inflate(raw, "gzip")) for raw in (b"x", b"", whole[:-3])] == [400, 400, 400]
    assert refused(lambda: inflate(whole, "br")) == 415


def test_a_signature_must_be_sixty_four_bytes_in_base64() -> None:
    """Ed25519's."""
    assert signature_of(base64.b64encode(b"s" * 64).decode()) == b"s" * 64
    assert [refused(lambda text=text: signature_of(text)) for text in ("", "!", "YQ==", "é")] == [401] * 4


def test_a_batch_for_another_collector_does_not_verify() -> None:
    """Its origin is inside what is signed."""
    assert refused(lambda: verify_batch(AGENT, delivered(encode(GOOD)), "https://other.example")) == 401


def test_a_batch_of_another_agent_is_refused_though_it_verifies() -> None:
    """The header names who signed."""
    other = msgspec.structs.replace(GOOD, agent="a2")

    assert refused(lambda: verify_batch(AGENT, delivered(encode(other)), ORIGIN)) == 400


def transition(**more: object) -> tuple[ReportedChange, ...]:
    """A change with one thing out of bounds."""
    parts = {"target": "a.example", "before": "reachable", "after": "blocked", "time": NOW, "onset": NOW}
    return (ReportedChange(transition=Transition(**(parts | more))),)  # type: ignore[arg-type]


BAD = {
    "epoch": {"epoch": "e/1"},
    "seq": {"seq": 0},
    "interval": {"interval": float("nan")},
    "country": {"network": Network(asn=1, country="ru")},
    "asn": {"network": Network(asn=-1)},
    "state": {"rounds": (RoundReport(start=NOW, seconds=1, targets=1, measured=1, state="well"),)},
    "seconds": {"rounds": (RoundReport(start=NOW, seconds=-1, targets=1, measured=1),)},
    "service": {"services": {"a.example": "A\nB"}},
    "target": {"services": {"a\u202eb": "A"}},
    "long": {"settled": (ReportedStatus(target="a" * 3000, status=Status.DOWN, since=NOW),)},
    "naive": {"sent": NOW.replace(tzinfo=None)},
    "year": {"settled": (ReportedStatus(target="a", status=Status.DOWN, since=NOW.replace(year=9999)),)},
    "status": {"changes": transition(after="gone")},
    "onset": {"changes": transition(onset=NOW.replace(year=1))},
}


@pytest.mark.parametrize("part", BAD)
def test_whatever_is_out_of_bounds_is_named(part: str) -> None:
    """So that an agent's author can mend it."""
    assert find_fault(msgspec.structs.replace(GOOD, **BAD[part])) != ""


def test_what_is_within_bounds_has_no_fault() -> None:
    """Also a change of the vantage itself, whose states are not statuses."""
    assert find_fault(GOOD) == ""
    assert find_fault(msgspec.structs.replace(GOOD, changes=transition(target="vantage", after="offline"))) == ""


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300) | st.text(max_size=100).map(str.encode))
def test_no_signed_bytes_are_a_fault_of_ours(body: bytes) -> None:
    """They are a batch, or they are refused."""
    assert refused(lambda: verify_batch(AGENT, delivered(body), ORIGIN)) == 400
