"""Which answer of the network's resolvers is to blame where a name does not lead to the target.

- The system's answer is what programs see, hosts file included. Where it is good, nothing is wrong.
- Where only the system's answer is bad, and every resolver of the network answers well, the host itself is to blame.
- An address that is neither confirmed nor refuted counts as good.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from probe.judge.address_ownership import AddressOwnership
from probe.judge.cached_property import cached_property
from probe.judge.name_answers import NameAnswers, ResolverAnswer, plain
from probe.model.address import is_bogon
from probe.model.failure import Failure
from probe.model.resolver import Trust
from probe.model.verdict import Cause

_CAUSES = {
    Failure.NXDOMAIN: Cause.DNS_NXDOMAIN,
    Failure.NODATA: Cause.DNS_NODATA,
    Failure.REFUSED: Cause.DNS_REFUSED,
    Failure.SERVFAIL: Cause.DNS_SERVFAIL,
}
"""Every other failure is `dns.timeout`: no answer of the resolver arrived."""

_FINAL_FAILURES = frozenset({Failure.NXDOMAIN, Failure.NODATA})
"""Failures that are answers; after others the system asks its next resolver."""
_FORGED_DENIALS = frozenset({Failure.NXDOMAIN, Failure.NODATA, Failure.REFUSED})
"""First answers that a later true one shows to be forged; not SERVFAIL: forwarders pass on what two upstreams say."""


class NameResolution:
    """The answers about a name, each judged by its addresses.

    Args:
        answers: what resolvers said.
        ownership: whether an address is the target's.
    """

    def __init__(self, answers: NameAnswers, ownership: Callable[[str], AddressOwnership]) -> None:
        self.answers = answers
        self._ownership = ownership

    def cause_of(self, answer: ResolverAnswer) -> Cause | None:
        """The cause that a wrong answer shows; None where nothing is wrong with it."""
        if not answer.first:
            return _CAUSES.get(answer.failure or Failure.TIMEOUT, Cause.DNS_TIMEOUT)
        if any(self._ownership(address) is not AddressOwnership.REFUTED for address in answer.first):
            return None
        return Cause.DNS_BOGON if is_bogon(plain(answer.first[0])) else Cause.DNS_SPOOFED

    @cached_property
    def used(self) -> ResolverAnswer | None:
        """The answer that programs on this host get; None where that is not known.

        The system asks the next resolver where one is silent or fails, which may take it longer than the step that
        watched it.
        """
        system = next(iter(self.answers.with_trust(Trust.SYSTEM)), None)
        if system is not None and _is_final(system):
            return system
        answering = [answer for answer in self.answers.with_trust(Trust.NETWORK) if _is_final(answer)]
        if not answering:
            return system
        if len(answering) > 1 and not all(answer.rank for answer in answering):
            return None  # evidence of an older version has no ranks
        return min(answering, key=lambda answer: answer.rank)

    @cached_property
    def bad_answer(self) -> ResolverAnswer | None:
        """The answer that is to blame for the name not being found; None where it is found."""
        if self.used is not None and self.used.trust is Trust.NETWORK:
            return self.used if self.cause_of(self.used) is not None else None
        system = self.answers.with_trust(Trust.SYSTEM)
        network = self.answers.with_trust(Trust.NETWORK)
        bad = sorted(
            (answer for answer in network if self.cause_of(answer) is not None), key=lambda one: not _is_final(one)
        )
        if not system:
            return bad[0] if network and len(bad) == len(network) else None
        wrong = next((answer for answer in system if self.cause_of(answer) is not None), None)
        if wrong is None or (network and not bad):
            return None
        # The system reports many failures by one word; a resolver of the network says it more exactly.
        return bad[0] if bad else wrong

    @cached_property
    def injected(self) -> ResolverAnswer | None:
        """An answer that was forged on the path: the first one is false, and a later one to the same query differs."""
        for answer in self.answers.by_resolver:
            if answer.trust is Trust.TRUSTED or not answer.late:
                continue
            if answer.trust is Trust.PUBLIC and self.used is not None and self.bad_answer is None:
                continue  # programs on this host ask another resolver, and its answer is good
            if self.cause_of(answer) is None and not self._is_corrected_late(answer):
                continue
            if answer.first or (
                answer.failure in _FORGED_DENIALS and any(self._has_confirmed(late) for late in answer.late)
            ):
                return answer
        return None

    def _is_corrected_late(self, answer: ResolverAnswer) -> bool:
        """Whether a later answer agrees with the reference, and the first one shares nothing with it."""
        agrees = any(set(map(plain, late)) & self.answers.reference for late in answer.late)
        return agrees and not self._has_confirmed(answer.first)

    def _has_confirmed(self, addresses: Iterable[str]) -> bool:
        return any(self._ownership(address) is AddressOwnership.CONFIRMED for address in addresses)


def _is_final(answer: ResolverAnswer) -> bool:
    """Whether the system asks no further resolver after such an answer."""
    return bool(answer.first) or answer.failure in _FINAL_FAILURES
