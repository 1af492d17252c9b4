"""Failures that a cut under another name at the same address explains."""

from __future__ import annotations

from typing import Any

import pytest

from probe.judge.residual import DOUBT_MILLISECONDS, SILENCE_MILLISECONDS, explained_by_recent_cut
from probe.judge.rules import decide
from probe.model.failure import Failure
from probe.model.hop import Purpose
from probe.model.observation import Observation
from probe.model.verdict import RecentCut
from tests.unit.judge.builders import NAME, NEUTRAL, A, B, control, hop_of, said, served, tcp, tls, tries

KNOWN = (said("network", A, B), said("trusted", A, B))
SILENT = (*KNOWN, *tries(5, tcp(A, Failure.TIMEOUT, at=1_000)))


def cut(address: str = A, at: int = -20_000, name: str = "forbidden.example.net", **more: Any) -> RecentCut:
    """A cut under another name, 20 s before the measurement unless given."""
    return RecentCut(address=address, name=name, at=at, **more)


def explained(*seen: Observation, cuts: tuple[RecentCut, ...], **more: Any) -> bool:
    """Whether the cuts explain what was seen."""
    return explained_by_recent_cut(hop_of(*seen, by=control(), recent_cuts=cuts, **more))


@pytest.mark.parametrize(
    ("made", "explains"),
    [
        (cut(), True),
        (cut(B), False),
        (cut(name=NAME), False),
        (cut(at=999), True),
        (cut(at=1_001), False),
        (cut(at=1_000 - DOUBT_MILLISECONDS), True),
        (cut(at=999 - DOUBT_MILLISECONDS), False),
        (cut(at=999 - DOUBT_MILLISECONDS, silenced=True), True),
        (cut(at=999 - SILENCE_MILLISECONDS, silenced=True), False),
        (cut(until=999), False),
        (cut(until=1_500), True),
    ],
)
def test_a_cut_explains_failures_at_its_address_for_a_while(made: RecentCut, explains: bool) -> None:
    """Under another name, before the attempt, and until the address answered again."""
    assert explained(*SILENT, cuts=(made,)) is explains


@pytest.mark.parametrize("failure", [Failure.TIMEOUT, Failure.RESET, Failure.EOF])
def test_silence_and_cuts_after_the_hello_are_explained_as_well(failure: Failure) -> None:
    """Unless the address answers a neutral name; an answer needs no explanation."""
    seen = (*KNOWN, *tries(5, tls(A, failure), tcp()))

    assert explained(*seen, cuts=(cut(),))
    assert not explained(*seen, NEUTRAL, cuts=(cut(),))
    assert not explained(*KNOWN, tcp(), tls(A, Failure.ALERT), cuts=(cut(),))
    assert not explained(*KNOWN, *served(), cuts=(cut(),))


def test_an_answer_to_another_name_before_the_cut_excuses_no_less() -> None:
    """The address was silenced between the two; an answer after the cut shows that it was not."""
    seen = (*KNOWN, *tries(5, tls(A, Failure.TIMEOUT, at=1_000), tcp(at=1_000)))
    before = tls(A, Failure.CERTIFICATE, sni="xkqvdwpzrjtm.com", purpose=Purpose.NEUTRAL, at=400)

    assert explained(*seen, before, cuts=(cut(at=500),))
    assert not explained(*seen, before, cuts=(cut(at=300),))


def test_every_failing_address_must_be_explained() -> None:
    """One that fails where nothing was cut convicts."""
    both = (*SILENT, *tries(5, tcp(B, Failure.TIMEOUT)))

    assert not explained(*both, cuts=(cut(),))
    assert explained(*both, cuts=(cut(), cut(B)))


def test_without_a_recent_cut_the_same_failure_is_a_block() -> None:
    """Evidence of older versions has none."""
    assert decide(hop_of(*SILENT, by=control())).id == "tcp.timeout"
    assert decide(hop_of(*SILENT, by=control(), recent_cuts=(cut(),))).id == "vantage.residual"


def test_a_bare_address_is_explained_by_any_name() -> None:
    """`tcp://` names none; a range has addresses of many machines, and is judged as a whole."""
    silent = tries(5, tcp(A, Failure.TIMEOUT))

    assert explained(*silent, cuts=(cut(),), target=f"tcp://{A}:443")
    assert not explained(*silent, cuts=(cut(),), target="151.101.1.0/24")
