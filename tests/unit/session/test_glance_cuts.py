"""What a glance saw cut, beside the full look that followed (`probe.session.recent_cuts.GlanceCuts`)."""

from __future__ import annotations

from probe import judge
from probe.model.failure import Failure
from probe.model.observation import Observation
from probe.model.target import parse
from probe.model.verdict import Evidence, Status, Vantage, VantageState, Verdict
from probe.session.recent_cuts import GlanceCuts
from tests.unit.judge.builders import NEUTRAL, TIME, URL, A, said, served, tcp, tls

TARGET = parse(URL)
KNOWN = (said("network", A), said("trusted", A))


def judged(*seen: Observation, attempt: int = 0) -> Verdict:
    """The verdict of a full look."""
    evidence = Evidence(observations=(*KNOWN, *seen), attempt=attempt)
    vantage = Vantage(state=VantageState.ONLINE)
    return judge.verdict(time=TIME, text=URL, target=TARGET, evidence=evidence, vantage=vantage)


def cut_by_glance() -> GlanceCuts:
    """A ClientHello that was reset."""
    cuts = GlanceCuts()
    cuts.add(URL, (tcp(A, attempt=-1), tls(A, Failure.RESET, attempt=-1)))
    return cuts


def test_it_is_the_first_try_where_it_shows_who_cuts() -> None:
    """The full look alone saw one cut of the name, which proves too little, and an answer to another name."""
    full = judged(tcp(A, at=5), tls(A, Failure.RESET, at=10), NEUTRAL)

    found = cut_by_glance().judged_with(full, TARGET)

    assert (full.status, found.status) == (Status.UNREACHABLE, Status.BLOCKED)
    assert found.rule == "tls.reset.sni"
    assert judge.again(found) == found


def test_it_changes_no_other_verdict() -> None:
    """What works stays reachable, what nothing explains stays so, and a re-test stands for itself."""
    working, silent = judged(*served(A)), judged(tcp(A, Failure.TIMEOUT))
    again = judged(tcp(A), tls(A, Failure.RESET), NEUTRAL, attempt=1)

    for full in (working, silent, again):
        assert cut_by_glance().judged_with(full, TARGET) is full
    assert GlanceCuts().judged_with(silent, TARGET) is silent
