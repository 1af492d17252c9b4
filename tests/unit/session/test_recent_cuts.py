"""The cuts of a session, and which of them may explain a later failure."""

from __future__ import annotations

from typing import Any

import pytest

from probe.model.failure import Failure
from probe.model.hop import Purpose
from probe.model.observation import Connection, Exchange, Observation, TlsHandshake
from probe.model.verdict import RecentCut
from probe.session import recent_cuts
from probe.session.recent_cuts import MAX_CUTS_IN_EVIDENCE, CutEvent, CutEventKind, CutLog

A, NEIGHBOUR, FAR = "192.0.2.1", "192.0.2.77", "198.51.100.1"
FORBIDDEN, HEALTHY = "forbidden.example", "healthy.example"
SILENT, CUT = Failure.TIMEOUT, Failure.RESET


def hello(name: str, failure: Failure | None = CUT, *, at: int = 0, address: str = A, **more: Any) -> TlsHandshake:
    """A TLS handshake so many milliseconds into its measurement."""
    return TlsHandshake(address=address, port=443, sni=name, failure=failure, at=at, **more)


def syn(failure: Failure | None = SILENT, *, at: int = 0, address: str = A, **more: Any) -> Connection:
    """A TCP handshake."""
    return Connection(address=address, port=443, failure=failure, at=at, **more)


def noted(log: CutLog, began: float, *seen: Observation) -> tuple[RecentCut, ...]:
    """The cuts that may explain a measurement, after its observations were noted."""
    for one in seen:
        log.note(one, began)
    return log.explaining(seen, began)


def test_a_cut_may_explain_a_failure_of_another_name_at_the_same_address() -> None:
    """Its moment is counted in the later measurement's milliseconds; elsewhere it explains nothing."""
    log = CutLog()

    assert noted(log, 100.0, hello(FORBIDDEN, at=500)) == ()
    assert noted(log, 130.0, hello(HEALTHY, at=1_000)) == (RecentCut(address=A, name=FORBIDDEN, at=-29_500),)
    assert noted(log, 130.0, hello(HEALTHY, address=FAR)) == ()


def test_a_bare_address_and_a_request_in_clear_are_explained_as_well() -> None:
    """Whatever layer was cut."""
    log = CutLog()
    url = f"http://{FORBIDDEN}/"
    noted(log, 0.0, Exchange(url=url, address=A, failure=SILENT))

    assert [cut.name for cut in noted(log, 9.0, syn())] == [FORBIDDEN]
    page = Exchange(url=f"http://{HEALTHY}/", address=A, failure=SILENT)
    assert [cut.name for cut in noted(log, 9.0, page)] == [FORBIDDEN]


@pytest.mark.parametrize(
    "answer",
    [
        hello("random.example", None),
        hello("random.example", Failure.CERTIFICATE),
        hello("random.example", Failure.ALERT, purpose=Purpose.NEUTRAL),
        Exchange(url="http://random.example/", address=A, status=404),
    ],
)
def test_an_address_that_answers_again_is_silent_no_more(answer: Observation) -> None:
    """As where only one connection is cut: the neutral name is answered right after."""
    log = CutLog()
    noted(log, 0.0, hello(FORBIDDEN))
    noted(log, 1.0, answer)

    assert noted(log, 5.0, hello(HEALTHY)) == ()
    assert log.silencing_names == {HEALTHY}


def test_a_failure_before_the_address_answered_again_is_still_explained() -> None:
    """The moment of the answer is in the evidence."""
    log = CutLog()
    noted(log, 0.0, hello(FORBIDDEN))
    noted(log, 5.0, hello(HEALTHY))
    noted(log, 20.0, hello("random.example", None))

    (cut,) = log.explaining([hello(HEALTHY, at=0)], 5.0)
    assert (cut.at, cut.until) == (-5_000, 15_000)


def test_a_name_that_was_cut_first_is_cut_for_its_own_sake() -> None:
    """Cuts of others after it do not excuse it, until the address answers it."""
    log = CutLog()
    noted(log, 0.0, hello(FORBIDDEN))
    noted(log, 5.0, hello(HEALTHY))

    assert noted(log, 15.0, hello(FORBIDDEN)) == ()
    noted(log, 20.0, hello(FORBIDDEN, None))
    noted(log, 30.0, hello("third.example"))
    assert [cut.name for cut in noted(log, 40.0, hello(FORBIDDEN))] == ["third.example"]


def test_neutral_names_and_failures_that_are_no_cut_silence_nobody() -> None:
    """Nobody can have listed a random name; an alert is an answer; a dead address got no name."""
    log = CutLog()
    noted(log, 0.0, hello("random.example", purpose=Purpose.NEUTRAL), hello(FORBIDDEN, Failure.ALERT), syn())

    assert noted(log, 5.0, hello(HEALTHY)) == ()
    noted(log, 0.0, syn(None, address=FAR, purpose=Purpose.RELAY), hello(FORBIDDEN, address=FAR, purpose=Purpose.PEEK))
    assert noted(log, 5.0, hello(HEALTHY, address=FAR)) == ()


def test_an_address_that_accepts_no_connection_after_a_cut_was_silenced() -> None:
    """Such a cut counts for longer, and for its neighbours."""
    log = CutLog()
    noted(log, 0.0, syn(None), hello(FORBIDDEN, at=10))
    assert noted(log, 1.0, hello(HEALTHY, address=NEIGHBOUR)) == ()

    noted(log, 1.0, syn())
    (cut,) = (one for one in noted(log, 3.0, syn(address=NEIGHBOUR)) if one.name == FORBIDDEN)
    assert (cut.address, cut.silenced) == (NEIGHBOUR, True)
    assert FORBIDDEN in {one.name for one in noted(log, 400.0, hello("other.example"))}
    assert noted(log, 500.0, syn()) != ()
    assert noted(log, 2_000.0, syn()) == ()


