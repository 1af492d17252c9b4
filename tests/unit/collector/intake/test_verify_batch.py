"""The checks of a batch before it is written to the database."""

from __future__ import annotations

import base64
import contextlib
import gzip
import json
import time
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from probe.collector.intake.verify_batch import BatchRequest, find_fault, inflate, signature_of, verify_batch
from probe.collector.intake.votes import votes_of
from probe.collector.store.agents import AgentRow
from probe.collector.web.responses import ApiError
from probe.formats.batch import MAX_BYTES, Batch, ReportedChange, ReportedStatus, RoundReport, encode, signed_bytes
from probe.model.event import Network
from probe.model.transition import Transition
from probe.model.verdict import Cause, Status
from tests.loopback.collector.vantages import blocked_verdict, change

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
    """A signed request body."""
    raw = gzip.compress(body) if encoding == "gzip" else body
    signature = KEY.sign(signed_bytes(ORIGIN, body))
    return BatchRequest(raw=raw, encoding=encoding, signature=signature, posted=None, received=NOW)


def refused(call: object) -> int:
    """The status of the refusal a call ends in."""
    with pytest.raises(ApiError) as caught:
        call()  # type: ignore[operator]
    return caught.value.status


@pytest.mark.parametrize("encoding", ["gzip", "", "identity"])
def test_a_good_batch_is_accepted_and_kept_compressed(encoding: str) -> None:
    """Third parties can verify the signature over what is stored."""
    verified = verify_batch(AGENT, delivered(encode(GOOD), encoding), ORIGIN)

    assert verified.batch == GOOD
    assert gzip.decompress(verified.raw) == encode(GOOD)


def test_inflating_stops_at_the_bound() -> None:
    """This holds for a body of any compressed size."""
    assert refused(lambda: inflate(gzip.compress(bytes(MAX_BYTES + 1)), "gzip")) == 413


def test_a_body_that_is_not_gzip_or_truncated_is_refused() -> None:
    """The status is 400, not 500."""
    whole = gzip.compress(b"x" * 100)

    assert [refused(lambda raw=raw: inflate(raw, "gzip")) for raw in (b"x", b"", whole[:-3])] == [400, 400, 400]
    assert refused(lambda: inflate(whole, "br")) == 415


def test_bytes_after_the_gzip_body_are_refused() -> None:
    """A second member or any other byte is not covered by the signature, and would be stored with the body."""
    whole = gzip.compress(b"x" * 100)

    assert inflate(whole, "gzip") == b"x" * 100
    assert [refused(lambda raw=raw: inflate(raw, "gzip")) for raw in (whole + whole, whole + b"\0")] == [400, 400]


def test_deep_json_and_long_numbers_are_refused_within_a_second() -> None:
    """The work on a body of the largest size is bounded, whatever its form."""
    head = encode(GOOD)[:-1]
    began = time.process_time()
    for tail in (
        b"[" * 4_000_000,
        b"[],".join([b"[", *[b""] * 1_000_000, b"[]]"]),
        b"9" * 7_000_000,
        b"1" + b"0" * 5009,
    ):
        with contextlib.suppress(ApiError):
            verify_batch(AGENT, delivered(head + b',"odd":' + tail + b"}"), ORIGIN)
        with contextlib.suppress(ApiError):
            verify_batch(AGENT, delivered(head + b',"seq":' + tail + b"}"), ORIGIN)

    assert time.process_time() - began < 8 * 1.0


def test_a_signature_must_be_sixty_four_bytes_in_base64() -> None:
    """Ed25519 signatures have that length."""
    assert signature_of(base64.b64encode(b"s" * 64).decode()) == b"s" * 64
    assert [refused(lambda text=text: signature_of(text)) for text in ("", "!", "YQ==", "é")] == [401] * 4


def test_a_batch_for_another_collector_does_not_verify() -> None:
    """The origin is part of what is signed."""
    assert refused(lambda: verify_batch(AGENT, delivered(encode(GOOD)), "https://other.example")) == 401


def test_a_batch_of_another_agent_is_refused_although_its_signature_is_valid() -> None:
    """The batch must name the agent of the header."""
    other = msgspec.structs.replace(GOOD, agent="a2")

    with pytest.raises(ApiError) as caught:
        verify_batch(AGENT, delivered(encode(other)), ORIGIN)

    assert (caught.value.status, caught.value.code) == (400, "bad_batch")


