"""When a connection leaves a doubt that a relay made it, and what is remembered of a trial."""

from __future__ import annotations

import msgspec
import pytest

from probe.model.failure import Failure
from probe.model.hop import Purpose
from probe.model.observation import Connection
from probe.plan.relay_memory import (
    ACCEPTED_SECONDS,
    MAX_ROUND_TRIPS,
    SILENT_SECONDS,
    RelayFinding,
    after_trial,
    is_trial,
    leaves_doubt,
    relay_key,
    trial_step,
    with_round_trips,
)

NOW = 1_790_000_000.0
TARGET = "151.101.1.10"
NOWHERE = "198.18.7.7"
MINUTE, HOUR = 60.0, 3600.0


def found(age: float, failure: Failure | None = Failure.TIMEOUT, round_trip: int = 40_000) -> RelayFinding:
    """A trial of that age that is believed for a day."""
    return RelayFinding(NOWHERE, 443, failure, NOW - age, NOW - age + 86_400, {TARGET: round_trip})


def accepted(round_trip: int = 41_000, address: str = TARGET) -> Connection:
    return Connection(address=address, port=443, rtt=round_trip)


def trial(failure: Failure | None) -> Connection:
    return Connection(address=NOWHERE, port=443, purpose=Purpose.RELAY, failure=failure)


def test_without_an_earlier_trial_every_accepted_connection_leaves_a_doubt() -> None:
    assert leaves_doubt(None, accepted(), NOW)


def test_a_trial_is_believed_for_hours_where_nothing_speaks_against_it() -> None:
    assert not leaves_doubt(found(20 * HOUR), accepted(), NOW)


@pytest.mark.parametrize("age", [86_400.0, -1.0])
def test_a_trial_that_is_too_old_or_of_the_future_is_no_longer_believed(age: float) -> None:
    """The clock may have been set back."""
    assert leaves_doubt(found(age), accepted(), NOW)


def test_the_success_of_a_target_that_failed_needs_a_trial_of_the_last_minute() -> None:
    """So no change of status rests on an older one."""
    assert leaves_doubt(found(2 * MINUTE), accepted(), NOW, failed=True)
    assert not leaves_doubt(found(0.5 * MINUTE), accepted(), NOW, failed=True)


def test_an_answer_from_much_nearer_needs_a_trial() -> None:
    """A relay is nearer than the server."""
    assert leaves_doubt(found(HOUR), accepted(15_000), NOW)
    assert not leaves_doubt(found(HOUR), accepted(25_000), NOW)


def test_round_trips_of_a_few_milliseconds_show_no_distance() -> None:
    """They vary with the host's load."""
    assert not leaves_doubt(found(HOUR, round_trip=1_500), accepted(300), NOW)


@pytest.mark.parametrize(("known", "seen"), [(0, 15_000), (40_000, 0)])
def test_an_unknown_round_trip_shows_nothing(known: int, seen: int) -> None:
    """Not every system tells it, and a SYN that was sent again has none."""
    assert not leaves_doubt(found(HOUR, round_trip=known), accepted(seen), NOW)


def test_an_answer_from_farther_away_needs_a_trial_only_after_a_relay() -> None:
    """The relay may have gone; a silent trial says that there was none."""
    assert leaves_doubt(found(20 * MINUTE, None), accepted(90_000), NOW)
    assert not leaves_doubt(found(20 * MINUTE), accepted(90_000), NOW)


def test_a_target_that_never_answered_here_needs_a_trial_of_the_last_hour() -> None:
    """Its answer cannot be compared with an earlier one."""
    unknown = accepted(address="151.101.1.11")

    assert leaves_doubt(found(2 * HOUR), unknown, NOW)
    assert not leaves_doubt(found(HOUR / 2), unknown, NOW)


def test_a_target_that_the_control_does_not_reach_needs_a_trial_of_the_last_hour() -> None:
    """A connection to what is down elsewhere may be a relay's."""
    assert leaves_doubt(found(2 * HOUR), accepted(), NOW, served_elsewhere=False)
    assert not leaves_doubt(found(HOUR / 2), accepted(), NOW, served_elsewhere=False)


