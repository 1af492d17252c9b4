"""Steps are values: equal where they ask for the same, and usable as keys."""

from __future__ import annotations

from probe.model.step import Connect, Fetch, Handshake, Place, Purpose, QuicHandshake, Resolve, Step, Trust

HOST, ADDRESS = "news.example.org", "151.101.1.10"


def all_kinds(place: Place) -> tuple[Step, ...]:
    """One of each."""
    return (
        Resolve(name=HOST, rrtype="A", resolver="system", trust=Trust.SYSTEM, place=place),
        Connect(address=ADDRESS, port=443, place=place),
        Handshake(address=ADDRESS, port=443, sni=HOST, place=place),
        Fetch(url=f"https://{HOST}/", address=ADDRESS, place=place),
        QuicHandshake(address=ADDRESS, port=443, sni=HOST, place=place),
    )


def test_a_step_is_the_same_as_another_that_asks_for_the_same() -> None:
    """A plan hands each out once by this."""
    assert all_kinds(Place()) == all_kinds(Place())
    assert len({*all_kinds(Place()), *all_kinds(Place())}) == 5


def test_another_place_makes_another_step() -> None:
    """A second try, another hop, another chain, another purpose."""
    places = (Place(), Place(attempt=1), Place(hop=1), Place(chain=1), Place(purpose=Purpose.NEUTRAL))

    assert len({step for place in places for step in all_kinds(place)}) == 25


def test_certificates_are_verified_unless_a_step_says_otherwise() -> None:
    """Of whatever speaks TLS."""
    assert all(step.verify for step in all_kinds(Place())[2:])  # type: ignore[union-attr]
