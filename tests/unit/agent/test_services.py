"""Changes of whole services that follow from changes of their targets."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from probe.agent.services import service_transitions
from probe.detect.detector_input import CurrentStatus
from probe.model.transition import VANTAGE, Transition
from probe.model.verdict import Cause, Status

NOON = datetime(2017, 5, 4, 12, tzinfo=UTC)
SERVICES = {"a1": "a", "a2": "a", "tcp://192.0.2.1:80": "a", "b1": "b", "b2": "b", "alone": "c"}


def change(target: str, before: Status, after: Status, minute: int = 0, cause: Cause | None = None) -> Transition:
    """A transition told five minutes after its onset."""
    onset = NOON + timedelta(minutes=minute)
    return Transition(
        target=target,
        before=before.value,
        after=after.value,
        time=onset + timedelta(minutes=5),
        onset=onset,
        causes=(cause,) if cause else (),
    )


class Belief:
    """The settled status of each target; reachable where the test gave none."""

    def __init__(self) -> None:
        self.statuses = dict.fromkeys(SERVICES, Status.REACHABLE)

    def __call__(self, target: str) -> CurrentStatus | None:
        """The settled status of a target, as the detector gives it."""
        status = self.statuses[target]
        return None if status is Status.UNKNOWN else CurrentStatus(status, NOON)

    def takes(self, *changes: Transition) -> list[Transition]:
        """The transitions of services after a round with these transitions of targets."""
        for one in changes:
            self.statuses[one.target] = Status(one.after)
        return service_transitions(changes, SERVICES, self)


def said(found: list[Transition]) -> list[tuple[str, str, str]]:
    """The target and the statuses of each transition."""
    return [(one.target, one.before, one.after) for one in found]


def test_a_service_is_blocked_once_when_all_targets_of_a_kind_are_blocked() -> None:
    """One of two pages is not enough; its only address is. The service works again when the address does."""
    belief = Belief()
    address = "tcp://192.0.2.1:80"
    assert belief.takes(change("a1", Status.REACHABLE, Status.BLOCKED, 0, Cause.DNS_INJECTED)) == []

    (first,) = belief.takes(change(address, Status.REACHABLE, Status.BLOCKED, 1, Cause.TCP_TIMEOUT))

    assert said([first]) == [("service:a", "reachable", "blocked")]
    assert (first.onset, first.time) == (NOON + timedelta(minutes=1), NOON + timedelta(minutes=6))
    assert first.causes == (Cause.TCP_TIMEOUT,)
    assert first.evidence == {"targets": 1, "interfered": 2, "of": 3}
    assert belief.takes(change("a2", Status.REACHABLE, Status.BLOCKED, 20, Cause.TLS_RESET)) == []
    assert belief.takes(change(address, Status.BLOCKED, Status.REACHABLE, 60)) == []
    (last,) = belief.takes(change("a1", Status.BLOCKED, Status.REACHABLE, 70))
    assert said([last]) == [("service:a", "blocked", "reachable")]
    assert (last.causes, last.onset) == ((), NOON + timedelta(minutes=70))


def test_the_onset_of_a_services_block_is_the_earliest_of_its_targets() -> None:
    """Its time is the latest of theirs, and its causes are those of all."""
    (first,) = Belief().takes(
        change("b1", Status.REACHABLE, Status.BLOCKED, 3, Cause.DNS_INJECTED),
        change("b2", Status.REACHABLE, Status.BLOCKED, 1, Cause.TLS_RESET),
    )

    assert (first.onset, first.time) == (NOON + timedelta(minutes=1), NOON + timedelta(minutes=8))
    assert first.causes == (Cause.DNS_INJECTED, Cause.TLS_RESET)


def test_a_service_with_a_working_target_is_not_down() -> None:
    """It is down when every target is."""
    belief = Belief()

    assert belief.takes(change("b1", Status.REACHABLE, Status.DOWN)) == []
    assert said(belief.takes(change("b2", Status.REACHABLE, Status.UNREACHABLE))) == [
        ("service:b", "reachable", "unreachable")
    ]


def test_blocked_targets_take_precedence_over_throttled_ones() -> None:
    """When the block ends, the service is throttled."""
    belief = Belief()
    address = "tcp://192.0.2.1:80"
    belief.statuses["a2"] = Status.DOWN

    assert said(belief.takes(change("a1", Status.REACHABLE, Status.THROTTLED))) == [
        ("service:a", "reachable", "throttled")
    ]
    assert said(belief.takes(change(address, Status.REACHABLE, Status.BLOCKED))) == [
        ("service:a", "throttled", "blocked")
    ]
    assert said(belief.takes(change(address, Status.BLOCKED, Status.REACHABLE))) == [
        ("service:a", "blocked", "throttled")
    ]


def test_two_changes_of_a_target_in_one_round_that_cancel_out_change_no_service() -> None:
    belief = Belief()

    assert (
        belief.takes(change("b1", Status.REACHABLE, Status.BLOCKED), change("b1", Status.BLOCKED, Status.REACHABLE))
        == []
    )


def test_the_vantage_and_targets_without_other_targets_of_their_service_change_no_service() -> None:
    """Their own transitions are reported."""
    offline = Transition(target=VANTAGE, before="online", after="offline", time=NOON, onset=NOON)
    lone = change("alone", Status.REACHABLE, Status.BLOCKED)
    stranger = change("nobodys", Status.REACHABLE, Status.BLOCKED)
    belief = Belief()
    belief.statuses["nobodys"] = Status.BLOCKED

    assert service_transitions([offline, lone, stranger], SERVICES, belief) == []


def test_targets_without_a_settled_status_do_not_hide_the_others() -> None:
    """A service that is blocked at its first settled status changes from unknown."""
    belief = Belief()
    belief.statuses |= {"b1": Status.UNKNOWN, "b2": Status.UNKNOWN}

    assert said(belief.takes(change("b1", Status.UNKNOWN, Status.BLOCKED))) == [("service:b", "unknown", "blocked")]