@pytest.mark.parametrize(("failure", "bounds"), [(Failure.TIMEOUT, SILENT_SECONDS), (None, ACCEPTED_SECONDS)])
def test_a_trial_is_believed_for_a_random_time(failure: Failure | None, bounds: tuple[float, float]) -> None:
    """So the next one comes at no moment that can be foretold."""
    times = [after_trial(None, trial(failure), NOW, draw) for draw in (0.0, 1.0)]

    assert [one.until - NOW for one in times if one is not None] == list(bounds)


def test_a_trial_that_failed_by_this_hosts_own_fault_changes_nothing() -> None:
    assert after_trial(found(HOUR), trial(Failure.NO_ROUTE), NOW, 0.5) == found(HOUR)
    assert after_trial(None, trial(Failure.LOCAL), NOW, 0.5) is None


def test_round_trips_are_kept_over_a_silent_trial_and_not_over_one_that_a_relay_accepted() -> None:
    """With a relay they are the relay's."""
    silent = after_trial(found(HOUR), trial(Failure.TIMEOUT), NOW, 0.5)
    relayed = after_trial(found(HOUR), trial(None), NOW, 0.5)
    over = after_trial(found(HOUR, None), trial(Failure.TIMEOUT), NOW, 0.5)

    assert [one.round_trips for one in (silent, relayed, over) if one is not None] == [{TARGET: 40_000}, {}, {}]


def test_the_shortest_round_trip_is_kept_until_a_new_trial() -> None:
    """After the trial that a nearer answer led to, that answer is the known one."""
    seen = (accepted(45_000), accepted(42_000), accepted(0), accepted(1, NOWHERE))

    assert with_round_trips(found(HOUR), seen[:3]).round_trips == {TARGET: 40_000}
    assert with_round_trips(found(HOUR), seen, afresh=True).round_trips == {TARGET: 42_000, NOWHERE: 1}


def test_only_the_targets_own_connections_that_were_accepted_count() -> None:
    failed = Connection(address="151.101.1.11", port=443, failure=Failure.TIMEOUT)

    assert with_round_trips(found(HOUR), (failed, trial(None))).round_trips == {TARGET: 40_000}


def test_the_number_of_round_trips_is_bounded() -> None:
    """The latest are kept."""
    many = tuple(accepted(9, f"151.101.{n // 250}.{n % 250}") for n in range(MAX_ROUND_TRIPS + 20))

    kept = with_round_trips(found(HOUR), many).round_trips

    assert len(kept) == MAX_ROUND_TRIPS
    assert list(kept)[-1] == many[-1].address


def test_a_remembered_trial_is_in_the_evidence_with_its_age() -> None:
    """Judging again needs nothing else."""
    seen = found(HOUR).observation(NOW)

    assert seen == msgspec.structs.replace(trial(Failure.TIMEOUT), at=-3_600_000)
    assert found(0).observation(NOW).at == -1


def test_a_trial_is_recognised_by_purpose_and_address() -> None:
    step = trial_step(NOWHERE, 443)

    assert is_trial(step, NOWHERE)
    assert not is_trial(step, "198.18.7.8")
    assert not is_trial(msgspec.structs.replace(step, position=type(step.position)()), NOWHERE)


def test_each_family_and_port_has_a_finding_of_its_own() -> None:
    keys = [relay_key(address, port) for address, port in ((TARGET, 80), (TARGET, 443), ("2a04::1", 80), (NOWHERE, 80))]

    assert len(set(keys)) == 3
    assert keys[0] == keys[3]


def test_a_finding_outlives_the_state_file() -> None:
    packed = msgspec.msgpack.encode({"k": found(HOUR)})

    assert msgspec.msgpack.decode(packed, type=dict[str, RelayFinding]) == {"k": found(HOUR)}
