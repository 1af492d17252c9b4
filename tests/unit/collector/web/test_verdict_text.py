"""The evidence of a verdict as text."""

from __future__ import annotations

import shlex
from datetime import UTC, datetime

import msgspec
import pytest

from probe.collector.web import verdict_text
from probe.collector.web.verdict_text import StepMark
from probe.model.failure import Failure
from probe.model.hop import Purpose
from probe.model.location import Location
from probe.model.observation import (
    Certificate,
    Connection,
    Exchange,
    LateAnswer,
    Resolution,
    Sending,
    TlsHandshake,
    TracePayload,
    TraceReply,
)
from probe.model.resolver import Trust
from probe.model.verdict import Cause, ControlFacts, ControlPage, Evidence, Status, Vantage, VantageState, Verdict

NOW = datetime(2017, 5, 4, tzinfo=UTC)
HOST = "wechat.example"


def verdict(*seen: object, causes: tuple[Cause, ...] = (Cause.DNS_SPOOFED,), control: bool = True) -> Verdict:
    """A verdict with these observations and a control that knows the target."""
    facts = ControlFacts(
        time=NOW,
        statuses=(Status.REACHABLE,),
        addresses={HOST: ("203.0.113.9",)},
        certificates={HOST: ("aa",)},
        pages=(ControlPage(url=f"https://{HOST}/", status=200, title="WeChat"),),
    )
    evidence = Evidence(observations=seen, control=facts if control else None)  # type: ignore[arg-type]
    vantage = Vantage(state=VantageState.ONLINE)
    return Verdict(
        time=NOW, target=HOST, status=Status.BLOCKED, causes=causes, rule="r", evidence=evidence, vantage=vantage
    )


def resolution(*addresses: str, trust: Trust = Trust.NETWORK) -> Resolution:
    """An answer of a resolver."""
    return Resolution(name=HOST, rrtype="A", resolver="network", trust=trust, addresses=addresses)


def test_a_false_dns_answer_is_marked_and_shown_beside_the_control_s() -> None:
    """The right answer of a trusted resolver is not marked."""
    false, true = verdict_text.evidence_rows(
        verdict(resolution("198.51.100.7"), resolution("203.0.113.9", trust=Trust.TRUSTED))
    )

    assert (false.layer, false.here, false.there, false.mark) == ("DNS", "198.51.100.7", "203.0.113.9", StepMark.BAD)
    assert false.asked == f"A of {HOST} at the network's resolver"
    assert (true.mark, true.there) == (StepMark.GOOD, "203.0.113.9")


def test_every_kind_of_observation_has_its_row() -> None:
    """In the order in which they were made."""
    shown = verdict_text.evidence_rows(
        verdict(
            LateAnswer(
                name=HOST, rrtype="A", resolver="network", trust=Trust.NETWORK, gap=14, addresses=("203.0.113.9",)
            ),
            Connection(address="203.0.113.9", port=443, took=31),
            TlsHandshake(address="203.0.113.9", port=443, sni=HOST, failure=Failure.RESET, took=22),
            TlsHandshake(address="203.0.113.9", port=443, sni="q.example", purpose=Purpose.NEUTRAL, answered=True),
            TlsHandshake(
                address="203.0.113.9", port=443, sni=HOST, verified=True, certificate=Certificate(sha256="aa")
            ),
            Exchange(url=f"https://{HOST}/", address="203.0.113.9", status=200, title="Denied", location="http://b/"),
            causes=(Cause.TLS_RESET, Cause.TLS_SNI),
        )
    )

    assert [(row.layer, row.mark is StepMark.GOOD) for row in shown] == [
        ("DNS", False),
        ("TCP", True),
        ("TLS", False),
        ("TLS", True),
        ("TLS", True),
        ("HTTP", True),
    ]
    assert [row.here for row in shown] == [
        "a second answer 14 ms later: 203.0.113.9",
        "open after 31 ms",
        "the connection was reset, after 22 ms",
        "TLS, certificate not verified",
        "TLS, certificate verified",
        "status 200, to http://b/, “Denied”",
    ]
    assert shown[3].asked.endswith("under a random name")
    assert shown[4].there == "the same certificate, verified"
    assert shown[5].there == "status 200, “WeChat”"


