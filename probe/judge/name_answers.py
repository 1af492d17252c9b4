"""What resolvers answered about one name.

The *reference* are the addresses that trusted resolvers and the control gave. The name is *absent* where a trusted
resolver or the control says NXDOMAIN, and nobody gives an address that counts.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from probe.judge.cached_property import cached_property
from probe.model.address import is_bogon
from probe.model.failure import DNS_ANSWERS, OWN_FAULTS, Failure
from probe.model.hop import Purpose
from probe.model.observation import LateAnswer, Observation, Resolution
from probe.model.resolver import Trust
from probe.model.verdict import ControlFacts

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052: an IPv4 address in an IPv6 one, made by DNS64

_HEAVIEST_FIRST = (Failure.NXDOMAIN, Failure.REFUSED, Failure.SERVFAIL, Failure.TIMEOUT, Failure.NODATA)
"""NODATA is last: most names have no IPv6 address, which does not explain a lost query for the other family."""


@lru_cache(maxsize=4096)
def plain(address: str) -> str:
    """The address itself, or the IPv4 address that DNS64 wrapped."""
    parsed = ipaddress.ip_address(address)
    if isinstance(parsed, ipaddress.IPv6Address) and parsed in _NAT64:
        return str(ipaddress.IPv4Address(int(parsed) & 0xFFFF_FFFF))
    return address


@dataclass(frozen=True, slots=True)
class ResolverAnswer:
    """What one resolver answered about the name, record types taken together.

    Attributes:
        resolver: as in the observation.
        trust: in the resolver.
        first: the addresses of its first answers.
        late: the addresses of later answers to the same queries; an empty tuple for a later failure.
        failure: None where there are addresses.
    """

    resolver: str
    trust: Trust
    first: tuple[str, ...]
    late: tuple[tuple[str, ...], ...]
    failure: Failure | None

    @property
    def addresses(self) -> frozenset[str]:
        """The addresses of first and late answers."""
        return frozenset(self.first).union(*self.late)


class NameAnswers:
    """The answers about one name, and about other names at the same resolvers.

    Args:
        host: the name.
        observations: all of the measurement.
        control: the control's facts; None where they do not count.
        served: the control was served under the name, which therefore exists.
    """

    def __init__(
        self,
        host: str,
        observations: tuple[Observation, ...],
        control: ControlFacts | None,
        *,
        served: bool = False,
    ) -> None:
        self.host = host
        self._observations = observations
        self._control = control
        self._served = served

    @cached_property
    def by_resolver(self) -> tuple[ResolverAnswer, ...]:
        """One answer per resolver, in the order of asking; resolvers that this host could not ask are left out."""
        asked: dict[tuple[Trust, str], list[Resolution | LateAnswer]] = {}
        for one in self._about_host:
            if one.purpose is Purpose.SUBJECT:
                asked.setdefault((one.trust, one.resolver), []).append(one)
        answers = (_combined(trust, resolver, said) for (trust, resolver), said in asked.items())
        return tuple(answer for answer in answers if answer.failure not in OWN_FAULTS)

    def with_trust(self, trust: Trust) -> tuple[ResolverAnswer, ...]:
        """The answers of resolvers of one kind."""
        return tuple(answer for answer in self.by_resolver if answer.trust is trust)

    @cached_property
    def given(self) -> frozenset[str]:
        """The addresses that the network's resolvers and the system gave, in late answers too."""
        return frozenset(
            address for answer in self.by_resolver if answer.trust is not Trust.TRUSTED for address in answer.addresses
        )

    @cached_property
    def reference(self) -> frozenset[str]:
        """The addresses that trusted resolvers and the control gave."""
        known = self._control.addresses.get(self.host, ()) if self._control is not None else ()
        return frozenset(known).union(*(answer.first for answer in self.with_trust(Trust.TRUSTED)))

    def late_instead_of(self, address: str) -> frozenset[str]:
        """The addresses of late answers without this one, to queries whose first answer had it."""
        return frozenset(
            other
            for answer in self.by_resolver
            if address in answer.first and answer.trust is not Trust.TRUSTED
            for late in answer.late
            if address not in late
            for other in late
        )

    @cached_property
    def absent(self) -> bool:
        """Whether trusted resolvers, or else the control, say that the name does not exist."""
        if self.reference or self._served:
            return False
        trusted = self._trusted_failures
        at_control = self._control is not None and f"dns.{Failure.NXDOMAIN}" in self._control.failures
        return trusted == {Failure.NXDOMAIN} or (at_control and not trusted)

    @cached_property
    def empty(self) -> bool:
        """Whether nobody gave an address, and a trusted resolver said that there is none."""
        trusted = self._trusted_failures
        if trusted == {Failure.NODATA} and len(self._trusted_types) < 2:
            return False  # the name may have addresses of the other family, which was not asked for
        return bool(trusted) and not self.reference and not self.given

    def trusted_agree(self, answer: ResolverAnswer) -> bool:
        """Whether trusted resolvers say now, like this answer, that the name has no address.

        An older control may remember addresses that the name no longer has (contract: where two readings are possible).
        """
        if answer.first or any(trusted.first for trusted in self.with_trust(Trust.TRUSTED)):
            return False
        failures = self._trusted_failures
        # NODATA for one family says nothing about the other, which was not asked for.
        denied = Failure.NXDOMAIN in failures or (Failure.NODATA in failures and len(self._trusted_types) > 1)
        return denied or answer.failure in failures

    def withheld(self, answer: ResolverAnswer) -> tuple[str, ...]:
        """The public addresses of the reference that the answer should have had, of the record types asked for."""
        types = {one.rrtype for one in self._about_host if (one.trust, one.resolver) == (answer.trust, answer.resolver)}
        return tuple(
            address
            for address in sorted(self.reference)
            if ("AAAA" if ":" in address else "A") in types and not is_bogon(address)
        )

    def attempts(self, answer: ResolverAnswer) -> int:
        """How many times a resolver was asked for the name."""
        return len({one.attempt for one in self._from(answer)})

    def timeouts(self, answer: ResolverAnswer) -> int:
        """How many queries for the name a resolver left unanswered; 0 where it ever answered one."""
        failures = [one.failure for one in self._from(answer)]
        return len(failures) if all(failure is Failure.TIMEOUT for failure in failures) else 0

    @property
    def hosts_file(self) -> bool:
        """Whether the system's answer is in no answer of the network's resolvers: most likely a hosts file."""
        network = [answer for answer in self.with_trust(Trust.NETWORK) if answer.failure in DNS_ANSWERS or answer.first]
        if not network or len(network) != len(self.with_trust(Trust.NETWORK)):
            return False
        theirs = frozenset[str]().union(*(answer.addresses for answer in network))
        return any(
            (bool(answer.first) and not theirs)
            or any(is_bogon(address) and address not in theirs for address in answer.first)
            for answer in self.with_trust(Trust.SYSTEM)
        )

    @property
    def has_late_answers(self) -> bool:
        """Whether several different answers came to one query, for whatever reason."""
        return any(answer.late for answer in self.by_resolver if answer.trust is not Trust.TRUSTED)

    def about_other_names(self, answer: ResolverAnswer, purpose: Purpose) -> tuple[Resolution, ...]:
        """What the same resolver said about other names, of this purpose."""
        return tuple(
            one
            for one in self._observations
            if isinstance(one, Resolution)
            and one.purpose is purpose
            and (one.resolver == answer.resolver or answer.trust is Trust.SYSTEM)
        )

    def rewrites_nxdomain(self, answer: ResolverAnswer) -> bool:
        """Whether the resolver gives addresses to a name that does not exist."""
        return any(one.addresses for one in self.about_other_names(answer, Purpose.GHOST))

    def denies_random_name(self, answer: ResolverAnswer) -> bool:
        """Whether the resolver was asked for a name that does not exist, and said so."""
        ghosts = self.about_other_names(answer, Purpose.GHOST)
        return bool(ghosts) and all(one.failure in {Failure.NXDOMAIN, Failure.NODATA} for one in ghosts)

    def resolves_other_name(self, answer: ResolverAnswer) -> bool:
        """Whether the resolver finds another name that exists."""
        return any(one.addresses for one in self.about_other_names(answer, Purpose.OTHER))

    def fails_other_name(self, answer: ResolverAnswer) -> bool:
        """Whether the resolver was asked for another name that exists, and did not find it."""
        return bool(self.about_other_names(answer, Purpose.OTHER)) and not self.resolves_other_name(answer)

    @cached_property
    def _about_host(self) -> tuple[Resolution | LateAnswer, ...]:
        return tuple(
            one for one in self._observations if isinstance(one, Resolution | LateAnswer) and one.name == self.host
        )

    def _from(self, answer: ResolverAnswer) -> tuple[Resolution | LateAnswer, ...]:
        """What one resolver said of the name itself."""
        return tuple(
            one
            for one in self._about_host
            if (one.trust, one.resolver) == (answer.trust, answer.resolver) and one.purpose is Purpose.SUBJECT
        )

    @cached_property
    def _trusted_failures(self) -> frozenset[Failure]:
        """How trusted resolvers said that they have no address."""
        failures = {answer.failure for answer in self.with_trust(Trust.TRUSTED)}
        return frozenset(failure for failure in failures if failure in DNS_ANSWERS)

    @cached_property
    def _trusted_types(self) -> frozenset[str]:
        """The record types that trusted resolvers were asked for; queries that this host did not send do not count."""
        return frozenset(
            one.rrtype
            for one in self._about_host
            if one.trust is Trust.TRUSTED and one.purpose is Purpose.SUBJECT and one.failure not in OWN_FAULTS
        )


def _combined(trust: Trust, resolver: str, said: list[Resolution | LateAnswer]) -> ResolverAnswer:
    first: dict[str, None] = {}
    failures: dict[str, Failure] = {}
    late: list[tuple[str, ...]] = []
    for one in said:
        if isinstance(one, LateAnswer):
            late.append(one.addresses)
        elif one.addresses:
            first.update(dict.fromkeys(one.addresses))
        elif one.failure is not None:
            failures[one.rrtype] = one.failure
    failure = None if first else _heaviest(failures.values())
    return ResolverAnswer(resolver, trust, tuple(first), tuple(late), failure)


def _heaviest(failures: Iterable[Failure]) -> Failure:
    """The failure of a name with several failed record types: NXDOMAIN before NODATA."""
    found = list(failures)
    return next((failure for failure in _HEAVIEST_FIRST if failure in found), found[0] if found else Failure.TIMEOUT)
