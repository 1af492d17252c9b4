"""The texts of `probe status`."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from probe.agent.agent_status import AgentStatus, Heartbeat, Queue, TargetState, VantageIdentity
from probe.agent.control_facts import Coverage
from probe.agent.pause_file import Pause
from probe.agent.traffic_budget import PeriodUse
from probe.cli import main
from probe.cli.status import MAX_LISTED_TARGETS, agent_lines, problems, target_lines
from probe.formats.batch import RoundReport
from probe.model.verdict import Status
from probe.traffic_account import WireTraffic

NOW = datetime(2026, 10, 1, 12, tzinfo=UTC)
WELL = AgentStatus(
    time=NOW,
    settings="/etc/probe/probe.toml",
    folder="/var/lib/probe",
    consent=True,
    role="vantage",
    heartbeat=Heartbeat(time=NOW - timedelta(seconds=60), interval=300.0, next=NOW + timedelta(seconds=240)),
    has_state=True,
    paused=None,
    round=RoundReport(start=NOW - timedelta(seconds=90), seconds=30.0, targets=5, measured=5),
    reachable=5,
    control=Coverage(targets=5, of=5),
)


def changed(**fields: object) -> AgentStatus:
    """The status of an agent that is well, but for these fields."""
    return msgspec.structs.replace(WELL, **fields)


def failing(
    status: Status = Status.BLOCKED, *causes: str, target: str = "https://a.example/", **more: bool
) -> TargetState:
    return TargetState(target=target, status=status, causes=causes, since=NOW - timedelta(hours=2), **more)


def test_an_agent_that_is_well_has_no_problem() -> None:
    assert list(problems(WELL)) == []
    assert list(target_lines(WELL)) == ["Nothing is blocked or slowed.", "5 targets work.", ""]
    assert list(agent_lines(WELL)) == [
        "Last round: 2026-10-01 11:58 UTC, online, 5 of 5 targets in 30 s. Next round: 2026-10-01 12:04 UTC.",
        "Reports: no collector, so nothing is sent.",
        "Control: it has measured 5 of 5 targets.",
        "probe 0.1.0; settings: /etc/probe/probe.toml; state: /var/lib/probe".replace("0.1.0", WELL.version),
    ]


def test_what_is_blocked_is_named_with_its_onset_and_its_cause_in_words() -> None:
    blocked = failing(Status.BLOCKED, "tls.reset", "tls.sni")

    assert list(target_lines(changed(blocked=(blocked,), reachable=1))) == [
        "Blocked or slowed by this network:",
        (
            "  https://a.example/  blocked since 2026-10-01 10:00 UTC (tls.reset: the connection is reset once the"
            " server name has been sent, tls.sni: the connection works under another server name)"
        ),
        "1 target works.",
        "",
    ]


def test_what_stood_before_the_first_look_and_what_is_not_sure_are_said_so() -> None:
    lines = list(
        target_lines(
            changed(
                blocked=(failing(before_watch=True),),
                unsettled=(failing(Status.UNKNOWN),),
                failing=(failing(Status.DOWN),),
                reachable=0,
            )
        )
    )

    assert lines == [
        "Blocked or slowed by this network:",
        "  https://a.example/  blocked since before the first look at 2026-10-01 10:00 UTC",
        "Failing, not yet sure:",
        "  https://a.example/  failing since 2026-10-01 10:00 UTC",
        "Failing, and nothing shows that the network is the reason:",
        "  https://a.example/  down since 2026-10-01 10:00 UTC",
        "",
    ]


def test_a_long_list_is_cut_and_counted() -> None:
    many = tuple(failing(target=f"https://{number}.example/") for number in range(MAX_LISTED_TARGETS + 3))

    lines = list(target_lines(changed(blocked=many)))

    assert len([line for line in lines if "blocked since" in line]) == MAX_LISTED_TARGETS
    assert "  and 3 more: --json has all" in lines


def test_a_pause_is_said_and_its_silence_is_no_problem() -> None:
    paused = changed(
        paused=Pause(since=NOW, until=NOW + timedelta(hours=8)),
        heartbeat=Heartbeat(time=NOW - timedelta(hours=9), interval=300.0),
    )

    assert next(agent_lines(paused)) == "Paused until 2026-10-01 20:00 UTC: nobody is contacted."
    assert list(problems(paused)) == []


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"consent": False}, "No consent: read `probe run --dry-run`"),
        ({"has_state": False, "round": None}, "There is no state in /var/lib/probe: the agent has never run"),
        ({"heartbeat": None}, "The agent has given no sign of life"),
        (
            {"heartbeat": Heartbeat(time=NOW - timedelta(seconds=901), interval=300.0)},
            "The last sign of life was at 2026-10-01 11:44 UTC: the agent does not seem to run.",
        ),
        ({"heartbeat": Heartbeat(time=NOW + timedelta(seconds=61), interval=300.0)}, "is dated 61 s ahead"),
        (
            {"round": RoundReport(start=NOW, seconds=1.0, targets=5, measured=0, state="offline")},
            "The last round was offline: nothing new is known of the targets.",
        ),
        (
            {"round": RoundReport(start=NOW, seconds=1.0, targets=5, measured=5, notes=("tunnel",))},
            "Last round: traffic leaves through a tunnel",
        ),
        ({"collectors": ("https://c.example",)}, "Not enrolled: run probe enrol https://c.example --token-file FILE"),
        (
            {"vantage": VantageIdentity(agent="a", collector="https://c.example", key=False)},
            "The key of this agent is missing",
        ),
        ({"queue": Queue(problem={"text": "it is away", "time": "noon"})}, "it is away (noon)"),
        (
            {"queue": Queue(dropped={"since": "noon", "evidence": 4, "batches": 2})},
            "The outbox is full since noon ([agent] outbox_bytes): dropped the evidence of 4 batches, and 2 batches",
        ),
    ],
)
def test_each_problem_is_one_sentence(fields: dict[str, object], said: str) -> None:
    (found,) = problems(changed(**fields))

    assert said in found


@pytest.mark.parametrize("age", [900, -60])
def test_a_sign_of_life_is_late_after_three_intervals_and_wrong_when_dated_a_minute_ahead(age: float) -> None:
    at_the_bound = Heartbeat(time=NOW - timedelta(seconds=age), interval=300.0)

    assert list(problems(changed(heartbeat=at_the_bound))) == []


def test_an_agent_with_short_rounds_is_not_late_while_it_tests_again() -> None:
    within_retests = Heartbeat(time=NOW - timedelta(seconds=100), interval=5.0)

    assert list(problems(changed(heartbeat=within_retests))) == []


def test_a_missing_control_is_told_and_is_no_problem_of_the_agent() -> None:
    alone = changed(control=Coverage(targets=0, of=5))

    assert any(line.startswith("No control: silence and resets cannot be told") for line in agent_lines(alone))
    assert list(problems(alone)) == []


@pytest.mark.parametrize(
    ("octets", "said"),
    [
        (0, "Traffic today (UTC): 3.1 MB, 1,200 packets, 90 connections."),
        (20_000_000, "Traffic today (UTC): 3.1 of 20.0 MB, 1,200 packets, 90 connections."),
    ],
)
def test_the_traffic_of_the_day_is_shown_beside_its_budget(octets: int, said: str) -> None:
    used = WireTraffic(connections=90, packets=1200, octets=3_100_000)
    budget = WireTraffic(connections=0, packets=0, octets=octets)

    assert said in list(agent_lines(changed(traffic=(PeriodUse("day", used, budget),))))


def test_the_public_name_and_the_queue_are_shown() -> None:
    known = changed(
        vantage=VantageIdentity(
            agent="a1", collector="https://c.example", key=True, name="abcd2345", page="https://c.example/p"
        ),
        queue=Queue(batches=3, bytes=12_000, sent=NOW),
    )

    lines = list(agent_lines(known))

    assert "Reports: 3 wait (12 kB on disk); last taken 2026-10-01 12:00 UTC." in lines
    assert "Collector: https://c.example; public name of this vantage: abcd2345; id: a1" in lines
    assert "What it publishes of this vantage: https://c.example/p" in lines


def test_the_command_prints_json_with_the_problems(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROBE_AGENT_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))

    assert main(["status", "--json"]) == 1

    found = json.loads(capsys.readouterr().out)
    assert found["has_state"] is False
    assert len(found["problems"]) == 2
    assert main(["status"]) == 1
    assert "Needs attention:\n  No consent" in capsys.readouterr().out
