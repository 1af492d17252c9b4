"""Steps are values: equal where they ask for the same, and usable as keys."""

from __future__ import annotations

from probe.model.step import Connect, Fetch, Handshake, Purpose, QuicHandshake, Resolve, Step, StepPosition, Trust

HOST, ADDRESS = "news.example.org", "151.101.1.10"


def all_kinds(position: StepPosition) -> tuple[Step, ...]:
    """One of each."""
    return (
        Resolve(name=HOST, rrtype="A", resolver="system", trust=Trust.SYSTEM, position=position),
        Connect(address=ADDRESS, port=443, position=position),
        Handshake(address=ADDRESS, port=443, sni=HOST, position=position),
        Fetch(url=f"https://{HOST}/", address=ADDRESS, position=position),
        QuicHandshake(address=ADDRESS, port=443, sni=HOST, position=position),
    )


def test_a_step_is_the_same_as_another_that_asks_for_the_same() -> None:
    """A plan hands each out once by this."""
    assert all_kinds(StepPosition()) == all_kinds(StepPosition())
    assert len({*all_kinds(StepPosition()), *all_kinds(StepPosition())}) == 5


def test_another_place_makes_another_step() -> None:
    """A second try, another hop, another chain, another purpose."""
    positions = (
        StepPosition(),
        StepPosition(attempt=1),
        StepPosition(hop=1),
        StepPosition(chain=1),
        StepPosition(purpose=Purpose.NEUTRAL),
    )

    assert len({step for position in positions for step in all_kinds(position)}) == 25


def test_certificates_are_verified_unless_a_step_says_otherwise() -> None:
    """Of whatever speaks TLS."""
    assert all(step.verify for step in all_kinds(StepPosition())[2:])  # type: ignore[union-attr]
