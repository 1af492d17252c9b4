"""The state of a hop: the results of its tries, and the phase that follows from them."""

from __future__ import annotations

import pytest

from probe.model.failure import Failure
from probe.model.flow import Flow
from probe.model.hop import Layer, LayerFailure, Purpose, Subject
from probe.model.observation import Connection, Exchange, Observation, QuicExchange, Resolution, TlsHandshake
from probe.model.resolver import Trust
from probe.plan.hop_state import NO_RESULT, HopPhase, HopState, TryResult, failure_of
from tests.unit.plan.dialogue import FORGED, NAME, A, B

URL = f"https://{NAME}/"
HTTPS, TLS = Subject("https", NAME, 443, URL), Subject("tls", NAME, 443)
STOOD = Connection(address=A, port=443)
REFUSED = Connection(address=A, port=443, failure=Failure.RESET)


def tls(failure: Failure | None = None) -> TlsHandshake:
    """A handshake."""
    return TlsHandshake(address=A, port=443, sni=NAME, failure=failure)


def page(failure: Failure | None = None, status: int = 0, length: int = 0) -> Exchange:
    """An exchange."""
    return Exchange(url=URL, address=A, failure=failure, status=status, length=length)


@pytest.mark.parametrize(
    ("seen", "failure"),
    [
        ((), None),
        ((STOOD,), None),
        ((REFUSED,), (Layer.TCP, Failure.RESET)),
        ((STOOD, tls(Failure.EOF)), (Layer.TLS, Failure.EOF)),
        ((STOOD, tls(), page(Failure.TIMEOUT)), (Layer.HTTP, Failure.TIMEOUT)),
        ((STOOD, tls(), page(Failure.TIMEOUT, 200)), (Layer.BODY, Failure.TIMEOUT)),
        ((STOOD, tls(), page(Failure.RESET, 200, 10)), None),
        ((QuicExchange(address=A, port=443, sni=NAME, failure=Failure.TIMEOUT),), (Layer.QUIC, Failure.TIMEOUT)),
        (
            (Resolution(name=NAME, rrtype="A", resolver="system", trust=Trust.SYSTEM, failure=Failure.NXDOMAIN),),
            None,
        ),
    ],
)
def test_a_step_fails_at_its_last_layer(seen: tuple[Observation, ...], failure: tuple[Layer, Failure] | None) -> None:
    """A page that was cut after some of its body is an answer."""
    assert failure_of(seen) == (None if failure is None else LayerFailure(*failure))


def test_a_step_without_observations_neither_succeeded_nor_failed() -> None:
    """The deadline was over before it began."""
    assert TryResult.of(()) == NO_RESULT
    assert not NO_RESULT.succeeded
    assert not NO_RESULT.cut
    assert not NO_RESULT.counts


def test_a_result_keeps_what_later_rounds_need() -> None:
    """Whether it was cut, whether it counts, and whether a page had begun."""
    silent = TryResult.of((STOOD, tls(Failure.TIMEOUT)))
    local = TryResult.of((Connection(address=A, port=443, failure=Failure.LOCAL),))
    alert = TryResult.of((STOOD, tls(Failure.ALERT)))
    begun = TryResult.of((STOOD, tls(), Exchange(url=URL, address=A, failure=Failure.EOF, flow=Flow(bytes=5_000))))

    assert (silent.cut, silent.counts, silent.page_began) == (True, True, False)
    assert (local.cut, local.counts) == (False, False)
    assert (alert.cut, alert.counts) == (False, True)
    assert begun.page_began
    assert TryResult.of((STOOD,)).succeeded


def test_a_page_that_stopped_counts_as_a_silent_request() -> None:
    """The address keeps how often that was."""
    state = HopState(HTTPS).with_address(A).with_try(A, (STOOD, tls(), page(Failure.TIMEOUT, 200)))
    state = state.with_try(A, (STOOD, tls(), page(Failure.TIMEOUT)))

    assert state.failures == ((A, LayerFailure(Layer.HTTP, Failure.TIMEOUT)),) * 2
    assert state.addresses[A].stopped_pages == 1


