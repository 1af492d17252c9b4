"""The status of a service, from the statuses of its targets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.fuse.service import STATUS_PRECEDENCE, PartStatus, part_of, service_status, worst_status
from probe.model.verdict import Status

R, B, T, D, U, X = (
    Status.REACHABLE, Status.BLOCKED, Status.THROTTLED, Status.DOWN, Status.UNREACHABLE, Status.UNKNOWN,
)  # fmt: skip
WEB, WEB2 = "https://a.example/", "b.example"
NAME = "dns://c.example"
PORT, PORT2 = "tcp://192.0.2.1:80", "tcp://192.0.2.1:8080"
FOREIGN = "smoke://signal"
TARGETS = (WEB, WEB2, NAME, PORT, PORT2, FOREIGN)
BADNESS = (R, D, U, T, B)
"""From the best to the worst that the public can read."""
STATUSES = st.dictionaries(st.sampled_from(TARGETS), st.sampled_from(list(Status)))


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        ({}, X),
        ({WEB: X, PORT: X}, X),
        ({WEB: R, NAME: R, PORT: R}, R),
        ({WEB: R, PORT: B}, B),  # the page works, the app fails
        ({WEB: B, PORT: R}, B),
        ({WEB: R, PORT: B, PORT2: R}, R),  # either port is enough for the app
        ({WEB: R, PORT: B, PORT2: B}, B),
        ({WEB: R, PORT: U}, R),  # a failure without proof
        ({WEB: U, PORT: U}, U),
        ({WEB: D, NAME: D, PORT: D}, D),  # gone everywhere: not blocked
        ({WEB: D, PORT: U}, U),
        ({WEB: T, PORT: R}, T),
        ({WEB: T, WEB2: R}, R),
        ({WEB: T, WEB2: B}, T),
        ({WEB: R, WEB2: B}, R),
        ({WEB: R, NAME: B}, B),
        ({WEB: X, PORT: B}, B),
        ({WEB: R, FOREIGN: B}, B),
    ],
)
def test_the_first_rule_that_applies_decides(statuses: dict[str, Status], expected: Status) -> None:
    """One row for each rule and each of its edges."""
    assert service_status(statuses).status is expected


def test_one_blocked_target_of_many_is_counted_though_the_service_works() -> None:
    """The board can say: reachable, 1 of 4 targets blocked."""
    found = service_status({WEB: R, PORT: B, PORT2: R, NAME: X, WEB2: U})

    assert (found.status, found.interfered, found.partial) == (R, (PORT,), True)
    assert found.deciding == (WEB, PORT2)
    assert found.parts == (
        PartStatus(name="web", status=R, works=1, interfered=0, measured=2),
        PartStatus(name="addresses", status=R, works=1, interfered=1, measured=2),
    )


def test_the_deciding_targets_are_those_of_the_blocked_part() -> None:
    """A blocked target of a part that works did not decide."""
    found = service_status({WEB: R, WEB2: B, PORT: B, PORT2: U})

    assert (found.status, found.deciding, found.interfered) == (B, (PORT,), (WEB2, PORT))
    assert not found.partial


@pytest.mark.parametrize(
    ("target", "part"),
    [(WEB, "web"), (WEB2, "web"), (NAME, "names"), (PORT, "addresses"), ("tls://192.0.2.1:443/a.example", "addresses"),
     ("quic://a.example:443", "addresses"), ("192.0.2.0/24", "addresses"), (FOREIGN, "other"), ("", "other")],
)  # fmt: skip
def test_every_kind_of_target_belongs_to_a_part(target: str, part: str) -> None:
    """Also a form that only a later version knows."""
    assert part_of(target) == part


def test_where_vantages_disagree_the_worst_claim_is_taken() -> None:
    """Interference first; nothing reported is unknown."""
    assert [worst_status(found) for found in ([R, B, D], [R, T], [R, U, X], [D, U], [])] == [B, T, R, U, X]
    assert set(STATUS_PRECEDENCE) == set(Status)


@given(st.data(), STATUSES)
def test_the_order_of_targets_does_not_matter(data: st.DataObject, statuses: dict[str, Status]) -> None:
    """Reports come in any order."""
    shuffled = dict(data.draw(st.permutations(list(statuses.items()))))

    assert service_status(shuffled) == service_status(statuses)


@given(STATUSES, st.sampled_from(TARGETS))
def test_a_further_blocked_target_never_makes_a_service_look_better(statuses: dict[str, Status], target: str) -> None:
    """Whether the target is new or was something else before; the same holds for its part."""
    before, after = service_status(statuses), service_status(statuses | {target: B})

    if before.status is not X:
        assert BADNESS.index(after.status) >= BADNESS.index(before.status)
    assert set(after.interfered) == set(before.interfered) | {target}
    earlier = {part.name: part.status for part in before.parts}
    later = {part.name: part.status for part in after.parts}
    assert all(BADNESS.index(later[name]) >= BADNESS.index(status) for name, status in earlier.items())


@given(STATUSES)
def test_unknown_targets_change_nothing(statuses: dict[str, Status]) -> None:
    """They are left out of the status, of the parts and of the counts."""
    known = {target: status for target, status in statuses.items() if status is not X}

    assert service_status(known) == service_status(statuses)


@given(STATUSES)
def test_a_service_is_blocked_only_where_a_target_is_and_every_block_is_listed(statuses: dict[str, Status]) -> None:
    """There is neither a false alarm nor an unreported block."""
    found = service_status(statuses)

    assert found.status is not B or B in statuses.values()
    assert set(found.interfered) == {target for target, status in statuses.items() if status in (B, T)}
    assert set(found.deciding) <= {target for target, status in statuses.items() if status is found.status}
    assert bool(found.deciding) == (found.status is not X)
