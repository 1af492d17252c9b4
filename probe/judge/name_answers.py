"""What resolvers answered about one name.

The *reference* are the addresses that trusted resolvers and the control gave. The name is *absent* where a trusted
resolver or the control says NXDOMAIN, and nobody gives an address that counts.

A trusted resolver that *filters* the name is not trusted about it: it says so by an extended DNS error (RFC 8914), by
an answer without recursion (RA=0: Quad9 marks what it blocks so), or by the null address in place of every other.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from functools import lru_cache

import msgspec

from probe.judge.cached_property import cached_property
from probe.model.address import is_bogon, network_of
from probe.model.failure import DNS_ANSWERS, OWN_FAULTS, Failure
from probe.model.hop import Purpose
from probe.model.observation import LateAnswer, Observation, Resolution
from probe.model.resolver import Trust
from probe.model.verdict import ControlFacts

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052: an IPv4 address in an IPv6 one, made by DNS64

_FILTER_ERRORS = frozenset({4, 15, 16, 17, 18})
"""Extended DNS errors (RFC 8914) of answers by policy: Forged Answer, Blocked, Censored, Filtered, Prohibited."""
_NULL_ADDRESSES = frozenset({"0.0.0.0", "::"})  # noqa: S104 - an answer of filters, not an address to listen on

_HEAVIEST_FIRST = (Failure.NXDOMAIN, Failure.REFUSED, Failure.SERVFAIL, Failure.TIMEOUT, Failure.NODATA)
"""NODATA is last: most names have no IPv6 address, which does not explain a lost query for the other family."""


_OWN_RESOLVERS = frozenset({Trust.SYSTEM, Trust.NETWORK})
"""The resolvers whose answers programs on this host use."""

_Asked = tuple[Trust, str, int]
"""Trust, name and rank of a resolver: two at private addresses have the same name."""


@lru_cache(maxsize=4096)
def plain(address: str) -> str:
    """The address itself, or the IPv4 address that DNS64 wrapped."""
    parsed = ipaddress.ip_address(address)
    if isinstance(parsed, ipaddress.IPv6Address) and parsed in _NAT64:
        return str(ipaddress.IPv4Address(int(parsed) & 0xFFFF_FFFF))
    return address


class ResolverAnswer(msgspec.Struct, frozen=True):
    """What one resolver answered about the name, record types taken together.

    Attributes:
        resolver: as in the observation.
        trust: in the resolver.
        rank: its position in the system's order, as in the observation.
        first: the addresses of its first answers.
        late: the addresses of later answers to the same queries; an empty tuple for a later failure.
        failure: None where there are addresses.
    """

    resolver: str
    trust: Trust
    rank: int
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
        """One answer per resolver, in the order of asking.

        Left out are resolvers that this host could not ask, and trusted ones that filter the name.
        """
        asked: dict[_Asked, list[Resolution | LateAnswer]] = {}
        for one in self._about_host:
            if one.purpose is Purpose.SUBJECT:
                asked.setdefault(_asked(one), []).append(one)
        answers = (_combined(whom, said) for whom, said in asked.items() if whom not in self.filtering)
        return tuple(answer for answer in answers if answer.failure not in OWN_FAULTS)

    @cached_property
    def filtering(self) -> frozenset[_Asked]:
        """The trusted resolvers whose answers about the name a filter wrote."""
        seen: dict[_Asked, list[Resolution]] = {}
        for one in self._about_host:
            if isinstance(one, Resolution) and one.trust is Trust.TRUSTED and one.purpose is Purpose.SUBJECT:
                seen.setdefault(_asked(one), []).append(one)
        return frozenset(whom for whom, said in seen.items() if _is_filtered(said))

    def with_trust(self, trust: Trust) -> tuple[ResolverAnswer, ...]:
        """The answers of resolvers of one kind."""
        return tuple(answer for answer in self.by_resolver if answer.trust is trust)

    @cached_property
    def given(self) -> frozenset[str]:
        """The addresses that the network's resolvers and the system gave, in late answers too."""
        return frozenset(
            address for answer in self.by_resolver if answer.trust in _OWN_RESOLVERS for address in answer.addresses
        )

    @cached_property
    def given_publicly(self) -> frozenset[str]:
        """The addresses of the first answers of public resolvers, which anybody on the path can forge."""
        return frozenset[str]().union(*(answer.first for answer in self.with_trust(Trust.PUBLIC)))

    @cached_property
    def trusted(self) -> frozenset[str]:
        """The addresses that trusted resolvers gave."""
        return frozenset[str]().union(*(answer.first for answer in self.with_trust(Trust.TRUSTED)))

    @cached_property
    def reference(self) -> frozenset[str]:
        """The addresses that trusted resolvers and the control gave.

        A source that has private addresses only counts where no other has a public one: some filters answer so and say
        nothing of it.
        """
        known = self._control.addresses.get(self.host, ()) if self._control is not None else ()
        sources = [frozenset(source) for source in (known, *(one.first for one in self.with_trust(Trust.TRUSTED)))]
        public = [source for source in sources if not all(map(is_bogon, source))]
        return frozenset[str]().union(*(public or sources))

    def sources_of(self, address: str) -> int:
        """How many trusted resolvers, the control among them, gave an address."""
        known = self._control.addresses.get(self.host, ()) if self._control is not None else ()
        return sum(address in one.first for one in self.with_trust(Trust.TRUSTED)) + (address in known)

    @cached_property
    def written_by_filters(self) -> frozenset[str]:
        """The addresses that only trusted resolvers gave that filter the name: those of their own notices."""
        theirs = {address for one in self._about_host if _asked(one) in self.filtering for address in one.addresses}
        return frozenset(theirs) - self.reference - self.given

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

    @property
    def denied_now(self) -> bool:
        """Whether trusted resolvers say that the name does not exist, whatever the control remembers."""
        return self._trusted_failures == {Failure.NXDOMAIN} and not self.trusted

    @property
    def denied_by_one(self) -> bool:
        """Whether a single trusted resolver is all that says that the name does not exist."""
        at_control = self._control is not None and f"dns.{Failure.NXDOMAIN}" in self._control.failures
        return not at_control and len(self.with_trust(Trust.TRUSTED)) == 1

    def is_rewritten(self, address: str) -> bool:
        """Whether a resolver gives names that do not exist this address, or one near it."""
        ghosts = [one for one in self._observations if isinstance(one, Resolution) and one.purpose is Purpose.GHOST]
        return network_of(address) in {network_of(other) for one in ghosts for other in one.addresses}

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
        types = {one.rrtype for one in self._about_host if _asked(one) == _key(answer)}
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
            and ((one.resolver, one.rank) == (answer.resolver, answer.rank) or answer.trust is Trust.SYSTEM)
        )

    def rewrites_nxdomain(self, answer: ResolverAnswer) -> bool:
        """Whether the resolver gives addresses to a name that does not exist."""
        return any(one.addresses for one in self.about_other_names(answer, Purpose.GHOST))

    def denies_random_name(self, answer: ResolverAnswer) -> bool:
        """Whether the resolver was asked for a name that does not exist, and said so."""
        ghosts = self.about_other_names(answer, Purpose.GHOST)
        return bool(ghosts) and all(one.failure in {Failure.NXDOMAIN, Failure.NODATA} for one in ghosts)

    def fails_random_name(self, answer: ResolverAnswer) -> bool:
        """Whether the resolver was asked for a name that does not exist, and could not find out about it.

        It has lost its upstream then; names that others asked for before are still in its cache.
        """
        ghosts = self.about_other_names(answer, Purpose.GHOST)
        found = any(one.addresses or one.failure in {Failure.NXDOMAIN, Failure.NODATA} for one in ghosts)
        return bool(ghosts) and not found

    def resolves_other_names(self, answer: ResolverAnswer) -> bool:
        """Whether the resolver finds at least half of the other names that exist and that it was asked for.

        A censor may lie about one of them too; a resolver that is overloaded or allows few names finds hardly any.
        """
        found: dict[str, bool] = {}
        for one in self.about_other_names(answer, Purpose.OTHER):
            found[one.name] = found.get(one.name, False) or bool(one.addresses)
        return bool(found) and 2 * sum(found.values()) >= len(found)

    def fails_other_names(self, answer: ResolverAnswer) -> bool:
        """Whether the resolver was asked for other names that exist, and did not find most of them."""
        return bool(self.about_other_names(answer, Purpose.OTHER)) and not self.resolves_other_names(answer)

    @cached_property
    def _about_host(self) -> tuple[Resolution | LateAnswer, ...]:
        return tuple(
            one
            for one in self._observations
            if isinstance(one, Resolution | LateAnswer) and one.name == self.host and not _is_incomplete(one)
        )

    def _from(self, answer: ResolverAnswer) -> tuple[Resolution | LateAnswer, ...]:
        """What one resolver said of the name itself."""
        return tuple(one for one in self._about_host if _asked(one) == _key(answer) and one.purpose is Purpose.SUBJECT)

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


