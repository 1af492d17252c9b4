"""The words of alerts."""

from __future__ import annotations

from probe.collector.notify import texts
from probe.collector.notify.alert import AlertKind, GroupChanges, MarkedEvent, MarkedListing
from probe.collector.notify.grouping import changes_of
from probe.fuse.revision import ERASED
from probe.model.event import Confidence, Event
from probe.model.verdict import Status
from tests.unit.collector.notify.builders import NOW, country_event, lifted, network_event

ORIGIN = "https://c.example"


def group(*marked: MarkedEvent, ongoing: tuple[Event, ...] = ()) -> GroupChanges:
    """What changed of WeChat in Russia."""
    return changes_of("wechat", "RU", marked, ongoing)


def test_a_country_is_named_first_with_evidence_and_confidence() -> None:
    alert = texts.alert(group(MarkedEvent(event=country_event(40))), ORIGIN)

    assert alert.title == "WeChat blocked in Russia"
    assert alert.text.splitlines() == [
        "WeChat is blocked in Russia, on 40 networks, since 4 May 2026, 04:10 UTC.",
        "Confirmed by 40 vantages. What was seen: connections time out (tcp.timeout).",
        "Evidence: https://c.example/e/cccccccccccccccc",
    ]
    assert (alert.kinds, alert.link) == ((AlertKind.BLOCKED,), "https://c.example/e/cccccccccccccccc")


def test_several_networks_are_one_sentence() -> None:
    alert = texts.alert(group(*(MarkedEvent(event=network_event(asn)) for asn in range(1, 8))), ORIGIN)

    assert alert.title == "WeChat blocked on 7 networks in Russia"
    assert alert.text.splitlines()[0] == (
        "WeChat is blocked on 7 networks in Russia (AS1, AS2, AS3, AS4, AS5 and 2 more),"
        " the first since 4 May 2026, 04:10 UTC."
    )


def test_an_unblocking_says_where_it_is_still_blocked() -> None:
    """Silence about the other networks would be a false all-clear."""
    event = lifted(network_event())
    alert = texts.alert(group(MarkedEvent(event=event, before=network_event()), ongoing=(network_event(2),)), ORIGIN)

    assert alert.title == "WeChat no longer blocked on AS64500 in Russia"
    assert alert.text.splitlines()[0] == (
        "WeChat is no longer blocked on AS64500 in Russia. It was blocked from 4 May 2026, 04:10 UTC to"
        " 4 May 2026, 05:10 UTC. It is still interfered with on 1 network there."
    )


def test_what_stood_before_the_first_measurement_is_said_so() -> None:
    alert = texts.alert(group(MarkedEvent(event=network_event(before_watch=True))), ORIGIN)

    assert "since before we looked (first seen 4 May 2026, 04:10 UTC)" in alert.text


def test_a_change_of_confidence_and_a_withdrawal_are_told_in_words() -> None:
    before = network_event()
    confirmed = network_event(confidence=Confidence.CONFIRMED, vantages=2)
    sure = texts.alert(group(MarkedEvent(event=confirmed, before=before)), ORIGIN)
    gone = texts.alert(group(MarkedEvent(event=before, before=before, withdrawn=True, reason=ERASED)), ORIGIN)

    assert sure.text.startswith("WeChat, blocked on AS64500 in Russia: now confirmed by 2 vantages.")
    assert gone.title == "Withdrawn: WeChat blocked on AS64500 in Russia"
    assert "erased at the wish of who sent them" in gone.text
    assert "Reported by" not in gone.text


def test_different_changes_are_different_sentences() -> None:
    marked = (MarkedEvent(event=network_event(1)), MarkedEvent(event=network_event(2, status=Status.THROTTLED)))
    lines = texts.alert(group(*marked), ORIGIN).text.splitlines()

    assert lines[0].startswith("WeChat is blocked on AS1")
    assert lines[1].startswith("WeChat is throttled on AS2")


def test_a_listing_does_not_claim_a_block() -> None:
    listed = MarkedListing(kind=AlertKind.LISTED, entries=12, moment=NOW)
    alert = texts.alert(changes_of("wechat", "RU", [], [], [listed]), ORIGIN)

    assert alert.title == "WeChat: added to the register of Russia"
    assert alert.text.startswith("12 entries of WeChat were added to the official register of Russia, by 4 May 2026")
    assert "not yet blocked" in alert.text


def test_a_message_of_many_services_counts_what_it_does_not_write_out() -> None:
    alerts = [texts.alert(group(MarkedEvent(event=network_event(asn))), ORIGIN) for asn in range(1, 121)]
    message = texts.message("k.1.s", "s", alerts, ORIGIN, NOW)

    assert message.title == "WeChat blocked on AS1 in Russia, and 119 more alerts"
    assert message.text.count("WeChat is blocked") == 10
    assert message.text.endswith("And 110 more: https://c.example/")
    assert (len(message.alerts), message.more) == (100, 20)


def test_a_digest_joins_what_was_held() -> None:
    held = [
        texts.message(f"k{n}", "s", [texts.alert(group(MarkedEvent(event=network_event(n))), ORIGIN)], ORIGIN, NOW)
        for n in (1, 2)
    ]
    digest = texts.digest_message("d", "s", held, ORIGIN)

    assert digest.digest
    assert digest.title.startswith("2 alerts: WeChat blocked on AS1")
    assert "AS2" in digest.text


def test_a_trial_says_that_nothing_happened() -> None:
    message = texts.trial_message("t", "s", ORIGIN, NOW)

    assert message.test
    assert "Nothing has been blocked" in message.text
