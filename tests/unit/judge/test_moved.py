"""Whether a name has moved since the control looked."""

from __future__ import annotations

from typing import Any

import pytest

from probe.judge.control import ControlOutcome
from probe.model.failure import Failure
from probe.model.hop import Purpose
from probe.model.observation import Observation
from tests.unit.judge.builders import HTTP, URL, V6, A, control, hop_of, http, said, served, tcp, tls, tries

NEW = "199.59.243.20"
AGREED = (said("network", NEW), said("trusted", NEW))
GONE = tries(2, tcp(A, Failure.TIMEOUT))
REFUSED = tries(2, tcp(NEW, Failure.RESET))
KNOWN: dict[str, Any] = {"addresses": (A,)}


def cut(address: str, failure: Failure) -> tuple[Observation, ...]:
    """Two handshakes that ended so."""
    return tries(2, tls(address, failure), tcp(address))


def shown(address: str, error: str, sha256: str = "") -> tuple[Observation, ...]:
    """A certificate that does not verify, seen by a look without verification."""
    look = tls(address, error=error, sha256=sha256 or address, verified=False, purpose=Purpose.PEEK)
    return (tcp(address), tls(address, Failure.CERTIFICATE), look)


@pytest.mark.parametrize(
    "seen",
    [
        (*AGREED, *GONE, *REFUSED),
        (*AGREED, *REFUSED),
        (*AGREED, *GONE, *served(NEW)),
        (*AGREED, *GONE, *cut(NEW, Failure.EOF)),
        (*AGREED, *tries(2, tcp(A, Failure.RESET)), *REFUSED),
        (*AGREED, *shown(A, "Hostname mismatch"), *shown(NEW, "Hostname mismatch")),
        (*AGREED, *shown(A, "self-signed certificate"), *shown(NEW, "Hostname mismatch"), tcp(A)),
    ],
)
def test_a_control_of_another_machine_is_no_control(seen: tuple[Observation, ...]) -> None:
    """The network and a trusted resolver agree on an address that is nowhere near the control's."""
    hop = hop_of(*seen, by=control(**KNOWN))

    assert (hop.control_outcome, hop.control) == (ControlOutcome.NONE, None)


@pytest.mark.parametrize(
    ("seen", "then"),
    [
        ((said("network", NEW), *GONE, *REFUSED), (A,)),
        ((said("trusted", NEW), *GONE, *REFUSED), (A,)),
        ((said("network", NEW), said("trusted", "203.0.114.9"), *GONE, *REFUSED), (A,)),
        ((*AGREED, *GONE, *REFUSED), ("199.59.1.1",)),
        ((*AGREED, *GONE, *REFUSED), ()),
        ((*AGREED, *GONE, *REFUSED), (V6,)),
        ((*AGREED, *GONE, *tries(3, tcp(NEW, Failure.TIMEOUT))), (A,)),
        ((*AGREED, *cut(A, Failure.RESET), *cut(NEW, Failure.RESET)), (A,)),
        ((*AGREED, *cut(A, Failure.RESET), *cut(NEW, Failure.TIMEOUT)), (A,)),
        ((*AGREED, *shown(A, "Hostname mismatch", "c"), *shown(NEW, "Hostname mismatch", "c")), (A,)),
        ((*AGREED, *served(A), *served(NEW)), (A,)),
    ],
)
def test_a_control_counts_where_the_name_has_not_moved_or_both_addresses_behave_alike(
    seen: tuple[Observation, ...], then: tuple[str, ...]
) -> None:
    """No agreement; a near address; no address to compare with; a filter that acts on the name or on all addresses."""
    assert hop_of(*seen, by=control(addresses=then)).control_outcome is ControlOutcome.SERVED


def test_two_addresses_that_give_one_page_in_clear_behave_alike() -> None:
    """Somebody on the path may write both; two pages are of two machines."""
    notice: dict[str, Any] = {"url": HTTP, "title": "Notice of the authority", "length": 90, "sha256": "zz"}
    both = (*AGREED, http(A, **notice), http(NEW, **notice))
    apart = (*AGREED, http(A, url=HTTP, title="Something else"), http(NEW, **notice))

    assert hop_of(*both, target=HTTP, by=control(**KNOWN)).control_outcome is ControlOutcome.SERVED
    assert hop_of(*apart, target=HTTP, by=control(**KNOWN)).control_outcome is ControlOutcome.NONE
    assert hop_of(*both, target=URL, by=control(**KNOWN)).control_outcome is ControlOutcome.NONE
