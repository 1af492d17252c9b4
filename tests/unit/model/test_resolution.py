"""Observations of name resolution: old evidence without the newer fields still reads, and means "not known"."""

from __future__ import annotations

import msgspec

from probe.model.observation import Observation
from probe.model.resolution import LateAnswer, Resolution
from probe.model.resolver import Trust

OLD = b'{"kind":"dns","name":"a.example","rrtype":"A","resolver":"network","trust":"network","addresses":["192.0.2.1"]}'


def test_evidence_of_an_older_version_says_nothing_of_the_newer_facts() -> None:
    """Neither a filter's marks nor an order of resolvers nor a time."""
    one = msgspec.json.decode(OLD, type=Observation)
    assert isinstance(one, Resolution)
    assert (one.rank, one.rotates, one.truncated, one.recursion, one.errors, one.wait) == (0, False, False, None, (), 0)


def test_a_capture_finds_plain_queries_by_their_name_alone() -> None:
    """A name asked over TLS, or of getaddrinfo, is in no packet that could be found."""
    for trust, name in ((Trust.NETWORK, "a.example"), (Trust.TRUSTED, ""), (Trust.SYSTEM, "")):
        assert Resolution(name="a.example", rrtype="A", resolver="network", trust=trust).capture_name == name


def test_a_late_answer_belongs_to_a_resolver_by_its_rank() -> None:
    """Two resolvers at private addresses have the same name in evidence."""
    late = LateAnswer(name="a.example", rrtype="A", resolver="network", trust=Trust.NETWORK, gap=40, rank=2)
    assert msgspec.json.decode(msgspec.json.encode(late), type=Observation) == late