def transition(**more: object) -> tuple[ReportedChange, ...]:
    """A change with one thing out of bounds."""
    parts = {"target": "a.example", "before": "reachable", "after": "blocked", "time": NOW, "onset": NOW}
    return (ReportedChange(transition=Transition(**(parts | more))),)  # type: ignore[arg-type]


BAD = {
    "epoch": {"epoch": "e/1"},
    "seq": {"seq": 0},
    "country": {"network": Network(asn=1, country="ru")},
    "asn": {"network": Network(asn=-1)},
    "state": {"rounds": (RoundReport(start=NOW, seconds=1, targets=1, measured=1, state="<b>"),)},
    "service": {"services": {"a.example": "A\nB"}},
    "target": {"services": {"a\u202eb": "A"}},
    "long": {"settled": (ReportedStatus(target="a" * 3000, status=Status.DOWN, since=NOW),)},
    "naive": {"sent": NOW.replace(tzinfo=None)},
    "year": {"settled": (ReportedStatus(target="a", status=Status.DOWN, since=NOW.replace(year=9999)),)},
    "status": {"changes": transition(after="Gone!")},
    "onset": {"changes": transition(onset=NOW.replace(year=1))},
}


@pytest.mark.parametrize("part", BAD)
def test_a_part_that_is_out_of_bounds_is_named(part: str) -> None:
    """The name lets an agent's author correct it."""
    assert find_fault(msgspec.structs.replace(GOOD, **BAD[part])) != ""


def test_a_batch_within_bounds_has_no_fault() -> None:
    """Also with a change of the vantage itself, whose states are not statuses."""
    assert find_fault(GOOD) == ""
    assert find_fault(msgspec.structs.replace(GOOD, changes=transition(target="vantage", after="offline"))) == ""


def test_a_batch_from_an_unknown_network_has_no_fault() -> None:
    """AS number 0 and an empty country stand for unknown."""
    assert find_fault(msgspec.structs.replace(GOOD, network=Network(asn=0, country=""))) == ""


def test_a_state_of_a_newer_version_is_no_fault() -> None:
    """It is kept as it was reported; only `online` counts as presence."""
    newer = RoundReport(start=NOW, seconds=1, targets=1, measured=1, state="metered")
    assert find_fault(msgspec.structs.replace(GOOD, rounds=(newer,))) == ""


VERDICT = blocked_verdict("https://a.example/", "a.example", NOW)
FULL = msgspec.structs.replace(
    GOOD,
    changes=(change("https://a.example/", Status.BLOCKED, NOW, Cause.DNS_SPOOFED, verdict=VERDICT),),
    control=(VERDICT,),
)


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Every value of a batch with its path."""
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(inner, (*path, key))
    else:
        yield path, value


def with_leaf(path: tuple[Any, ...], value: Any) -> bytes:
    """The full batch as JSON, with another value at one place."""
    whole = json.loads(encode(FULL))
    at = whole
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    return json.dumps(whole).encode()


def paths_of(*kinds: type) -> list[tuple[Any, ...]]:
    """The paths of all values of these kinds in the full batch."""
    found = leaves(json.loads(encode(FULL)))
    return [path for path, value in found if isinstance(value, kinds) and not isinstance(value, bool)]


def named(path: tuple[Any, ...]) -> str:
    """A path as a test id."""
    return ".".join(map(str, path))


@pytest.mark.parametrize("path", paths_of(int, float), ids=named)
def test_every_number_of_a_batch_is_bounded(path: tuple[Any, ...]) -> None:
    """A number of 401 digits is refused everywhere: in counters, durations, and lengths in evidence."""
    for number in (10**400, -(10**400), 1e300, 2**63):
        assert refused(lambda number=number: verify_batch(AGENT, delivered(with_leaf(path, number)), ORIGIN)) == 400


@pytest.mark.parametrize(
    "name", [name for name in RoundReport.__struct_fields__ if name not in ("start", "state", "notes")]
)
def test_a_round_counts_nothing_negative(name: str) -> None:
    """Such a number would make a counter in `/metrics` decrease."""
    assert refused(lambda: verify_batch(AGENT, delivered(with_leaf(("rounds", 0, name), -1)), ORIGIN)) == 400


TIMES = [path for path in paths_of(str) if path[-1] in ("sent", "start", "since", "time", "onset", "at")]


@pytest.mark.parametrize("path", TIMES, ids=named)
def test_every_time_of_a_batch_is_bounded(path: tuple[Any, ...]) -> None:
    """Also those inside a verdict: pages compute with them."""
    for text in ("2026-05-04T00:00:00", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"):
        assert refused(lambda text=text: verify_batch(AGENT, delivered(with_leaf(path, text)), ORIGIN)) == 400


def test_times_are_found_at_every_level() -> None:
    """The list above is not empty by mistake."""
    assert {path[0] for path in TIMES} == {"sent", "rounds", "settled", "changes", "control"}


TEXTS = [path for path in paths_of(str) if path not in TIMES and path[0] in ("changes", "control", "settled", "rounds")]


@pytest.mark.parametrize("path", TEXTS, ids=named)
def test_every_text_of_a_batch_is_bounded(path: tuple[Any, ...]) -> None:
    """A hundred thousand characters are refused everywhere."""
    assert refused(lambda: verify_batch(AGENT, delivered(with_leaf(path, "a" * 100_000)), ORIGIN)) == 400


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("rounds", 0, "notes"), ["clock"] * 65),
        (("settled", 0, "causes"), ["tcp.reset"] * 65),
        (("changes", 0, "transition", "causes"), ["tcp.reset"] * 65),
        (("changes", 0, "verdict", "causes"), ["tcp.reset"] * 65),
        (("changes", 0, "verdict", "evidence", "notes"), [""] * 60_000),
        (("changes", 0, "transition", "evidence"), {str(n): n for n in range(60_000)}),
    ],
)
def test_every_list_of_a_batch_is_bounded(path: tuple[Any, ...], value: Any) -> None:
    """The bound is above any agent's need."""
    assert refused(lambda: verify_batch(AGENT, delivered(with_leaf(path, value)), ORIGIN)) == 400


