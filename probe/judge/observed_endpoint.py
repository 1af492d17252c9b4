"""One address of a hop: the attempts at its subject there, and how they ended. Nothing here concludes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from probe.judge.cached_property import cached_property
from probe.judge.own_residual import Attempt, attempts_by_endpoint, residual_failures
from probe.model.failure import OWN_FAULTS, Failure
from probe.model.flow import MIN_FREEZE_SILENCE_MS
from probe.model.hop import Layer, LayerFailure, Purpose, Subject
from probe.model.observation import Conversation, Exchange, Observation, QuicExchange, TlsHandshake

_OTHER_NAMES = (Purpose.NEUTRAL, Purpose.ALLOWED)


class ObservedEndpoint:
    """One address of a hop, with everything that was tried there.

    Args:
        subject: what the hop tries.
        address: the IP address.
        seen: the hop's observations at this address, in order.
    """

    def __init__(self, subject: Subject, address: str, seen: Sequence[Conversation]) -> None:
        self.address = address
        self.subject = subject
        self._seen = seen

    @cached_property
    def attempts(self) -> tuple[Attempt, ...]:
        """The attempts at the subject, in order."""
        grouped: dict[int, list[Conversation]] = {}
        for one in self._seen:
            if self._is_of_subject(one):
                grouped.setdefault(one.attempt, []).append(one)
        return tuple(tuple(group) for _, group in sorted(grouped.items()))

    @cached_property
    def pages(self) -> tuple[Exchange, ...]:
        """The answers to the subject's request."""
        return tuple(one for group in self.attempts for one in group if isinstance(one, Exchange) and one.answered)

    @cached_property
    def serves(self) -> bool:
        """Whether at least one attempt succeeded."""
        match self.subject.scheme:
            case "https" | "http":
                return bool(self.pages)
            case "tls" | "dns":
                return self.verified
            case "quic":
                return any(_failure_of(group) is None for group in self.attempts)
            case _:
                return any(one.failure is None for group in self.attempts for one in group)

    @property
    def serving_attempts(self) -> tuple[Attempt, ...]:
        """The attempts that succeeded."""
        wanted = Exchange if self.subject.url else TlsHandshake
        return tuple(group for group in self.attempts if isinstance(group[-1], wanted) and _failure_of(group) is None)

    @cached_property
    def verified(self) -> bool:
        """Whether a certificate verified here for the subject's name."""
        return any(
            isinstance(one, TlsHandshake | QuicExchange) and one.verified for group in self.attempts for one in group
        )

    @cached_property
    def failures(self) -> tuple[LayerFailure, ...]:
        """How the failed attempts failed, in order."""
        ends = (_failure_of(group) for group in self.attempts)
        return tuple(end for end in ends if end is not None)

    @cached_property
    def main_failure(self) -> LayerFailure | None:
        """The most telling failure; None where an attempt succeeded, or none failed.

        A failure of this host itself counts only where there is no other.
        """
        remote = [end for end in self.failures if end.failure not in OWN_FAULTS]
        return None if self.serves else max(remote or self.failures, key=lambda end: end.rank, default=None)

    @cached_property
    def freezes(self) -> bool:
        """Whether an answer to the subject's request stopped after its first kilobytes."""
        return any(isinstance(one, Exchange) and one.frozen for group in self.attempts for one in group)

    @cached_property
    def crawls(self) -> bool:
        """Whether an answer to the subject's request came for seconds and was still coming when time was up."""
        return any(
            isinstance(one, Exchange)
            and one.failure is Failure.TIMEOUT
            and one.flow is not None
            and one.flow.took >= MIN_FREEZE_SILENCE_MS > one.flow.quiet
            for group in self.attempts
            for one in group
        )

    @cached_property
    def residual_failures(self) -> tuple[Attempt, ...]:
        """The attempts, under any name, whose silence followed a cut as residual blocking does."""
        return residual_failures(self._all_attempts)

    def attempts_under(self, purpose: Purpose) -> tuple[Attempt, ...]:
        """The attempts at the subject's port for this purpose, such as under another server name, in order of time."""
        return tuple(attempt for attempt in self._all_attempts if attempt[0].purpose is purpose)

    def failures_under_other_names(self, failure: LayerFailure) -> int:
        """Count the attempts under other names that failed in this way.

        A server that rejects unknown names cuts them, too. Where one was cut before the subject was, none counts;
        time-outs count always, because no server rejects a name by silence.
        """
        others = [one for one in self._all_attempts if one[0].purpose in _OTHER_NAMES]
        alike = [one for one in others if one[-1].ending is not None and one[-1].ending.pooled == failure]
        if failure.failure is Failure.TIMEOUT or not alike:
            return len(alike)
        own = [one for one in self._all_attempts if one[0].purpose is Purpose.SUBJECT and one[-1].ending == failure]
        return len(alike) if own and own[0][0].at <= alike[0][0].at else 0

    @cached_property
    def _all_attempts(self) -> tuple[Attempt, ...]:
        """The attempts at the subject's port under any name, in order of time."""
        if self.subject.scheme == "quic":
            return tuple((one,) for one in self._seen if isinstance(one, QuicExchange))
        return attempts_by_endpoint(self._seen).get((self.address, self.subject.port), ())

    @property
    def own_fault(self) -> bool:
        """Whether the attempts failed because of this host itself."""
        return self.main_failure is not None and self.main_failure.failure in OWN_FAULTS

    @property
    def alerts(self) -> tuple[str, ...]:
        """The names of the alerts that ended the subject's handshakes."""
        ends = (group[-1] for group in self.attempts)
        return tuple(
            one.alert for one in ends if isinstance(one, TlsHandshake | QuicExchange) and one.failure is Failure.ALERT
        )

    def with_purpose(self, purpose: Purpose) -> tuple[Conversation, ...]:
        """What was seen here for this purpose, such as under another server name."""
        return tuple(one for one in self._seen if one.purpose is purpose)

    def _is_of_subject(self, one: Conversation) -> bool:
        """Whether an observation belongs to an attempt at the subject, not to a comparison with it."""
        if one.purpose is not Purpose.SUBJECT:
            return False
        if isinstance(one, QuicExchange) or self.subject.scheme == "quic":
            return isinstance(one, QuicExchange) and self.subject.scheme == "quic"
        if isinstance(one, Exchange):
            return one.url == self.subject.url
        if isinstance(one, TlsHandshake):
            return one.port == self.subject.port and self.subject.scheme in {"https", "tls", "dns"}
        return one.port == self.subject.port


def answered(seen: Iterable[Conversation]) -> bool:
    """Whether anything came back to a handshake or a request; an alert and a wrong certificate are answers too."""
    return any(
        (isinstance(one, TlsHandshake | QuicExchange) and (one.failure in {None, Failure.CERTIFICATE, Failure.ALERT}))
        or (isinstance(one, Exchange) and one.status > 0)
        for one in seen
    )


def is_verified(observations: Iterable[Observation], host: str, address: str) -> bool:
    """Whether a certificate verified for the host at the address."""
    return any(
        isinstance(one, TlsHandshake | QuicExchange) and one.verified and one.sni == host and one.address == address
        for one in observations
    )


def _failure_of(attempt: Sequence[Conversation]) -> LayerFailure | None:
    """How an attempt failed; None where it succeeded, or was cut short before it could fail."""
    last = attempt[-1]
    if isinstance(last, TlsHandshake | QuicExchange) and last.failure is None and not last.verified:
        return LayerFailure(Layer.TLS if isinstance(last, TlsHandshake) else Layer.QUIC, Failure.CERTIFICATE)
    return last.ending
