"""Verdicts, counts and notes as they are printed for people."""

from __future__ import annotations

import asyncio
import contextlib
import io
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from probe.cli import output
from probe.cli.output import (
    STATE_SENTENCES,
    STATUS_STYLES,
    VerdictCounts,
    VerdictProgress,
    describe_evidence,
    describe_notes,
    plain_table,
    print_table,
)
from probe.cli.verdict_words import NOTE_SENTENCES
from probe.errors import ExitStatus
from probe.model.verdict import Cause, Evidence, Status, Vantage, VantageNote, VantageState, Verdict

NOTHING = Evidence()


def verdict(target: str, status: Status, *causes: Cause, evidence: Evidence = NOTHING) -> Verdict:
    return Verdict(
        time=datetime(2017, 5, 4, tzinfo=UTC),
        target=target,
        status=status,
        causes=causes,
        evidence=evidence,
        vantage=Vantage(state=VantageState.ALLOWLIST),
    )


def test_the_table_has_one_line_for_each_target_a_sentence_and_no_colour_in_a_file(
    capsys: pytest.CaptureFixture[str],
) -> None:
    long = "https://a.example/" + "x" * 150
    made = [verdict(long, Status.REACHABLE), verdict("[b].example", Status.BLOCKED, Cause.TLS_RESET, Cause.TLS_SNI)]
    counts = VerdictCounts()
    for one in made:
        counts.add(one)

    print_table(made, counts)

    lines = capsys.readouterr().out.splitlines()
    assert lines[1].startswith(long)
    assert lines[2].split(maxsplit=2) == [
        *("[b].example", "blocked"),
        (
            "tls.reset: the connection is reset once the server name has been sent,"
            " tls.sni: the connection works under another server name"
        ),
    ]
    assert lines[-1].startswith("1 reachable, 1 blocked. This network lets only an allow-list through")
    assert "\x1b" not in "".join(lines)


@pytest.mark.parametrize(
    ("evidence", "words"),
    [
        (Evidence(hop="https://b.example/"), "at https://b.example/"),
        (Evidence(server_refusal=451), "the server itself says 451"),
        (Evidence(server_alert="handshake_failure"), "TLS alert handshake_failure"),
        (Evidence(families={"ipv6": "tcp.timeout"}), "ipv6 fails (tcp.timeout)"),
        (Evidence(failing={"192.0.2.1": "tcp.timeout"}), "1 of its addresses fail"),
        (Evidence(error="ValueError: x"), "fault in the program: ValueError: x"),
        (Evidence(), "it works as it does for anyone"),
    ],
)
def test_the_deciding_evidence_is_described_in_words(evidence: Evidence, words: str) -> None:
    assert describe_evidence(verdict("a", Status.REACHABLE, evidence=evidence)) == words


@pytest.mark.parametrize("status", Status)
def test_something_was_seen_whatever_the_status(status: Status) -> None:
    """Also in the verdicts of other versions, whose rules are not known here."""
    for rule in ("", "rule.of.tomorrow", "control.failed"):
        assert describe_evidence(replace(verdict("a", status), rule=rule))


def test_the_reason_of_the_rule_stands_where_there_is_no_cause() -> None:
    offline = replace(verdict("a", Status.UNKNOWN), rule="vantage.offline")

    assert describe_evidence(offline) == "the vantage is offline: no anchor answers"
    assert describe_evidence(replace(verdict("a", Status.DOWN), rule="control.failed")) == "it fails at the control too"


async def test_connections_that_wait_for_the_pace_limit_are_said_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "PACE_SECONDS", 0.01)
    screen = io.StringIO()
    monkeypatch.setattr(screen, "isatty", lambda: True)
    monkeypatch.setattr("sys.stderr", screen)
    with VerdictProgress(3) as progress:
        progress.advance(counts((Status.REACHABLE, VantageState.ONLINE)))
        saying = asyncio.create_task(progress.show_pace(lambda: 7))
        async with asyncio.timeout(60):
            while "1 reachable, 7 wait for the pace limit" not in screen.getvalue():  # noqa: ASYNC110 - rich draws
                await asyncio.sleep(0.01)
        saying.cancel()