def test_the_full_batch_itself_is_accepted() -> None:
    """Its variants above are refused for what was changed."""
    assert verify_batch(AGENT, delivered(encode(FULL)), ORIGIN).batch == FULL


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300) | st.text(max_size=100).map(str.encode))
def test_any_signed_bytes_are_a_batch_or_refused(body: bytes) -> None:
    """None of them raises another error."""
    assert refused(lambda: verify_batch(AGENT, delivered(body), ORIGIN)) == 400


@pytest.mark.parametrize(
    "path",
    [
        ("settled", 0, "status"),
        ("changes", 0, "transition", "to"),
        ("changes", 0, "verdict", "status"),
        ("changes", 0, "verdict", "evidence", "observations", 0, "kind"),
        ("control", 0, "vantage", "state"),
    ],
    ids=named,
)
def test_a_word_of_a_newer_version_is_kept(path: tuple[Any, ...]) -> None:
    """The agent would drop the content after a 400. What is no word at all is refused."""
    verified = verify_batch(AGENT, delivered(with_leaf(path, "slowed")), ORIGIN)

    assert verified.evidence[0] is not None
    if path[:3] == ("changes", 0, "verdict"):
        assert votes_of(verified.batch, verified.evidence).changes[0].no_vote
    assert (verified.unread, len(verified.batch.control)) == ((1, 0) if path[0] == "control" else (0, 1))
    assert refused(lambda: verify_batch(AGENT, delivered(with_leaf(path, "<b>")), ORIGIN)) == 400


def test_the_address_of_the_sender_is_removed_from_its_evidence() -> None:
    """Also from the signed body, which is not stored then; without it nothing is changed."""
    body = encode(FULL).replace(b"Access denied", b"You are 203.0.113.77")
    known = delivered(body)
    prefix = bytes([203, 0, 113])
    verified = verify_batch(AGENT, msgspec.structs.replace(known, prefix=prefix), ORIGIN)

    assert verified.raw == b""
    assert b"203.0.113.77" not in msgspec.json.encode(verified.batch)
    packed = [each for each in (*verified.evidence, *verified.settled_evidence) if each is not None]
    assert not any(b"113.77" in zlib.decompress(each.compressed) for each in packed if each.compressed)
    other = verify_batch(AGENT, msgspec.structs.replace(known, prefix=bytes([198, 51, 7])), ORIGIN)
    assert other.raw
    assert "203.0.113.77" in str(other.batch)


def test_a_cause_of_a_newer_version_is_accepted() -> None:
    """In a change, in its verdict and in a control's verdict."""
    body = encode(FULL).replace(b'"dns.spoofed"', b'"http3.timeout"')
    (reported,) = verify_batch(AGENT, delivered(body), ORIGIN).batch.changes
    assert reported.transition.causes == ("http3.timeout",)
