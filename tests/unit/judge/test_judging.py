"""From evidence to a verdict: the laws of judging, chains and domains."""

from __future__ import annotations

from typing import get_args

import msgspec
import pytest
from hypothesis import given, settings
from msgspec.structs import replace

from probe.errors import TargetError
from probe.judge import RULES, RULES_VERSION, again, blockpages, judge, verdict
from probe.judge.blockpages import FingerprintTable
from probe.judge.fingerprints import FINGERPRINTS, Fingerprint
from probe.model.failure import Failure
from probe.model.location import Location
from probe.model.observation import Connection, Observation, TracePayload, TraceReply
from probe.model.target import parse
from probe.model.verdict import (
    AnchorAnswer,
    AnchorKind,
    AnchorLook,
    Evidence,
    Status,
    Vantage,
    VantageState,
    Verdict,
)
from tests.unit.judge.builders import HTTP, NAME, NEUTRAL, URL, A, http, said, served, tcp, tls, tries
from tests.unit.judge.random_evidence import KINDS, TIME, VERDICTS

ONLINE = Vantage(state=VantageState.ONLINE)


@settings(max_examples=200, deadline=None)
@given(VERDICTS)
def test_any_evidence_has_a_judgment_and_judging_it_again_changes_nothing(made: Verdict) -> None:
    """Judging never raises, names a rule of the table, and does not change its own output, through JSON and back."""
    judged = again(made)

    line = msgspec.json.encode(judged)
    assert again(msgspec.json.decode(line, type=Verdict)) == judged
    assert judged.rule in {rule.id for rule in RULES}
    interfered = judged.status in {Status.BLOCKED, Status.THROTTLED}
    assert bool(judged.causes) == interfered or judged.status is Status.UNREACHABLE


@settings(max_examples=100, deadline=None)
@given(VERDICTS)
def test_no_rule_reads_a_trace(made: Verdict) -> None:
    """Without traces the verdict is the same, but for the location."""
    judged = again(made)
    seen = tuple(one for one in made.evidence.observations if not isinstance(one, TraceReply))

    without = again(replace(made, evidence=replace(made.evidence, observations=seen)))

    kept = replace(judged.evidence, observations=seen, location=None)
    assert replace(judged, evidence=kept) == without


def test_every_kind_of_observation_is_generated() -> None:
    """The laws hold for a kind that a later version adds, too."""
    assert set(KINDS) == set(get_args(Observation))


@settings(max_examples=100, deadline=None)
@given(VERDICTS)
def test_tcp_failures_without_a_control_are_never_blocked(made: Verdict) -> None:
    """Whatever failed."""
    bare = tuple(one for one in made.evidence.observations if isinstance(one, Connection))

    judged = judge(parse(made.target), Evidence(observations=bare), VantageState.ONLINE)

    assert judged.status is not Status.BLOCKED


@settings(max_examples=50, deadline=None)
@given(VERDICTS)
def test_every_target_is_unknown_at_an_offline_vantage(made: Verdict) -> None:
    """`offline` and `portal` (contract: where two readings are possible)."""
    for state in (VantageState.OFFLINE, VantageState.PORTAL):
        assert judge(parse(made.target), made.evidence, state).status is Status.UNKNOWN


@settings(max_examples=100, deadline=None)
@given(VERDICTS)
def test_no_target_is_blocked_or_down_under_an_allowlist(made: Verdict) -> None:
    """What works is reachable, what fails is unknown."""
    for state in (VantageState.ALLOWLIST, VantageState.POLICED):
        assert judge(parse(made.target), made.evidence, state).status not in {Status.BLOCKED, Status.DOWN}


def test_a_block_page_that_is_recognised_later_is_judged_so_in_old_verdicts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A verdict with a sample of its page is judged again with the fingerprints of the version that judges it."""
    page = http(A, url=HTTP, sample="<h1>Forbidden by the Ministry of Pages</h1>")
    evidence = Evidence(observations=(said("network", A), page))
    before = verdict(time=TIME, text=HTTP, target=parse(HTTP), evidence=evidence, vantage=ONLINE)
    later = Fingerprint("zz.ministry", text=("forbidden by the ministry",), source="a test")

    monkeypatch.setattr(blockpages, "KNOWN", FingerprintTable((*FINGERPRINTS, later)))
    after = again(before)

    assert (before.status, before.rule) == (Status.REACHABLE, "served")
    assert (after.status, after.rule) == (Status.BLOCKED, "http.blockpage")
    assert again(after) == after


def test_a_portal_that_is_recognised_later_is_judged_so_in_old_verdicts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The looks at anchors store what answered."""
    answer = AnchorAnswer(status=200, complete=True, sample="<h1>Welcome to Hotel Zed</h1>")
    look = AnchorLook(url="http://anchor.example/", kind=AnchorKind.FOREIGN, at=TIME, answer=answer)
    vantage = Vantage(state=VantageState.ONLINE, anchors=(look,))
    seen = Evidence(observations=(said("network", A), tcp(A, Failure.TIMEOUT)))
    before = verdict(time=TIME, text=URL, target=parse(URL), evidence=seen, vantage=vantage)
    later = Fingerprint("zz.hotel", text=("welcome to hotel zed",), source="a test")

    assert again(before) == before
    monkeypatch.setattr(blockpages, "KNOWN", FingerprintTable((*FINGERPRINTS, later)))
    after = again(before)

    assert (before.vantage.state, before.rule) == (VantageState.ONLINE, "tcp.ambiguous")
    assert (after.vantage.state, after.status, after.rule) == (VantageState.PORTAL, Status.UNKNOWN, "vantage.portal")


