"""Which addresses of a range answered: what a control's verdict says of them, and what counts as an answer. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from typing import TypeGuard

import msgspec

from probe.model.address import parse_address
from probe.model.failure import OWN_FAULTS, Failure
from probe.model.hop import NO_ANSWER_FAILURES
from probe.model.observation import Connection, Observation, TlsHandshake
from probe.model.step import Purpose
from probe.model.target import RangeTarget, Target
from probe.model.verdict import ControlFacts

_UNANSWERED = OWN_FAULTS | NO_ANSWER_FAILURES


def spoke(one: TlsHandshake) -> bool:
    """Whether anything came back to a ClientHello: a certificate of any name, an alert, another protocol."""
    return one.failure not in _UNANSWERED


def hits(observations: Iterable[Observation]) -> dict[str, str]:
    """Address -> `tcp`, or `tls` where it answered a ClientHello too, for those that answered; sorted."""
    found: dict[str, str] = {}
    for one in observations:
        if _of_sample(one) and one.failure is None:
            found.setdefault(one.address, "tcp")
    for one in observations:
        if isinstance(one, TlsHandshake) and one.purpose is Purpose.NEUTRAL and one.address in found and spoke(one):
            found[one.address] = "tls"
    return dict(sorted(found.items()))


def misses(observations: Iterable[Observation]) -> tuple[str, ...]:
    """The addresses that met every SYN with silence, sorted."""
    seen: dict[str, bool] = {}
    for one in observations:
        if _of_sample(one):
            seen[one.address] = seen.get(one.address, True) and one.failure is Failure.TIMEOUT
    return tuple(sorted(address for address, silent in seen.items() if silent))


def _of_sample(one: Observation) -> TypeGuard[Connection]:
    """Whether it is a connection of the sample; a control's file may say anything, so that its address is one too."""
    return isinstance(one, Connection) and one.purpose is Purpose.SUBJECT and parse_address(one.address) is not None


def used(target: Target, control: ControlFacts | None, observations: Sequence[Observation]) -> ControlFacts | None:
    """The control's facts without what nothing seen here can be compared with: a wide range has a thousand hits."""
    if control is None or not isinstance(target, RangeTarget) or not (control.hits or control.misses):
        return control
    network = ipaddress.ip_network(target.network)
    asked = {one.address for one in observations if isinstance(one, Connection)}
    return msgspec.structs.replace(
        control,
        hits={address: how for address, how in control.hits.items() if address in asked and _in(address, network)},
        misses=tuple(address for address in control.misses if address in asked and _in(address, network)),
    )


def _in(address: str, network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> bool:
    return ipaddress.ip_address(address) in network
