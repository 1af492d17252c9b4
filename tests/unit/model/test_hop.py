"""Subjects of a hop, layers, and the order of failures."""

from __future__ import annotations

from itertools import pairwise

import pytest

from probe.model.failure import Failure
from probe.model.hop import (
    CUT_FAILURES,
    NO_ANSWER_FAILURES,
    SILENT_FAILURES,
    Layer,
    LayerFailure,
    Subject,
    subject_of_url,
    subjects_of,
)
from probe.model.target import parse

A = "203.0.113.5"
NAME = "www.example.org"


def test_a_later_layer_is_deeper() -> None:
    """DNS, TCP, TLS, HTTP follow one another; QUIC replaces the last three."""
    in_order = [Layer.DNS, Layer.TCP, Layer.TLS, Layer.HTTP, Layer.BODY, Layer.QUIC]

    assert sorted(Layer, key=lambda layer: layer.depth) == in_order


def test_the_deeper_failure_ranks_higher_then_the_one_that_shows_more() -> None:
    """An answer ranks above a cut, a cut above a time-out, and a time-out above a failure of this host."""
    failures = [
        LayerFailure(Layer.TCP, Failure.LOCAL),
        LayerFailure(Layer.TCP, Failure.TIMEOUT),
        LayerFailure(Layer.TCP, Failure.UNREACHABLE),
        LayerFailure(Layer.TCP, Failure.RESET),
        LayerFailure(Layer.TLS, Failure.TIMEOUT),
        LayerFailure(Layer.TLS, Failure.EOF),
        LayerFailure(Layer.TLS, Failure.ALERT),
        LayerFailure(Layer.TLS, Failure.CERTIFICATE),
        LayerFailure(Layer.HTTP, Failure.TIMEOUT),
        LayerFailure(Layer.BODY, Failure.TIMEOUT),
    ]

    assert all(one.rank < other.rank for one, other in pairwise(failures))


def test_a_layer_failure_is_written_as_in_evidence() -> None:
    """Layer, dot, failure."""
    assert str(LayerFailure(Layer.TLS, Failure.RESET)) == "tls.reset"


def test_the_failures_without_an_answer_are_cuts_and_time_outs() -> None:
    """An alert or a bad certificate is an answer."""
    assert NO_ANSWER_FAILURES == CUT_FAILURES | SILENT_FAILURES
    assert NO_ANSWER_FAILURES.isdisjoint({Failure.ALERT, Failure.CERTIFICATE, Failure.GARBAGE, Failure.LOCAL})


@pytest.mark.parametrize(
    ("target", "subjects"),
    [
        ("https://x.y:8443/p?q", (Subject("https", "x.y", 8443, "https://x.y:8443/p?q"),)),
        (NAME, (Subject("https", NAME, 443, f"https://{NAME}/"), Subject("http", NAME, 80, f"http://{NAME}/"))),
        (f"dns://{NAME}", (Subject("dns", NAME, 443),)),
        (f"tcp://{A}:1", (Subject("tcp", "", 1),)),
        (f"tls://{A}:1/x.y", (Subject("tls", "x.y", 1),)),
        ("quic://x.y:1", (Subject("quic", "x.y", 1),)),
        ("203.0.113.0/24:1", (Subject("range", "", 1),)),
    ],
)
def test_every_kind_of_target_has_the_subjects_of_its_chains(target: str, subjects: tuple[Subject, ...]) -> None:
    """A domain has two chains, every other target one."""
    assert subjects_of(parse(target)) == subjects


@pytest.mark.parametrize("text", ["ftp://x.y/", "no url", "dns://x.y"])
def test_a_text_that_is_no_url_of_a_target_has_no_subject(text: str) -> None:
    """The URL of a redirect may be any text."""
    assert subject_of_url(text) is None


def test_a_subject_has_a_server_name_where_its_handshake_carries_one() -> None:
    """Neither plain HTTP nor a bare connection does."""
    schemes = ("https", "http", "tls", "quic", "tcp", "dns", "range")

    assert [scheme for scheme in schemes if Subject(scheme, NAME, 1).encrypted] == ["https", "tls", "quic"]


def test_a_subject_needs_a_resolver_where_its_host_is_a_name() -> None:
    """A `tls` target gives its address beside the name."""
    assert Subject("quic", NAME, 443).is_name
    assert Subject("dns", NAME, 443).is_name
    assert not any(one.is_name for one in (Subject("https", A, 443), Subject("tcp", "", 1), Subject("tls", NAME, 443)))


def test_a_page_that_stopped_is_counted_as_a_request_that_timed_out() -> None:
    """Other failures are counted as they are."""
    assert LayerFailure(Layer.BODY, Failure.TIMEOUT).pooled == LayerFailure(Layer.HTTP, Failure.TIMEOUT)
    assert LayerFailure(Layer.TLS, Failure.RESET).pooled == LayerFailure(Layer.TLS, Failure.RESET)