def _is_incomplete(one: Resolution | LateAnswer) -> bool:
    """Whether a resolver answered, and what it said did not come: neither an answer about the name nor silence."""
    return isinstance(one, Resolution) and one.truncated and not one.addresses


def _asked(one: Resolution | LateAnswer) -> _Asked:
    return one.trust, one.resolver, one.rank


def _key(answer: ResolverAnswer) -> _Asked:
    return answer.trust, answer.resolver, answer.rank


def _is_filtered(said: list[Resolution]) -> bool:
    """Whether a trusted resolver's answers about a name come from a filter."""
    addresses = {address for one in said for address in one.addresses}
    marked = any(one.recursion is False or not _FILTER_ERRORS.isdisjoint(one.errors) for one in said)
    return marked or (bool(addresses) and addresses <= _NULL_ADDRESSES)


def _combined(whom: _Asked, said: list[Resolution | LateAnswer]) -> ResolverAnswer:
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
    trust, resolver, rank = whom
    return ResolverAnswer(resolver, trust, rank, tuple(first), tuple(late), failure)


def _heaviest(failures: Iterable[Failure]) -> Failure:
    """The failure of a name with several failed record types: NXDOMAIN before NODATA."""
    found = list(failures)
    return next((failure for failure in _HEAVIEST_FIRST if failure in found), found[0] if found else Failure.TIMEOUT)
