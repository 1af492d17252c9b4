"""The memory of all targets' looks between rounds, kept in the state file: which look each gets next.

What is known of relays at the vantage (`probe.plan.relay_memory`) is kept with it.

The memory belongs to one vantage. When the vantage changes (another network, other resolvers, another address family,
other settings of AS, country or trusted resolvers), it is forgotten, and every target is looked at in full. The vantage
itself is stored as a digest under a random key, never as addresses.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Sequence
from random import Random
from secrets import token_bytes

import msgspec

from probe.detect.detector_input import CurrentStatus
from probe.model.anchor_parts import AnchorMemory
from probe.model.target import TargetText
from probe.model.verdict import Status, Verdict
from probe.plan.glance_memory import KnownAnswers
from probe.plan.looks import (
    Look,
    LookMemory,
    LookTerms,
    SettledSince,
    after_full_look,
    after_glance,
    look_for,
    with_references,
)
from probe.plan.relay_memory import RelayFinding
from probe.session.pass_glances import RoundLooks
from probe.settings import Settings

log = logging.getLogger(__name__)

SECRET_BYTES = 16
"""Length of the key under which the vantage is digested."""
_NAME_CAUSES = ("tls.", "http.")
"""Causes of blocks by server name: a neutral name is tried before the blocked one, which may silence the address."""

SettledStatusOf = Callable[[str], CurrentStatus | None]


class LookBook(msgspec.Struct, frozen=True, kw_only=True):
    """The looks at the targets of a watchlist, at one vantage. Immutable: a round that is not stored changes nothing.

    Attributes:
        secret: key of `vantage`.
        vantage: digest of the vantage; empty before the first round.
        rounds: number of rounds so far.
        targets: target -> memory of its looks.
        anchors: what the last round knew of the anchors.
        relays: address family and port -> the latest trial of an address where no host can be.
    """

    secret: bytes = b""
    vantage: str = ""
    rounds: int = 0
    targets: dict[str, LookMemory] = {}
    anchors: AnchorMemory = AnchorMemory()
    relays: dict[str, RelayFinding] = {}

    @classmethod
    def load(cls, stored: bytes | None) -> LookBook:
        """Read `dump`. Without one, or with one that cannot be read, every target is looked at in full."""
        try:
            found = cls() if stored is None else msgspec.msgpack.decode(stored, type=cls)
        except msgspec.DecodeError as error:
            log.warning("the memory of looks cannot be read, every target is looked at in full: %s", error)
            found = cls()
        return found if len(found.secret) == SECRET_BYTES else cls(secret=token_bytes(SECRET_BYTES))

    def dump(self) -> bytes:
        """The whole book as bytes."""
        return msgspec.msgpack.encode(self)

    def at_vantage(self, digest: str) -> LookBook:
        """The book at a vantage: empty, where it was kept at another one."""
        if digest == self.vantage:
            return self
        if self.vantage:
            log.info("the vantage has changed: every target is looked at in full")
        return msgspec.structs.replace(self, vantage=digest, targets={}, anchors=AnchorMemory(), relays={})

    def choose(
        self, targets: Sequence[TargetText], settled: SettledStatusOf, now: float, terms: LookTerms
    ) -> tuple[list[TargetText], RoundLooks]:
        """The targets that get a look in a round that begins now, and which looks.

        Args:
            targets: those that are due by their interval.
            settled: gives the settled status of a target; None when there is none.
            now: Unix seconds.
            terms: the settings.
        """
        chosen: list[TargetText] = []
        glance: dict[str, tuple[KnownAnswers, ...]] = {}
        known: dict[str, tuple[KnownAnswers, ...]] = {}
        suspected, failing = set(), set()
        for item in targets:
            text, target = item
            memory, status = self.targets.get(text), settled(text)
            since = (
                None if status is None else SettledSince(status.status, status.since.timestamp(), status.before_watch)
            )
            look = look_for(target, since, memory, now, terms)
            if look is Look.NONE:
                continue
            chosen.append(item)
            if memory is not None:
                (glance if look is Look.GLANCE else known)[text] = memory.known
            if status is not None and status.status is Status.BLOCKED and _is_by_name(status):
                suspected.add(text)
            if _has_failed(memory, status):
                failing.add(text)
        return chosen, RoundLooks(
            glance=glance,
            known=known,
            suspected=frozenset(suspected),
            failing=frozenset(failing),
            turn=self.rounds,
            spread=terms.spread,
        )

    def failing(self) -> frozenset[str]:
        """The targets whose last full look did not find them reachable."""
        return frozenset(text for text, memory in self.targets.items() if memory.failed > memory.worked)

    def after_round(
        self,
        looked: Sequence[Verdict],
        looks: RoundLooks,
        watched: Collection[str],
        terms: LookTerms,
        random: Random,
    ) -> LookBook:
        """The book after a round.

        Args:
            looked: all verdicts of the round, in order of time.
            looks: as `choose` gave it, with what came of it.
            watched: targets of the watchlist; others are forgotten.
            terms: the settings.
            random: for the phase of the next full look.
        """
        targets = {text: memory for text, memory in self.targets.items() if text in watched}
        for verdict in looked:
            text, began = verdict.target, verdict.time.timestamp()
            if text not in watched:
                continue
            memory = targets.get(text)
            if verdict.evidence.glance and not verdict.evidence.observations:
                memory = None if memory is None else after_glance(memory, began)
            else:
                memory = after_full_look(memory, verdict.status, began, terms, random.random())
            if memory is not None:
                targets[text] = memory
        for text, known in looks.references.items():
            if text in targets:
                targets[text] = with_references(targets[text], known)
        return msgspec.structs.replace(self, targets=targets, rounds=self.rounds + 1)


def look_terms(settings: Settings) -> LookTerms:
    """What the settings say of looks. Controls look at everything in full."""
    chosen = settings.agent
    full_every = 0.0 if chosen.role == "control" else chosen.full_every
    return LookTerms(
        interval=chosen.interval,
        full_every=full_every,
        blocked_every=chosen.blocked_every,
        stretch_after=chosen.stretch_after,
        spread=chosen.spread * chosen.interval,
    )


def _has_failed(memory: LookMemory | None, status: CurrentStatus | None) -> bool:
    """Whether a target failed at its last full look, or is settled to fail."""
    failed = memory is not None and memory.failed > memory.worked
    return failed or (status is not None and status.status is not Status.REACHABLE)


def _is_by_name(status: CurrentStatus) -> bool:
    return any(cause.startswith(_NAME_CAUSES) for cause in status.causes)