async def test_without_a_terminal_nobody_asks_for_the_pace(capsys: pytest.CaptureFixture[str]) -> None:
    with VerdictProgress(3) as progress:
        await progress.show_pace(lambda: pytest.fail("nothing is shown"))

    assert capsys.readouterr() == ("", "")


def test_every_status_has_its_style_and_every_state_but_online_its_sentence() -> None:
    assert set(STATUS_STYLES) == set(Status)
    assert set(STATE_SENTENCES) == set(VantageState) - {VantageState.ONLINE}


def test_progress_is_silent_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with VerdictProgress(3) as progress:
        progress.advance(VerdictCounts())

    assert capsys.readouterr() == ("", "")


def counts(*pairs: tuple[Status, VantageState]) -> VerdictCounts:
    made = VerdictCounts()
    for status, state in pairs:
        made.add(
            Verdict(time=datetime(2017, 5, 4, tzinfo=UTC), target="a", status=status, vantage=Vantage(state=state))
        )
    return made


@pytest.mark.parametrize(
    ("pairs", "status"),
    [
        ((), ExitStatus.OK),
        (((Status.REACHABLE, VantageState.ONLINE),), ExitStatus.OK),
        (((Status.REACHABLE, VantageState.ALLOWLIST),), ExitStatus.OK),
        *((((Status.REACHABLE, VantageState.ONLINE), (bad, VantageState.ONLINE)), ExitStatus.NOT_ALL_WELL)
          for bad in Status if bad is not Status.REACHABLE),
        (((Status.UNKNOWN, VantageState.PORTAL),), ExitStatus.NOT_ALL_WELL),
        (((Status.BLOCKED, VantageState.ONLINE), (Status.UNKNOWN, VantageState.OFFLINE)), ExitStatus.OFFLINE),
    ],
)  # fmt: skip
def test_the_status_follows_the_contract(pairs: tuple[tuple[Status, VantageState], ...], status: ExitStatus) -> None:
    assert counts(*pairs).status is status


def test_the_counts_in_words_leave_out_zeros() -> None:
    online = VantageState.ONLINE

    assert counts((Status.BLOCKED, online), (Status.REACHABLE, online), (Status.REACHABLE, online)).sentence() == (
        "2 reachable, 1 blocked"
    )


def test_every_note_has_a_sentence_and_an_unknown_note_is_returned_unchanged() -> None:
    """Sentences come in the order of the notes."""
    assert set(NOTE_SENTENCES) == set(VantageNote)
    assert describe_notes(("tunnel", "of tomorrow")) == (NOTE_SENTENCES[VantageNote.TUNNEL], "of tomorrow")


@settings(deadline=None)  # the first example imports rich
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["https://a.example/", "tcp://192.0.2.1:443", "[x]", "https://b.example/[/]", "c" * 150]),
            st.sampled_from(Status),
            st.sampled_from([(), (Cause.TLS_RESET, Cause.TLS_SNI), (Cause.DNS_INJECTED,)]),
            st.sampled_from(["", "ValueError: [red]x", "d" * 60]),
        ),
        max_size=4,
    ),
    st.sampled_from(VantageState),
)
def test_the_plain_table_is_what_rich_writes_to_a_file(
    rows: list[tuple[str, Status, tuple[Cause, ...], str]], state: VantageState
) -> None:
    """To the byte; what rich would wrap is left to it."""
    made = [
        replace(verdict(target, status, *causes, evidence=Evidence(error=error)), vantage=Vantage(state=state))
        for target, status, causes, error in rows
    ]
    counts = VerdictCounts()
    for one in made:
        counts.add(one)
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(io.StringIO()) as written:
        patch.setattr(output, "plain_table", lambda *_: None)
        print_table(made, counts)

    plain = plain_table(made, counts)

    assert plain == written.getvalue() or (plain is None and len(max(written.getvalue().splitlines(), key=len)) > 390)


@pytest.mark.parametrize("target", ["https://\u4f8b\u3048.example/", "x" * 500])
def test_what_needs_wrapping_or_a_width_is_left_to_rich(target: str) -> None:
    one = verdict(target, Status.DOWN)

    assert plain_table([one], VerdictCounts()) is None