def test_a_page_that_is_not_the_target_s_is_marked_where_http_is_at_fault() -> None:
    """A page over a verified session is the server's own and not marked."""
    page = Exchange(url=f"http://{HOST}/", address="198.51.100.7", status=200, title="Denied")
    shown = verdict_text.evidence_rows(
        verdict(page, msgspec.structs.replace(page, secure=True), causes=(Cause.HTTP_BLOCKPAGE,), control=False)
    )

    assert [row.mark for row in shown] == [StepMark.BAD, StepMark.GOOD]


@pytest.mark.parametrize(
    ("pages", "there"),
    [
        (["/other", "/"], "status 200, “/”"),
        (["/other", "/third"], "status 200, “/other”"),
        ([], ""),
    ],
)
def test_the_control_s_page_of_the_same_url_is_shown_before_others_of_the_host(pages: list[str], there: str) -> None:
    found = [ControlPage(url=f"https://{HOST}{path}", status=200, title=path) for path in pages]
    whole = verdict(Exchange(url=f"https://{HOST}/", address="192.0.2.1", status=403))
    facts = msgspec.structs.replace(whole.evidence.control, pages=tuple(found))
    evidence = msgspec.structs.replace(whole.evidence, control=facts)

    (row,) = verdict_text.evidence_rows(msgspec.structs.replace(whole, evidence=evidence))

    assert row.there == there


def test_a_page_without_a_title_is_shown_by_its_status_alone() -> None:
    (row,) = verdict_text.evidence_rows(
        verdict(Exchange(url=f"https://{HOST}/", address="192.0.2.1", status=403), control=False)
    )

    assert row.here == "status 403"


def test_the_control_has_a_summary_also_when_it_is_missing() -> None:
    """A missing control is stated."""
    assert "found the target reachable." in verdict_text.control_line(verdict())
    assert "no control" in verdict_text.control_line(verdict(control=False))


@pytest.mark.parametrize(
    ("location", "line"),
    [
        (None, ""),
        (Location(routers=0), "The interference sits before the first router."),
        (Location(routers=4, server=False), "The interference sits behind router 4 of the path."),
        (
            Location(routers=12, server=True),
            "The interference showed no nearer than 12 routers away, where the server itself may be.",
        ),
    ],
)
def test_the_location_has_a_sentence_where_it_was_measured(location: Location | None, line: str) -> None:
    one = verdict()
    found = msgspec.structs.replace(one, evidence=msgspec.structs.replace(one.evidence, location=location))

    assert verdict_text.location_line(found) == line


def test_a_trace_is_a_row_of_its_own() -> None:
    """What was sent, and with which TTL."""
    (row,) = verdict_text.evidence_rows(
        verdict(
            TraceReply(
                payload=TracePayload.HELLO,
                address="203.0.113.9",
                port=443,
                name=HOST,
                ttl=5,
                failure=Failure.RESET,
                took=9,
            )
        )
    )

    assert (row.layer, row.mark) == ("PATH", StepMark.BAD)
    assert row.asked == f"hello for {HOST} to 203.0.113.9, within reach of 5 routers"


def test_an_upload_shows_how_much_of_it_was_answered() -> None:
    """Complete, and stopped."""
    where = {"url": f"https://{HOST}/", "address": "203.0.113.9", "sni": HOST}
    whole, stopped = verdict_text.evidence_rows(
        verdict(
            Sending(**where, sent=66_600, answers=15, complete=True, took=900),  # type: ignore[arg-type]
            Sending(**where, sent=17_760, answers=4, took=9_000, failure=Failure.TIMEOUT),  # type: ignore[arg-type]
        )
    )

    assert (whole.layer, whole.mark, stopped.mark) == ("SEND", StepMark.GOOD, StepMark.BAD)
    assert whole.asked == f"padded requests to 203.0.113.9 for {HOST}"
    assert whole.here == "66600 bytes in 15 requests were answered, after 900 ms"
    assert stopped.here == ("no answer until the time-out, after 9000 ms; 17760 bytes in 4 requests were answered")


