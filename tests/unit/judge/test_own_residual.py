"""Which attempts failed because the target's own name was cut just before."""

from __future__ import annotations

from typing import Any

import pytest

from probe.judge.own_residual import MIN_SILENCE_MS, attempts_by_endpoint, residual_failures
from probe.model.failure import Failure
from probe.model.hop import Purpose
from probe.model.observation import Conversation, QuicExchange
from tests.unit.judge.builders import HTTP, NAME, URL, A, B, http, tcp, tls

SILENT = "tcp.timeout"


def attempts(*ends: str, took: int = 5_000, pause: int = 0) -> list[Conversation]:
    """Attempts over TLS, one after another, each time-out of `took` ms; `neutral` before an end marks another name."""
    seen: list[Conversation] = []
    now = 0
    for number, text in enumerate(ends):
        name, _, end = text.rpartition(" ")
        layer, _, failure = end.partition(".")
        place: dict[str, Any] = {"attempt": number, "at": now, "purpose": Purpose(name or "subject")}
        failed = {"failure": Failure(failure), "took": took} if failure else {}
        seen.append(tcp(A, **place, **(failed if layer == "tcp" else {})))
        if layer in {"tls", "http", "ok"}:
            seen.append(tls(A, **place, **(failed if layer == "tls" else {})))
        if layer in {"http", "ok"}:
            seen.append(http(A, 0 if failure else 200, **place, **failed))
        now += (took if failure else 100) + (pause if failure == "timeout" and layer == "tcp" else 0)
    return seen


def residual(*ends: str, **more: int) -> list[int]:
    """The numbers of the attempts that failed as residual blocking makes them fail."""
    made = attempts_by_endpoint(attempts(*ends, **more)).get((A, 443), ())
    return sorted(found[0].attempt for found in residual_failures(made))


@pytest.mark.parametrize("cut", ["http.timeout", "http.reset", "http.eof", "tls.timeout", "tls.reset", "tls.eof"])
def test_silence_right_after_a_cut_is_residual(cut: str) -> None:
    """Whatever cut, and whatever name came next."""
    assert residual(cut, SILENT, f"neutral {SILENT}", SILENT) == [1, 2, 3]


@pytest.mark.parametrize(
    ("ends", "found"),
    [
        (("http.timeout", "tls.timeout", "tls.timeout"), [1, 2]),
        (("http.reset", "neutral tls.reset", "tls.reset"), [1, 2]),
        (("http.timeout", "tls.timeout", SILENT), []),
        (("neutral tls.timeout", "http.timeout", SILENT), [2]),
        (("tls.reset", "neutral tls.reset", SILENT), [2]),
        (("tls.reset", "tcp.reset", "tcp.reset"), []),
        (("tls.reset", "tcp.unreachable", SILENT), []),
        (("tls.alert", SILENT, SILENT), []),
        ((SILENT, SILENT), []),
        ((), []),
    ],
)
def test_only_an_earlier_layer_falls_silent_or_is_cut_after_a_cut(ends: tuple[str, ...], found: list[int]) -> None:
    """All of it at one layer; a refused connection and an alert are the server's own."""
    assert residual(*ends) == found


@pytest.mark.parametrize(
    "ends",
    [
        ("http.timeout", "neutral ok", SILENT, SILENT),
        ("http.timeout", "neutral ok", "http.timeout", SILENT, SILENT),
        ("tls.reset", "neutral tls.alert", SILENT, SILENT),
        ("http.timeout", "http.timeout", SILENT, SILENT),
        ("tls.timeout", "neutral tls.timeout", SILENT, SILENT),
        ("neutral tls.reset", SILENT, SILENT),
    ],
)
def test_an_address_that_answers_after_a_cut_is_silent_for_another_reason(ends: tuple[str, ...]) -> None:
    """Such as a ban: nor does the cut of another name before the target's own count."""
    assert residual(*ends) == []


def test_a_silence_that_ends_counts_where_it_lasted() -> None:
    """A full accept queue lets a connection in sooner."""
    ends = ("http.timeout", SILENT, SILENT, "http.timeout", SILENT)

    assert residual(*ends, took=MIN_SILENCE_MS // 2) == [1, 2, 4]
    assert residual(*ends, took=MIN_SILENCE_MS // 2 - 1) == [4]


def test_attempts_are_grouped_by_address_and_port_in_order_of_time() -> None:
    """An exchange belongs to the port of its URL, whatever that is; QUIC is left out."""
    clear = (tcp(A, port=80, at=5), http(A, url=HTTP, at=6))
    seen = (tcp(A, at=9, attempt=1), *clear, tcp(A, at=1), tls(A, at=2), http(A, url=URL, at=3), tcp(B))
    odd = http(A, url="http://[", at=7)
    quic = QuicExchange(address=A, port=443, sni=NAME)

    made = attempts_by_endpoint((*seen, odd, quic))

    assert {end: [len(group) for group in groups] for end, groups in made.items()} == {
        (A, 443): [3, 1],
        (A, 80): [2],
        (B, 443): [1],
        (A, 0): [1],
    }
