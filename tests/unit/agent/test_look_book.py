"""The memory of looks between rounds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random

import msgspec
import pytest

from probe.agent.look_book import SECRET_BYTES, LookBook, look_terms
from probe.detect.detector_input import CurrentStatus
from probe.model.address import Family
from probe.model.anchor_parts import AnchorMemory
from probe.model.failure import Failure
from probe.model.glance import GlanceKind
from probe.model.glance_evidence import GlanceEvidence
from probe.model.target import TargetText, parse
from probe.model.verdict import AnchorKind, AnchorLook, Cause, Evidence, Status, Vantage, VantageState, Verdict
from probe.plan.glance_memory import KnownAnswers, SeenAnswer
from probe.plan.looks import LookTerms
from probe.plan.relay_memory import RelayFinding
from probe.settings import load

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
SECONDS = NOW.timestamp()
TERMS = LookTerms(interval=300.0, full_every=3600.0, blocked_every=900.0)
KNOWN = (KnownAnswers(GlanceKind.TLS, Family.IPV4, (SeenAnswer("TLSv1.3 1301 001d", 1),), ("151.101.1.10",)),)
TARGETS: tuple[TargetText, ...] = tuple((text, parse(text)) for text in ("https://a.example/", "https://b.example/"))
A, B = (text for text, _ in TARGETS)
WATCHED = frozenset({A, B})


def verdict(text: str, status: Status = Status.REACHABLE, *, glance: bool = False, after: float = 0) -> Verdict:
    evidence = Evidence(glance=(GlanceEvidence(kind=GlanceKind.TLS),)) if glance else Evidence()
    time = NOW + timedelta(seconds=after)
    return Verdict(time=time, target=text, status=status, evidence=evidence, vantage=Vantage(state=VantageState.ONLINE))


def settled(status: Status = Status.REACHABLE, *causes: Cause) -> CurrentStatus:
    return CurrentStatus(status, NOW - timedelta(days=1), causes)


def book_after_first_round() -> LookBook:
    """Both targets were looked at in full, and their reference glances are known."""
    book = LookBook.load(None).at_vantage("here")
    _, looks = book.choose(TARGETS, lambda _: None, SECONDS, TERMS)
    looks.references.update({A: KNOWN, B: KNOWN})
    book = book.after_round([verdict(A), verdict(B)], looks, WATCHED, TERMS, Random(1))
    due = {text: msgspec.structs.replace(one, full_due=int(SECONDS) + 3600) for text, one in book.targets.items()}
    return msgspec.structs.replace(book, targets=due)


def test_at_first_sight_every_target_is_looked_at_in_full() -> None:
    chosen, looks = LookBook.load(None).at_vantage("here").choose(TARGETS, lambda _: settled(), SECONDS, TERMS)

    assert chosen == list(TARGETS)
    assert looks.glance == {}


def test_then_they_are_glanced_at() -> None:
    chosen, looks = book_after_first_round().choose(TARGETS, lambda _: settled(), SECONDS + 300, TERMS)

    assert chosen == list(TARGETS)
    assert looks.glance == {A: KNOWN, B: KNOWN}
    assert looks.turn == 1


def test_the_book_survives_the_state_file() -> None:
    """Cron's next process goes on where the last one stopped."""
    book = book_after_first_round()

    assert LookBook.load(book.dump()) == book


@pytest.mark.parametrize("stored", [b"", b"\xc1", b"\x93\x01\x02\x03"])
def test_a_book_that_cannot_be_read_begins_anew(stored: bytes) -> None:
    book = LookBook.load(stored)

    assert book.targets == {}
    assert len(book.secret) == SECRET_BYTES


def test_a_change_of_the_vantage_forgets_everything_but_the_key() -> None:
    book = book_after_first_round()
    moved = book.at_vantage("elsewhere")

    assert book.at_vantage("here") is book
    assert moved.targets == {}
    assert (moved.secret, moved.vantage) == (book.secret, "elsewhere")


def test_targets_that_are_no_longer_watched_are_forgotten() -> None:
    book = book_after_first_round()
    _, looks = book.choose(TARGETS, lambda _: settled(), SECONDS + 300, TERMS)
    looks.references[B] = KNOWN
    after = book.after_round([verdict(B, glance=True)], looks, {A}, TERMS, Random(1))

    assert set(after.targets) == {A}


def test_a_glance_does_not_count_as_a_full_look() -> None:
    book = book_after_first_round()
    _, looks = book.choose(TARGETS, lambda _: settled(), SECONDS + 300, TERMS)
    after = book.after_round([verdict(A, glance=True, after=300)], looks, WATCHED, TERMS, Random(1))

    assert after.targets[A].looked == int(SECONDS) + 300
    assert (after.targets[A].worked, after.targets[A].full_due) == (int(SECONDS), int(SECONDS) + 3600)