def test_a_try_is_recorded_with_its_address() -> None:
    """The newest result replaces the one before; failures are kept in order."""
    state = HopState(HTTPS).with_address(A).with_address(B)
    state = state.with_try(A, (REFUSED,)).with_try(B, (STOOD, tls())).with_try(A, (STOOD, tls(Failure.TIMEOUT)))

    assert list(state.addresses) == [A, B]
    assert state.failed == [A]
    assert state.failures == (
        (A, LayerFailure(Layer.TCP, Failure.RESET)),
        (A, LayerFailure(Layer.TLS, Failure.TIMEOUT)),
    )
    assert (state.addresses[A].succeeded, state.addresses[B].succeeded) == (False, True)


def test_an_address_that_succeeded_once_stays_so() -> None:
    """A later failure does not change it."""
    state = HopState(HTTPS).with_address(A).with_try(A, (STOOD, tls())).with_try(A, (REFUSED,))

    assert state.addresses[A].succeeded


def test_without_a_page_a_handshake_serves_the_subject() -> None:
    """A handshake of an https subject serves only its page's place."""
    assert HopState(TLS).with_address(A).with_try(A, (STOOD, tls())).addresses[A].served
    assert not HopState(HTTPS).with_address(A).with_try(A, (STOOD, tls())).addresses[A].served


def test_the_result_of_a_follow_up_is_kept_by_address_and_purpose() -> None:
    """The state of the address stays as it was."""
    state = HopState(HTTPS).with_address(A).with_beside(A, Purpose.NEUTRAL, (STOOD, tls()))

    assert state.result_beside(A, Purpose.NEUTRAL).succeeded
    assert state.result_beside(A, Purpose.ALLOWED) == NO_RESULT
    assert state.addresses[A].last == NO_RESULT


def served(*addresses: str, local: tuple[str, ...], unconfirmed: frozenset[str]) -> HopState:
    """A state in which these of three addresses served."""
    state = HopState(HTTPS, local=local, unconfirmed=unconfirmed)
    for address in (A, B, FORGED):
        state = state.with_address(address).changed(address, served=address in addresses)
    return state


@pytest.mark.parametrize(
    ("addresses", "local", "unconfirmed", "phase"),
    [
        ((), (A,), (), HopPhase.UNSERVED),
        ((), (FORGED,), (FORGED,), HopPhase.UNSERVED),
        ((A,), (A,), (), HopPhase.SERVED),
        ((A,), (FORGED,), (FORGED,), HopPhase.SUSPECT),
        ((A, FORGED), (FORGED,), (FORGED,), HopPhase.SERVED),
        ((A,), (FORGED, B), (FORGED,), HopPhase.SERVED),
        ((A,), (FORGED, B), (FORGED, B), HopPhase.SUSPECT),
        ((A,), (), (), HopPhase.SERVED),
        ((A,), ("198.51.100.1",), ("198.51.100.1",), HopPhase.SERVED),
    ],
)
def test_a_hop_is_suspect_while_all_network_addresses_are_unconfirmed_and_fail(
    addresses: tuple[str, ...], local: tuple[str, ...], unconfirmed: tuple[str, ...], phase: HopPhase
) -> None:
    """Addresses that were not tried do not count."""
    assert served(*addresses, local=local, unconfirmed=frozenset(unconfirmed)).phase is phase


def test_an_unconfirmed_address_that_succeeds_is_not_suspect() -> None:
    """Its certificate verified."""
    state = served(A, local=(FORGED,), unconfirmed=frozenset({FORGED}))

    assert state.changed(FORGED, succeeded=True).phase is HopPhase.SERVED
    assert state.with_unconfirmed(frozenset()).phase is HopPhase.SERVED
