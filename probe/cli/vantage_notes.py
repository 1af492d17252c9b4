"""What is wrong with a vantage, in sentences for people."""

from __future__ import annotations

from collections.abc import Iterable

from probe.model.verdict import VantageNote

SENTENCES = {
    VantageNote.CLOCK_WRONG: "this host's clock seems to be wrong: certificates of the anchors are out of date here",
    VantageNote.IPV6_BROKEN: "IPv6 is broken here: it is not held against any target",
    VantageNote.RESOLVER_DEAD: "the network's resolver is dead: it finds no anchor's name",
    VantageNote.TUNNEL: "the way out leads through a tunnel: verdicts say what is seen at its far end",
    VantageNote.PROXY: "the environment names a proxy: other programs here may see another network",
    VantageNote.FAKE_ADDRESSES: "the resolver gives made-up addresses: a bypass tool takes connections over",
}


def sentences(notes: Iterable[str]) -> tuple[str, ...]:
    """A sentence a note; a note of a later version stands for itself."""
    return tuple(SENTENCES[VantageNote(note)] if note in SENTENCES else note for note in notes)