def test_a_target_without_observations_is_unknown() -> None:
    """Whatever its kind."""
    for text in ("203.0.113.0/24", "quic://example.org:443", "example.org", "tcp://151.101.1.10:443"):
        made = verdict(time=TIME, text=text, target=parse(text), evidence=Evidence(), vantage=ONLINE)

        assert (made.status, made.rule) == (Status.UNKNOWN, "measurement.empty")


def test_the_first_hop_that_is_not_reachable_decides_a_chain() -> None:
    """The last one does where all are reachable; hops after a bad one are not judged."""
    start, end = "https://151.101.1.10/", "https://151.101.1.10/end"
    moved = http(A, 301, url=start, location=end)
    page = http(A, url=end, hop=1)
    silent = tcp(A, Failure.TIMEOUT, hop=1)

    assert judge(parse(start), Evidence(observations=(moved, page)), VantageState.ONLINE).status is Status.REACHABLE
    judged = judge(parse(start), Evidence(observations=(moved, silent)), VantageState.ONLINE)
    assert (judged.status, judged.findings.hop) == (Status.UNREACHABLE, end)
    notice = http(A, 302, url=HTTP, location=end, marks=("ru.mts",))
    judged = judge(parse(HTTP), Evidence(observations=(said("network", A), notice, page)), VantageState.ONLINE)
    assert (judged.status, judged.rule, judged.findings.hop) == (Status.BLOCKED, "http.redirect", "")


@pytest.mark.parametrize(
    ("secure", "clear", "status"),
    [
        ("served", "served", "reachable"),
        ("served", "gone", "reachable"),
        ("gone", "served", "reachable"),
        ("blocked", "served", "blocked"),
        ("served", "notice", "blocked"),
        ("blocked", "notice", "blocked"),
        ("gone", "gone", "unreachable"),
        ("gone", "", "unknown"),
        ("served", "", "reachable"),
    ],
)
def test_a_domain_is_blocked_if_either_chain_is_else_reachable_if_either_is(
    secure: str, clear: str, status: str
) -> None:
    """The causes of both are named where both are blocked (contract: Targets)."""
    gone = tcp(A, Failure.TIMEOUT, port=80, chain=1)
    seen = {
        "served": (served(), (http(A, url=HTTP, chain=1),)),
        "gone": ((tcp(A, Failure.TIMEOUT),), (gone,)),
        "blocked": ((*tries(2, tls(A, Failure.RESET), tcp()), NEUTRAL), ()),
        "notice": ((), (http(A, url=HTTP, chain=1, title="No", marks=("ru.mts",)),)),
        "": ((), ()),
    }
    observations = (said("network", A), *seen[secure][0], *seen[clear][1])

    judged = judge(parse(NAME), Evidence(observations=observations), VantageState.ONLINE)

    assert judged.status is Status(status)
    assert ("tls.sni" in judged.causes, "http.blockpage" in judged.causes) == (secure == "blocked", clear == "notice")


def test_a_verdict_of_a_target_of_no_known_form_cannot_be_judged_again() -> None:
    """The error names the target."""
    made = Verdict(time=TIME, target="gopher://x", status=Status.UNKNOWN, vantage=ONLINE)

    with pytest.raises(TargetError, match="gopher"):
        again(made)


def test_a_verdict_keeps_the_text_of_its_target_and_the_version_of_the_rules() -> None:
    """The target is written as it was given."""
    seen = (Connection(address="151.101.1.10", port=443, failure=Failure.TIMEOUT),)

    made = verdict(
        time=TIME,
        text="TCP://151.101.1.10:443",
        target=parse("TCP://151.101.1.10:443"),
        evidence=Evidence(observations=seen, attempt=2),
        vantage=ONLINE,
    )

    assert (made.target, made.evidence.rules, made.evidence.attempt) == ("TCP://151.101.1.10:443", RULES_VERSION, 2)


@pytest.mark.parametrize(
    ("seen", "location"),
    [((*tries(2, tls(A, Failure.RESET), tcp()), NEUTRAL), Location(routers=0)), (served(), None), ((tcp(),), None)],
    ids=["blocked", "reachable", "unreachable"],
)
def test_a_blocked_verdict_has_the_location(seen: tuple[Observation, ...], location: Location | None) -> None:
    """One that is not blocked has none, whatever its traces show."""
    trace = TraceReply(payload=TracePayload.HELLO, address=A, port=443, name=NAME, ttl=1, failure=Failure.RESET)
    evidence = Evidence(observations=(said("network", A), *seen, trace))

    made = verdict(time=TIME, text=URL, target=parse(URL), evidence=evidence, vantage=ONLINE)

    assert made.evidence.location == location
