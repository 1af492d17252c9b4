"""The control: facts read from verdicts, and its outcome at a hop."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest

from probe.judge.control import (
    MAX_CONTROL_AGE,
    ControlOutcome,
    facts,
    fails_there,
    hits,
    misses,
    outcome,
    page_of,
    used,
)
from probe.model.failure import Failure
from probe.model.hop import Purpose, Subject, subject_of_url
from probe.model.observation import Connection, Observation, TlsHandshake
from probe.model.target import parse
from probe.model.verdict import Cause, ControlFacts, Evidence, Status, Vantage, VantageState, Verdict
from tests.unit.judge.builders import HTTP, NAME, TIME, URL, A, B, control, http, page, said, served, tcp, tls

SUBJECT = subject_of_url(URL)
assert SUBJECT is not None
RANGE = "151.101.1.0/24"
HOP = Subject("https", "www.elsewhere.example", 443, "https://www.elsewhere.example/")


def line(
    *seen: Observation,
    status: Status = Status.REACHABLE,
    target: str = URL,
    minutes: int = 0,
    causes: tuple[Cause, ...] = (),
) -> Verdict:
    """One line of the control."""
    return Verdict(
        time=TIME + timedelta(minutes=minutes),
        target=target,
        status=status,
        causes=causes,
        evidence=Evidence(observations=seen),
        vantage=Vantage(state=VantageState.ONLINE),
    )


def test_addresses_certificates_and_pages_are_read_from_a_verdict() -> None:
    """Of every name that was resolved; comparisons with other names are left out."""
    seen = (
        said("trusted", A, B),
        said("network", A),
        said("network", "9.9.9.9", purpose=Purpose.OTHER),
        tcp(),
        tls(sha256="c1"),
        tls(B, Failure.CERTIFICATE, sha256="c2"),
        http(title="News", headers=("x-y",), sha256="p1"),
        http(B, title="cut", failure=Failure.RESET),
    )

    found = facts([line(*seen)])[URL]

    assert found.addresses == {NAME: (A, B)}
    assert found.certificates == {NAME: ("c1",)}
    assert found.pages == (page(URL, title="News", headers=("x-y",), sha256="p1"),)
    assert found.statuses == (Status.REACHABLE,)


def test_a_later_verdict_replaces_an_earlier_one_and_adds_addresses() -> None:
    """Addresses and certificates add up, the rest is that of the newest verdict."""
    first = line(said("trusted", A), tls(sha256="c1"))
    second = line(said("trusted", B), tls(B, sha256="c2"), minutes=5)

    found = facts([first, second])[URL]

    assert (found.time, found.addresses[NAME], found.certificates[NAME]) == (second.time, (B, A), ("c2", "c1"))
    third = line(said("trusted", A, name="x.example"), tls(A, sni="x.example", sha256="c3"), minutes=9)
    found = facts([first, third])[URL]
    assert found.addresses == {NAME: (A,), "x.example": (A,)}
    assert found.certificates == {NAME: ("c1",), "x.example": ("c3",)}


def test_what_fails_at_the_control_beside_what_works_is_kept() -> None:
    """A family that fails there, and addresses; those of a range are kept as `hits` and `misses`."""
    evidence = Evidence(families={"ipv4": "tcp.timeout"}, failing={A: "tcp.timeout"})
    found = facts([msgspec.structs.replace(line(), evidence=evidence)])[URL]

    assert found.failing == (A, "ipv4")
    assert (fails_there(found, A), fails_there(found, B), fails_there(found, "2001:db8::1")) == (True, True, False)
    assert not fails_there(None, A)
    assert facts([msgspec.structs.replace(line(target=RANGE), evidence=evidence)])[RANGE].failing == ()


def test_two_verdicts_of_two_statuses_disagree() -> None:
    """Both statuses are kept, sorted; a verdict `unknown` is left out."""
    lines = [line(), line(status=Status.UNKNOWN), line(status=Status.DOWN, causes=(Cause.TCP_TIMEOUT,))]

    found = facts(lines)[URL]

    assert found.statuses == (Status.DOWN, Status.REACHABLE)
    assert found.causes == (Cause.TCP_TIMEOUT,)
    assert facts([line(status=Status.UNKNOWN)]) == {}


def test_a_target_is_found_by_its_text_and_its_canonical_form() -> None:
    """A target of no known form only by its text."""
    spelled = facts([line(target="HTTPS://News.Example.org"), line(target="what is this")])

    assert set(spelled) == {"HTTPS://News.Example.org", URL, "what is this"}
    assert spelled["what is this"].failures == ()


def test_hits_and_misses_of_a_range_add_up() -> None:
    """An address that answered once is no miss, and one that answered a ClientHello once stays `tls`.

    Other targets have neither.
    """
    dead, lost = "151.101.1.66", "151.101.1.67"
    nothing = (tcp(), tcp(dead, Failure.TIMEOUT))
    spoke = (tcp(lost), tcp(A), tls(A, Failure.ALERT, purpose=Purpose.NEUTRAL), tcp(dead, Failure.TIMEOUT))
    first = line(*nothing, tcp(lost, Failure.TIMEOUT), target=RANGE)

    assert facts([first])[RANGE].hits == {A: "tcp"}
    assert facts([first])[RANGE].misses == (dead, lost)
    both = facts([first, line(*spoke, target=RANGE, minutes=5)])[RANGE]
    assert (list(both.hits.items()), both.misses) == ([(A, "tls"), (lost, "tcp")], (dead,))
    both = facts([line(*spoke, target=RANGE), line(tcp(B), target=RANGE, minutes=5)])[RANGE]
    assert (both.hits, both.misses) == ({A: "tls", lost: "tcp", B: "tcp"}, (dead,))
    for text in (URL, "what is this"):
        assert (facts([line(*nothing, target=text)])[text].hits, facts([line(*nothing, target=text)])[text].misses) == (
            {},
            (),
        )


def test_failures_are_read_from_hops_where_nothing_was_served() -> None:
    """Failures beside a success do not count."""
    broken = line(said("trusted", A), tcp(A, Failure.TIMEOUT), tcp(B), tls(B, Failure.ALERT), status=Status.DOWN)
    gone = line(said("trusted", failure=Failure.NXDOMAIN), status=Status.DOWN, target=f"dns://{NAME}")
    fine = line(said("trusted", A), *served(), tcp(B, Failure.TIMEOUT), target=NAME)

    assert facts([broken])[URL].failures == ("tcp.timeout", "tls.alert")
    assert facts([gone])[f"dns://{NAME}"].failures == ("dns.nxdomain",)
    assert facts([fine])[NAME].failures == ()


@pytest.mark.parametrize(
    ("by", "said_of_it"),
    [
        (None, "none"),
        (msgspec.structs.replace(control(), statuses=()), "none"),
        (control(Status.UNKNOWN), "none"),
        (control(), "served"),
        (control(Status.THROTTLED), "served"),
        (control(Status.DOWN), "failed"),
        (control(Status.UNREACHABLE), "failed"),
        (control(Status.BLOCKED), "failed"),
        (control(Status.REACHABLE, Status.DOWN), "disagrees"),
        (control(pages=()), "served"),
        (control(pages=(page(HTTP),)), "failed"),
    ],
)
def test_the_outcome_for_a_target(by: object, said_of_it: str) -> None:
    """No entry, failed, and in disagreement are three different inputs (contract)."""
    assert outcome(by, SUBJECT, first=True, time=TIME) is ControlOutcome(said_of_it)  # type: ignore[arg-type]


def test_the_outcome_for_a_redirect_is_known_where_the_control_met_it() -> None:
    """Whatever its path was."""
    met = control(pages=(page(URL), page(HOP.url + "a?b=c"), page("mailto:x")))

    assert outcome(control(), HOP, first=False, time=TIME) is ControlOutcome.NONE
    assert outcome(control(pages=()), HOP, first=False, time=TIME) is ControlOutcome.NONE
    assert outcome(met, HOP, first=False, time=TIME) is ControlOutcome.SERVED


def test_an_old_control_is_not_used() -> None:
    """A site may have died since; where the time of our measurement is unknown, no control is too old."""
    old = TIME + MAX_CONTROL_AGE + timedelta(seconds=1)

    assert outcome(control(), SUBJECT, first=True, time=old) is ControlOutcome.NONE
    assert outcome(control(), SUBJECT, first=True, time=TIME + MAX_CONTROL_AGE) is ControlOutcome.SERVED
    assert outcome(control(), SUBJECT, first=True, time=None) is ControlOutcome.SERVED


def test_a_controls_page_is_found_by_its_url() -> None:
    """Without a control there is none."""
    assert page_of(control(), HTTP) == page(HTTP)
    assert page_of(control(), "http://other.example/") is None
    assert page_of(None, HTTP) is None


def syn(last: int, failure: Failure | None = None, purpose: Purpose = Purpose.SUBJECT) -> Connection:
    return Connection(address=f"151.101.1.{last}", port=443, failure=failure, purpose=purpose)


def hello(last: int, failure: Failure | None, purpose: Purpose = Purpose.NEUTRAL) -> TlsHandshake:
    return TlsHandshake(address=f"151.101.1.{last}", port=443, sni="x.com", failure=failure, purpose=purpose)


def test_an_address_that_connects_is_a_hit_and_one_that_answers_a_hello_is_tls() -> None:
    """An alert and a certificate of any name are answers; a reset is none, nor is an answer to an allow-listed name."""
    seen = (
        *(syn(last) for last in (4, 3, 2, 1)),
        hello(1, Failure.ALERT),
        hello(2, Failure.CERTIFICATE),
        hello(3, Failure.RESET),
        hello(4, None, Purpose.ALLOWED),
    )

    assert hits(seen) == {"151.101.1.1": "tls", "151.101.1.2": "tls", "151.101.1.3": "tcp", "151.101.1.4": "tcp"}
    assert list(hits(seen)) == sorted(hits(seen))


def test_an_address_that_cannot_be_parsed_is_left_out() -> None:
    """A control file may hold anything."""
    seen = (Connection(address="nobody", port=443), Connection(address="", port=443, failure=Failure.TIMEOUT))

    assert hits(seen) == {}
    assert misses(seen) == ()


def test_an_address_at_which_every_syn_timed_out_is_a_miss() -> None:
    """One that refuses is no miss, nor one that answered the second time; a relay check is no part of the sample."""
    seen = (
        syn(1, Failure.TIMEOUT),
        syn(2, Failure.RESET),
        syn(3, Failure.TIMEOUT),
        syn(3),
        syn(4, Failure.TIMEOUT, Purpose.RELAY),
        syn(5, Failure.RESET),
        syn(5, Failure.TIMEOUT),
    )

    assert misses(seen) == ("151.101.1.1",)


def test_evidence_keeps_a_ranges_control_facts_only_for_addresses_tried_here() -> None:
    """The others could not be compared with anything; the control of another kind of target stays as it is."""
    known = ControlFacts(
        time=TIME,
        statuses=(Status.REACHABLE,),
        hits={"151.101.1.1": "tcp", "151.101.1.2": "tls"},
        misses=("151.101.1.3", "151.101.1.4"),
    )
    kept = used(parse("151.101.1.0/24"), known, (syn(1), syn(4, purpose=Purpose.RELAY)))

    assert kept is not None
    assert (kept.hits, kept.misses) == ({"151.101.1.1": "tcp"}, ("151.101.1.4",))
    assert used(parse("151.101.1.0/24"), msgspec.structs.replace(known, misses=()), ()) == msgspec.structs.replace(
        known, hits={}, misses=()
    )
    assert used(parse("151.101.1.0/24"), msgspec.structs.replace(known, hits={}), ()) == msgspec.structs.replace(
        known, hits={}, misses=()
    )
    assert used(parse("tcp://151.101.1.1:443"), known, ()) is known
    assert used(parse("151.101.1.0/24"), None, ()) is None
