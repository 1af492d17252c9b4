"""Which addresses of a range answered."""

from __future__ import annotations

from datetime import UTC, datetime

from msgspec.structs import replace

from probe.judge.hits import hits, misses, used
from probe.model.failure import Failure
from probe.model.observation import Connection, TlsHandshake
from probe.model.step import Purpose
from probe.model.target import parse
from probe.model.verdict import ControlFacts, Status


def tcp(last: int, failure: Failure | None = None, purpose: Purpose = Purpose.SUBJECT) -> Connection:
    return Connection(address=f"151.101.1.{last}", port=443, failure=failure, purpose=purpose)


def hello(last: int, failure: Failure | None, purpose: Purpose = Purpose.NEUTRAL) -> TlsHandshake:
    return TlsHandshake(address=f"151.101.1.{last}", port=443, sni="x.com", failure=failure, purpose=purpose)


def test_who_connects_is_a_hit_and_who_answers_a_hello_speaks_tls() -> None:
    """An alert and a certificate of any name are answers; a reset is none, nor what an allowed name got."""
    seen = (
        *(tcp(last) for last in (4, 3, 2, 1)),
        hello(1, Failure.ALERT),
        hello(2, Failure.CERTIFICATE),
        hello(3, Failure.RESET),
        hello(4, None, Purpose.ALLOWED),
    )

    assert hits(seen) == {"151.101.1.1": "tls", "151.101.1.2": "tls", "151.101.1.3": "tcp", "151.101.1.4": "tcp"}
    assert list(hits(seen)) == sorted(hits(seen))


def test_what_is_no_address_is_nobody() -> None:
    """A control's file may say anything."""
    seen = (Connection(address="nobody", port=443), Connection(address="", port=443, failure=Failure.TIMEOUT))

    assert hits(seen) == {}
    assert misses(seen) == ()


def test_only_those_that_met_every_syn_with_silence_are_misses() -> None:
    """One that refuses is there; one that answered the second time too; a decoy is no part of the sample."""
    seen = (
        tcp(1, Failure.TIMEOUT),
        tcp(2, Failure.RESET),
        tcp(3, Failure.TIMEOUT),
        tcp(3),
        tcp(4, Failure.TIMEOUT, Purpose.RELAY),
        tcp(5, Failure.RESET),
        tcp(5, Failure.TIMEOUT),
    )

    assert misses(seen) == ("151.101.1.1",)


def test_of_a_wide_ranges_control_only_what_was_asked_here_goes_into_evidence() -> None:
    """The rest could not be compared with anything; another target's control is left as it is."""
    control = ControlFacts(
        time=datetime(2026, 10, 1, tzinfo=UTC),
        statuses=(Status.REACHABLE,),
        hits={"151.101.1.1": "tcp", "151.101.1.2": "tls"},
        misses=("151.101.1.3", "151.101.1.4"),
    )
    kept = used(parse("151.101.1.0/24"), control, (tcp(1), tcp(4, purpose=Purpose.RELAY)))

    assert kept is not None
    assert (kept.hits, kept.misses) == ({"151.101.1.1": "tcp"}, ("151.101.1.4",))
    assert used(parse("151.101.1.0/24"), replace(control, misses=()), ()) == replace(control, hits={}, misses=())
    assert used(parse("151.101.1.0/24"), replace(control, hits={}), ()) == replace(control, hits={}, misses=())
    assert used(parse("tcp://151.101.1.1:443"), control, ()) is control
    assert used(parse("151.101.1.0/24"), None, ()) is None
