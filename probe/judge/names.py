"""DNS: what the network's resolvers answered about one name, held against whoever should know.

The *reference* are the addresses that trusted resolvers and the control gave. The name *exists* where there is one; it
is *absent* where those that should know say NXDOMAIN. A resolver's *complaint* is what is wrong with its answer; the
name is *in trouble* where the host's programs got no address of the target's, and the network's resolvers are to blame:

- the system's answer is what programs see, hosts file included: where it is good, nothing is wrong;
- where only the system's answer is bad and every resolver of the network answers well, the host itself is to blame;
- an address that is neither acquitted nor convicted counts as good.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from probe.judge.acquittal import Standing, plain
from probe.judge.hops import resolutions
from probe.judge.lazy import cached_property
from probe.model.address import is_bogon
from probe.model.failure import DNS_ANSWERS, OWN_FAULTS, Failure
from probe.model.observation import LateAnswer, Observation, Resolution
from probe.model.step import Purpose, Trust
from probe.model.verdict import Cause, ControlFacts

_CAUSES = {
    Failure.NXDOMAIN: Cause.DNS_NXDOMAIN,
    Failure.NODATA: Cause.DNS_NODATA,
    Failure.REFUSED: Cause.DNS_REFUSED,
    Failure.SERVFAIL: Cause.DNS_SERVFAIL,
}
"""Every other failure is a resolver that could not be heard: `dns.timeout`."""

_DENIALS = frozenset({Failure.NXDOMAIN, Failure.NODATA, Failure.REFUSED})
"""First answers that a later true one shows to be forged; not SERVFAIL: forwarders pass on what two upstreams say."""

_WEIGHT = (Failure.NXDOMAIN, Failure.REFUSED, Failure.SERVFAIL, Failure.TIMEOUT, Failure.NODATA)
"""NODATA is last: most names have no IPv6 address, which says nothing of a question for the other that was lost."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What one resolver said, record types taken together.

    Attributes:
        first: the addresses of its first answers.
        late: the addresses of answers that came later to the same queries; an empty tuple for a later failure.
        failure: None where there are addresses.
    """

    resolver: str
    trust: Trust
    first: tuple[str, ...]
    late: tuple[tuple[str, ...], ...]
    failure: Failure | None


class Names:
    """The answers about one name.

    Args:
        host: the name.
        observations: all of the measurement.
        control: the control's facts, where they may be believed.
        standing: of an address, for the leg that asks.
        served: the control was served by the name, so it cannot be absent.
    """

    def __init__(
        self,
        host: str,
        observations: tuple[Observation, ...],
        control: ControlFacts | None,
        standing: Callable[[str], Standing],
        *,
        served: bool = False,
    ) -> None:
        self.host = host
        self._observations = observations
        self._control = control
        self._standing = standing
        self._served = served

    @cached_property
    def answers(self) -> tuple[Answer, ...]:
        """One a resolver, in the order of asking; those that this host could not ask are left out."""
        asked: dict[tuple[Trust, str], list[Resolution | LateAnswer]] = {}
        for one in resolutions(self._observations, self.host):
            if one.purpose is Purpose.SUBJECT:
                asked.setdefault((one.trust, one.resolver), []).append(one)
        answers = (_answer(trust, resolver, said) for (trust, resolver), said in asked.items())
        return tuple(answer for answer in answers if answer.failure not in OWN_FAULTS)

    def of(self, trust: Trust) -> tuple[Answer, ...]:
        """The answers of resolvers of one kind."""
        return tuple(answer for answer in self.answers if answer.trust is trust)

    @cached_property
    def given(self) -> frozenset[str]:
        """Every address that the network's resolvers or the system gave, late ones too."""
        local = [answer for answer in self.answers if answer.trust is not Trust.TRUSTED]
        return frozenset(a for answer in local for part in (answer.first, *answer.late) for a in part)

    @cached_property
    def reference(self) -> frozenset[str]:
        """Every address that somebody gave who should know."""
        known = self._control.addresses.get(self.host, ()) if self._control is not None else ()
        return frozenset(known).union(*(answer.first for answer in self.of(Trust.TRUSTED)))

    def rivals(self, address: str) -> frozenset[str]:
        """The addresses of late answers to queries whose first answer gave this one and they did not."""
        return frozenset(
            rival
            for answer in self.answers
            if address in answer.first and answer.trust is not Trust.TRUSTED
            for late in answer.late
            if address not in late
            for rival in late
        )

    @cached_property
    def absent(self) -> bool:
        """Whether whoever should know says that there is no such name."""
        if self.reference or self._served:
            return False
        trusted = {answer.failure for answer in self.of(Trust.TRUSTED)} & DNS_ANSWERS
        at_control = self._control is not None and f"dns.{Failure.NXDOMAIN}" in self._control.failures
        return trusted == {Failure.NXDOMAIN} or (at_control and not trusted)

    def hidden(self, answer: Answer) -> tuple[str, ...]:
        """The public addresses that should have been in an answer: of the record types that were asked for."""
        types = {
            one.rrtype
            for one in resolutions(self._observations, self.host)
            if (one.trust, one.resolver) == (answer.trust, answer.resolver)
        }
        return tuple(
            address
            for address in sorted(self.reference)
            if ("AAAA" if ":" in address else "A") in types and not is_bogon(address)
        )

    @cached_property
    def empty(self) -> bool:
        """Whether nobody at all gave an address, and a trusted resolver was heard to say that there is none."""
        trusted = {answer.failure for answer in self.of(Trust.TRUSTED)} & DNS_ANSWERS
        if trusted == {Failure.NODATA} and len(self._types) < 2:
            return False  # it may have addresses of the other family, for which nobody was asked
        return bool(trusted) and not self.reference and not self.given

    @cached_property
    def _types(self) -> frozenset[str]:
        """The record types that trusted resolvers were asked for; a question that this host did not send is none."""
        asked = [o for o in resolutions(self._observations, self.host) if o.failure not in OWN_FAULTS]
        return frozenset(o.rrtype for o in asked if o.trust is Trust.TRUSTED and o.purpose is Purpose.SUBJECT)

    def complaint(self, answer: Answer) -> Cause | None:
        """What is wrong with an answer; None where nothing is."""
        if not answer.first:
            return _CAUSES.get(answer.failure or Failure.TIMEOUT, Cause.DNS_TIMEOUT)
        if any(self._standing(address) is not Standing.CONVICTED for address in answer.first):
            return None
        return Cause.DNS_BOGON if is_bogon(plain(answer.first[0])) else Cause.DNS_SPOOFED

    @cached_property
    def trouble(self) -> Answer | None:
        """The answer that is to blame for the name not being found; None where it is found."""
        system = self.of(Trust.SYSTEM)
        network = self.of(Trust.NETWORK)
        bad = [answer for answer in network if self.complaint(answer) is not None]
        if not system:
            return bad[0] if network and len(bad) == len(network) else None
        wrong = next((answer for answer in system if self.complaint(answer) is not None), None)
        if wrong is None or (network and not bad):
            return None
        # The system's failure is one word for many: a resolver of the network says it more exactly.
        return bad[0] if bad else wrong

    def tried(self, answer: Answer) -> int:
        """How often a resolver was asked for the name."""
        return len(
            {
                one.attempt
                for one in resolutions(self._observations, self.host)
                if (one.trust, one.resolver) == (answer.trust, answer.resolver) and one.purpose is Purpose.SUBJECT
            }
        )

    def silences(self, answer: Answer) -> int:
        """How often a resolver was silent about the name; 0 where it ever said anything else of it."""
        said = [
            one.failure
            for one in resolutions(self._observations, self.host)
            if (one.trust, one.resolver) == (answer.trust, answer.resolver) and one.purpose is Purpose.SUBJECT
        ]
        return len(said) if all(failure is Failure.TIMEOUT for failure in said) else 0

    @property
    def hosts_file(self) -> bool:
        """Whether the system sees something else than any resolver of the network says: a hosts file, most likely."""
        network = [answer for answer in self.of(Trust.NETWORK) if answer.failure in DNS_ANSWERS or answer.first]
        if not network or len(network) != len(self.of(Trust.NETWORK)):
            return False
        theirs = {address for answer in network for part in (answer.first, *answer.late) for address in part}
        return any(
            (bool(answer.first) and not theirs)
            or any(is_bogon(address) and address not in theirs for address in answer.first)
            for answer in self.of(Trust.SYSTEM)
        )

    @cached_property
    def injected(self) -> Answer | None:
        """An answer that somebody on the path forged: the first is false, a later one to the same query disagrees."""
        for answer in self.answers:
            if answer.trust is Trust.TRUSTED or not answer.late:
                continue
            if self.complaint(answer) is None and not self._overtaken(answer):
                continue
            if answer.first or (answer.failure in _DENIALS and any(self._acquitted(late) for late in answer.late)):
                return answer
        return None

    def _overtaken(self, answer: Answer) -> bool:
        """Whether a later answer agrees with the reference where the first shares nothing with it."""
        shown = any(set(map(plain, late)) & self.reference for late in answer.late)
        return shown and not self._acquitted(answer.first)

    def _acquitted(self, addresses: Iterable[str]) -> bool:
        return any(self._standing(address) is Standing.ACQUITTED for address in addresses)

    @property
    def raced(self) -> bool:
        """Whether several answers came to one query and disagreed, be it for a harmless reason."""
        return any(answer.late for answer in self.answers if answer.trust is not Trust.TRUSTED)

    def aside(self, answer: Answer, purpose: Purpose) -> tuple[Resolution, ...]:
        """What the same resolver said about another name."""
        return tuple(
            one
            for one in self._observations
            if isinstance(one, Resolution)
            and one.purpose is purpose
            and (one.resolver == answer.resolver or answer.trust is Trust.SYSTEM)
        )

    def rewrites(self, answer: Answer) -> bool:
        """Whether the resolver gives addresses to names that exist nowhere."""
        return any(one.addresses for one in self.aside(answer, Purpose.GHOST))

    def ghost_denied(self, answer: Answer) -> bool:
        """Whether the resolver was asked for a name that exists nowhere, and said that there is none."""
        ghosts = self.aside(answer, Purpose.GHOST)
        return bool(ghosts) and all(one.failure in {Failure.NXDOMAIN, Failure.NODATA} for one in ghosts)

    def answers_others(self, answer: Answer) -> bool:
        """Whether the resolver finds another name that exists."""
        return any(one.addresses for one in self.aside(answer, Purpose.OTHER))

    def fails_others(self, answer: Answer) -> bool:
        """Whether the resolver was asked for another name that exists, and did not find it either."""
        return bool(self.aside(answer, Purpose.OTHER)) and not self.answers_others(answer)


def _answer(trust: Trust, resolver: str, said: list[Resolution | LateAnswer]) -> Answer:
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
    return Answer(resolver, trust, tuple(first), tuple(late), failure)


def _heaviest(failures: Iterable[Failure]) -> Failure:
    """Of several record types' failures the one that speaks for the name: no such name, before no such record."""
    found = list(failures)
    return next((failure for failure in _WEIGHT if failure in found), found[0] if found else Failure.TIMEOUT)