def test_a_failure_among_re_tests_leaves_a_doubt() -> None:
    book = book_after_first_round()
    looked = [verdict(A, Status.BLOCKED, after=300), verdict(A, after=320)]
    _, looks = book.choose(TARGETS, lambda _: settled(), SECONDS + 300, TERMS)
    looks.references[A] = KNOWN
    after = book.after_round(looked, looks, WATCHED, TERMS, Random(1))

    chosen, looks = after.choose(TARGETS, lambda _: settled(), SECONDS + 600, TERMS)
    assert A not in looks.glance
    assert looks.known[A] == KNOWN
    assert chosen == list(TARGETS)


def test_a_blocked_target_is_skipped_meanwhile_and_then_tried_after_a_neutral_name() -> None:
    book = book_after_first_round()
    _, looks = book.choose(TARGETS, lambda _: settled(), SECONDS + 300, TERMS)
    book = book.after_round([verdict(A, Status.BLOCKED, after=300)], looks, WATCHED, TERMS, Random(1))
    by_name = {A: settled(Status.BLOCKED, Cause.TLS_RESET, Cause.TLS_SNI), B: settled()}

    # It worked less than `blocked_every` ago, so two rounds go on.
    at_once, looks = book.choose(TARGETS, by_name.get, SECONDS + 600, TERMS)
    assert {text for text, _ in at_once} == {A, B}
    book = book.after_round([verdict(A, Status.BLOCKED, after=900)], looks, WATCHED, TERMS, Random(1))
    rested, _ = book.choose(TARGETS, by_name.get, SECONDS + 1200, TERMS)
    assert [text for text, _ in rested] == [B]
    again, looks = book.choose(TARGETS, by_name.get, SECONDS + 1800, TERMS)
    assert {text for text, _ in again} == {A, B}
    assert looks.suspected == {A}


def test_a_block_of_the_name_server_needs_no_neutral_name() -> None:
    by_name = {A: settled(Status.BLOCKED, Cause.DNS_NXDOMAIN)}
    _, looks = LookBook.load(None).choose(TARGETS, by_name.get, SECONDS, TERMS)

    assert looks.suspected == frozenset()


def test_a_control_looks_at_everything_in_full() -> None:
    def terms(role: str) -> LookTerms:
        return look_terms(load(None, {"XDG_CONFIG_HOME": "/nonexistent"}, {"agent.role": role}))

    assert terms("control").full_every == 0
    assert terms("vantage").full_every == 3600
    assert terms("vantage").blocked_every == 900


def test_ten_thousand_targets_take_little_room() -> None:
    book = book_after_first_round()
    many = {f"https://t{number}.example/": book.targets[A] for number in range(10_000)}

    assert len(msgspec.structs.replace(book, targets=many).dump()) < 1_500_000


def test_the_memory_of_anchors_is_kept_and_belongs_to_the_vantage() -> None:
    """It outlives a process, and is forgotten with the looks at targets when the vantage changes."""
    look = AnchorLook(url="https://anchor.example/", kind=AnchorKind.FOREIGN, at=NOW)
    memory = AnchorMemory(turn=7, looks=(look,), reached={look.url: "203.0.113.9"})
    book = msgspec.structs.replace(book_after_first_round(), anchors=memory)

    stored = LookBook.load(book.dump())

    assert stored.at_vantage("here").anchors == memory
    assert stored.at_vantage("elsewhere").anchors == AnchorMemory()


def test_what_is_known_of_relays_is_kept_with_the_looks_and_forgotten_with_the_vantage() -> None:
    """A relay belongs to a network."""
    relays = {"4 443": RelayFinding("198.18.7.7", 443, Failure.TIMEOUT, SECONDS, SECONDS + 90_000)}
    stored = LookBook.load(msgspec.structs.replace(book_after_first_round(), relays=relays).dump())

    assert stored.at_vantage("here").relays == relays
    assert stored.at_vantage("there").relays == {}


@pytest.mark.parametrize(
    ("status", "found", "fails"),
    [
        (Status.REACHABLE, Status.REACHABLE, False),
        (Status.REACHABLE, Status.DOWN, True),
        (Status.BLOCKED, Status.REACHABLE, True),
    ],
)
def test_a_round_knows_which_targets_failed_last(status: Status, found: Status, fails: bool) -> None:
    """Their next success is in doubt."""
    book = book_after_first_round()
    _, looks = book.choose(TARGETS, lambda _: settled(), SECONDS, TERMS)
    book = book.after_round([verdict(A, found, after=300)], looks, WATCHED, TERMS, Random(1))

    _, looks = book.choose(
        TARGETS, lambda text: settled(status if text == A else Status.REACHABLE), SECONDS + 600, TERMS
    )

    assert looks.failing == (frozenset({A}) if fails else frozenset())


def test_glances_are_spread_over_a_share_of_the_interval() -> None:
    chosen = load(None, {"PROBE_AGENT_INTERVAL": "600", "PROBE_AGENT_SPREAD": "0.2"})
    terms = look_terms(chosen)

    _, looks = book_after_first_round().choose(TARGETS, lambda _: settled(), SECONDS, terms)

    assert looks.spread == terms.spread == 120.0