def test_text_from_outside_is_short_and_cannot_rearrange_the_page() -> None:
    """Line ends and marks that reverse the writing are replaced."""
    said = verdict_text.printable("a\u202eb\nc\x00" + "d" * 999)

    assert said.startswith("a\ufffdb\ufffdc\ufffdd")
    assert len(said) == 300


@pytest.mark.parametrize("target", ["https://a.example/?q='; rm -rf ~; '", "$(reboot).example", "-x"])
def test_the_command_to_repeat_it_is_safe_in_a_shell(target: str) -> None:
    """The target is one word after the end of options."""
    assert shlex.split(verdict_text.command_line(target)) == ["probe", "check", "--json", "--", target]


def test_the_number_of_rows_is_bounded() -> None:
    """The JSON has them all."""
    many = [Connection(address="203.0.113.9", port=443)] * 500

    assert len(verdict_text.evidence_rows(verdict(*many))) == verdict_text.MAX_STEPS


SIX = "2001:db8::9"
NO_SIX = Resolution(name=HOST, rrtype="AAAA", resolver="network", trust=Trust.NETWORK, failure=Failure.NODATA)
INVENTED = Resolution(
    name="q.example",
    rrtype="A",
    resolver="network",
    trust=Trust.NETWORK,
    purpose=Purpose.GHOST,
    failure=Failure.NXDOMAIN,
)
UNUSED = Connection(address="198.18.0.1", port=443, purpose=Purpose.RELAY, failure=Failure.TIMEOUT)
OTHER_NAME = TlsHandshake(address="203.0.113.9", port=443, sni="q.example", purpose=Purpose.NEUTRAL)


@pytest.mark.parametrize(
    ("seen", "mark"),
    [
        (NO_SIX, StepMark.PLAIN),
        (INVENTED, StepMark.GOOD),
        (msgspec.structs.replace(INVENTED, failure=None, addresses=("203.0.113.5",)), StepMark.BAD),
        (msgspec.structs.replace(INVENTED, failure=Failure.TIMEOUT), StepMark.PLAIN),
        (UNUSED, StepMark.GOOD),
        (msgspec.structs.replace(UNUSED, failure=None), StepMark.BAD),
        (msgspec.structs.replace(OTHER_NAME, failure=Failure.ALERT), StepMark.PLAIN),
        (msgspec.structs.replace(OTHER_NAME, failure=Failure.TIMEOUT), StepMark.BAD),
        (msgspec.structs.replace(NO_SIX, rrtype="A"), StepMark.BAD),
    ],
)
def test_each_step_is_marked_by_what_it_was_for(seen: Resolution | Connection | TlsHandshake, mark: StepMark) -> None:
    """No IPv6 address, a denied invented name and a silent unused address are as they should be: not red."""
    (row,) = verdict_text.evidence_rows(verdict(seen))

    assert row.mark is mark


def test_the_control_s_addresses_are_of_the_family_that_was_asked_for() -> None:
    """An IPv4 address is no comparison for an AAAA record."""
    both = verdict(resolution("203.0.113.9"), NO_SIX)
    assert both.evidence.control is not None
    facts = msgspec.structs.replace(both.evidence.control, addresses={HOST: ("203.0.113.9", SIX)})
    evidence = msgspec.structs.replace(both.evidence, control=facts)

    four, six = verdict_text.evidence_rows(msgspec.structs.replace(both, evidence=evidence))

    assert (four.there, six.there) == ("203.0.113.9", SIX)
    assert six.mark is StepMark.BAD