def test_ipv6_neighbours_share_a_64() -> None:
    """As sites at one hoster do not."""
    log = CutLog()
    noted(log, 0.0, hello(FORBIDDEN, address="2001:db8::1"), syn(at=5, address="2001:db8::1"))

    assert noted(log, 1.0, syn(address="2001:db8::ffff")) != ()
    assert noted(log, 1.0, syn(address="2001:db8:0:1::1")) == ()


def test_a_cut_that_is_long_past_explains_nothing() -> None:
    """And a name that is cut again after that time begins anew."""
    log = CutLog()
    noted(log, 0.0, hello(FORBIDDEN))
    assert noted(log, 181.0, hello(HEALTHY)) == ()

    log = CutLog()
    noted(log, 0.0, hello(FORBIDDEN))
    noted(log, 60.0, hello(FORBIDDEN))
    noted(log, 300.0, hello(FORBIDDEN))
    assert [cut.at for cut in noted(log, 310.0, hello(HEALTHY))] == [-10_000]


def test_the_first_and_the_last_cut_of_a_name_are_named() -> None:
    """An attempt between the two is explained, too."""
    log = CutLog()
    noted(log, 0.0, hello(FORBIDDEN), hello(FORBIDDEN, at=20_000))

    assert [cut.at for cut in noted(log, 30.0, hello(HEALTHY))] == [-30_000, -10_000]


def test_a_log_and_the_cuts_of_one_verdict_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest are kept."""
    monkeypatch.setattr(recent_cuts, "MAX_NETWORKS", 3)
    monkeypatch.setattr(recent_cuts, "MAX_NAMES", 3)
    log = CutLog()
    for number in range(20):
        noted(log, float(number), hello(f"n{number}.example"))
    assert len(noted(log, 30.0, syn())) == MAX_CUTS_IN_EVIDENCE
    assert log.silencing_names == {"n0.example"}
    for number in range(20):
        noted(log, 1_000.0 * (1 + number), hello(f"m{number}.example"))
    assert log.silencing_names == {"m17.example", "m18.example", "m19.example"}

    for number in range(20):
        noted(log, 40.0, hello(FORBIDDEN, address=f"198.18.{number}.1"))
    assert len(log._cuts) == 3


def test_a_watched_plan_gets_all_observations() -> None:
    """They are noted with the moment at which the measurement began."""
    passed: list[object] = []

    class Plan:
        pending = finish = staticmethod(lambda *_: ())

        def observe(self, step: object, seen: object) -> None:
            passed.append((step, seen))

    log = CutLog()
    log.watch(Plan(), 50.0).observe("step", hello(FORBIDDEN))  # type: ignore[arg-type]

    assert passed == [("step", hello(FORBIDDEN))]
    assert [cut.at for cut in noted(log, 60.0, syn())] == [-10_000]


def linked() -> tuple[CutLog, CutLog]:
    """The logs of two processes on one line, each of which learns at once what the other sees."""
    one, other = CutLog(), CutLog()
    one.listener, other.listener = other.learn, one.learn
    return one, other


def test_a_cut_in_one_process_explains_a_failure_in_the_other_as_in_one_process() -> None:
    seen = [
        (100.0, hello(FORBIDDEN, SILENT, at=500)),
        (101.0, syn(at=900)),
        (130.0, hello(HEALTHY, at=1_000)),
        (200.0, hello(HEALTHY, None, at=0)),
        (230.0, hello("another.example", at=0)),
    ]
    alone = CutLog()
    expected = [noted(alone, began, one) for began, one in seen]
    logs = linked()

    assert [noted(logs[turn % 2], began, one) for turn, (began, one) in enumerate(seen)] == expected
    assert expected[2] == (RecentCut(address=A, name=FORBIDDEN, at=-29_500, silenced=True),)
    assert expected[4] == ()


def test_a_failure_noted_before_the_other_process_told_of_its_cut_is_not_held_against_its_name() -> None:
    one = CutLog()
    one.note(hello(HEALTHY, at=0), 100.1)
    one.note(hello("earlier.example", at=0), 90.0)
    one.learn(CutEvent(CutEventKind.CUT, A, FORBIDDEN, 100.0))

    assert [cut.name for cut in one.explaining([hello(HEALTHY, at=0)], 100.1) if cut.name == FORBIDDEN]


def test_what_happens_where_nothing_was_cut_is_told_to_nobody() -> None:
    told: list[CutEvent] = []
    one = CutLog()
    one.listener = told.append

    noted(one, 0.0, hello(HEALTHY, None), syn(), syn(None), hello(HEALTHY, None, address=FAR))
    noted(one, 1.0, hello(FORBIDDEN))
    noted(one, 2.0, syn(at=10), hello(HEALTHY, None, address=FAR))

    assert [(event.kind, event.name) for event in told] == [
        (CutEventKind.CUT, FORBIDDEN),
        (CutEventKind.SILENCED, ""),
    ]


def test_names_are_cut_for_their_own_sake_for_an_hour() -> None:
    log = CutLog()
    log.note(hello(FORBIDDEN), 0.0)
    log.note(hello("other.example", address=FAR), 0.0)
    log.note(hello("new.example", address="203.0.113.1"), recent_cuts.OWN_CUT_SECONDS)

    assert len(log._own) == 1
