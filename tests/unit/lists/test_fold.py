"""A service's status, folded over names and addresses."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.lists.fold import fold, part_of
from probe.model.verdict import Status

R, B, T, D, U, X = (
    Status.REACHABLE, Status.BLOCKED, Status.THROTTLED, Status.DOWN, Status.UNREACHABLE, Status.UNKNOWN,
)  # fmt: skip
WEB, WEB2 = "https://a.example/", "b.example"
NAME = "dns://c.example"
DOOR, DOOR2 = "tcp://192.0.2.1:80", "tcp://192.0.2.1:8080"


@pytest.mark.parametrize(
    ("statuses", "folded"),
    [
        ({}, X),
        ({WEB: X, DOOR: X}, X),
        ({WEB: R, NAME: R, DOOR: R}, R),
        ({WEB: R, DOOR: B}, B),  # the page works, the app does not
        ({WEB: B, DOOR: R}, B),
        ({WEB: R, DOOR: B, DOOR2: R}, R),  # either port is enough for the app
        ({WEB: R, DOOR: B, DOOR2: B}, B),
        ({WEB: R, DOOR: U}, R),  # a failure without proof
        ({WEB: U, DOOR: U}, U),
        ({WEB: D, NAME: D, DOOR: D}, D),  # long gone: never blocked
        ({WEB: D, DOOR: U}, U),
        ({WEB: T, DOOR: R}, T),
        ({WEB: T, WEB2: R}, R),
        ({WEB: T, WEB2: B}, T),
        ({WEB: R, NAME: B}, B),
        ({WEB: X, DOOR: B}, B),
    ],
)
def test_the_first_rule_that_holds_decides(statuses: dict[str, Status], folded: Status) -> None:
    """One row a rule and its edges."""
    assert fold(statuses)[0] is folded


def test_what_does_not_work_is_named_beside_it() -> None:
    """Also when the service as a whole does."""
    assert fold({WEB: R, DOOR: B, DOOR2: R, NAME: X}) == (R, (DOOR,))


@pytest.mark.parametrize(
    ("target", "part"),
    [(WEB, "web"), (WEB2, "web"), (NAME, "names"), (DOOR, "addresses"), ("tls://192.0.2.1:443/a.example", "addresses"),
     ("quic://a.example:443", "addresses"), ("192.0.2.0/24", "addresses")],
)  # fmt: skip
def test_every_kind_of_target_has_its_part(target: str, part: str) -> None:
    """Names and addresses are never mixed."""
    assert part_of(target) == part


@given(st.dictionaries(st.sampled_from([WEB, WEB2, NAME, DOOR, DOOR2]), st.sampled_from(list(Status))))
def test_a_service_is_blocked_only_where_a_target_is(statuses: dict[str, Status]) -> None:
    """And what is unknown changes nothing."""
    folded, failing = fold(statuses)
    assert folded is not B or B in statuses.values()
    assert fold({target: status for target, status in statuses.items() if status is not X}) == (folded, failing)
