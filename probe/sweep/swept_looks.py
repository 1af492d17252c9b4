"""Which targets of a chunk are glanced at, and what is remembered of the looks that were taken.

The policy is the agent's (`probe.plan.looks`): a glance only where the last full look found the target reachable, at
the same vantage, less than `full_every` ago. A glance that differs is followed by a full look in the same pass.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Protocol

import msgspec

from probe.model.target import parse
from probe.model.verdict import Status, Verdict
from probe.plan.glance_memory import KnownAnswers
from probe.plan.looks import Look, LookMemory, LookTerms, SettledSince, after_full_look, look_for, with_references
from probe.session.pass_glances import RoundLooks

MAX_GLANCES = 1_000
"""Targets of a chunk that are glanced at in one bulk. Their verdicts are made when the bulk has ended."""


class TargetLooks(msgspec.Struct, frozen=True, array_like=True):
    """The memory of one target's looks at one vantage.

    Attributes:
        vantage: key of the vantage (`Session.vantage_key`); at another one the memory does not count.
        memory: of the looks; `looked` is not kept.
    """

    vantage: str
    memory: LookMemory


class LookChange(msgspec.Struct, frozen=True):
    """What is to be remembered of a target from now on."""

    number: int
    looks: TargetLooks


class LookMemories(Protocol):
    """What is remembered of targets."""

    def get(self, number: int, /) -> TargetLooks | None:
        """The memory of a target; None where there is none."""


class SweptLooks:
    """The looks of one chunk.

    Args:
        chunk: numbers and texts of the targets.
        memories: number -> what is remembered of the target.
        terms: the settings, with `interval` for the time from one measurement of a target to the next.
        vantage: key of the present vantage.
        now: Unix seconds.
        draw: random, from 0 to 1.
    """

    def __init__(
        self,
        chunk: Sequence[tuple[int, str]],
        memories: LookMemories,
        terms: LookTerms,
        *,
        vantage: str,
        now: float,
        draw: Callable[[], float],
    ) -> None:
        self._chunk = chunk
        self._memories = memories
        self._numbers = {text: number for number, text in chunk}
        self._terms = terms
        self._vantage = vantage
        self._now = now
        self._draw = draw
        self._turn = int(now // max(1.0, terms.interval))
        self._found_well: dict[str, LookMemory] = {}

    def bulks(self) -> Iterator[tuple[list[str], RoundLooks]]:
        """The targets that are glanced at, and what is known of them, in bulks."""
        bulk: dict[str, tuple[KnownAnswers, ...]] = {}
        for number, text in self._chunk:
            memory = self._memory(number)
            if memory is not None and self._is_glanced_at(text, memory):
                bulk[text] = memory.known
            if len(bulk) == MAX_GLANCES:
                yield list(bulk), RoundLooks(glance=bulk, turn=self._turn)
                bulk = {}
        if bulk:
            yield list(bulk), RoundLooks(glance=bulk, turn=self._turn)

    def full(self) -> RoundLooks:
        """What is known of the targets that are looked at in full."""
        return RoundLooks(known=_KnownOfChunk(self), turn=self._turn)

    @property
    def texts(self) -> Collection[str]:
        """The targets of the chunk."""
        return self._numbers

    def known(self, text: str) -> tuple[KnownAnswers, ...] | None:
        """What is known of a target; None where there is nothing."""
        memory = self._memory(self._numbers[text]) if text in self._numbers else None
        return None if memory is None else memory.known

    def note(self, verdict: Verdict) -> Iterator[LookChange]:
        """Take in a verdict; what it changes at once. That of a glance changes nothing."""
        if not verdict.evidence.observations:
            return
        number = self._numbers[verdict.target]
        memory = self._memory(number)
        changed = after_full_look(memory, verdict.status, verdict.time.timestamp(), self._terms, self._draw())
        if changed is None:
            return
        if verdict.status is Status.REACHABLE:
            self._found_well[verdict.target] = changed  # its reference glances are under way
        else:
            yield self._change(number, changed)

    def settle(self, looks: RoundLooks) -> Iterator[LookChange]:
        """What the reference glances that have ended change."""
        for text in [text for text in looks.references if text in self._found_well]:
            changed = with_references(self._found_well.pop(text), looks.references.pop(text))
            yield self._change(self._numbers[text], changed)

    def _is_glanced_at(self, text: str, memory: LookMemory) -> bool:
        settled = SettledSince(Status.REACHABLE if memory.worked > memory.failed else Status.UNREACHABLE, 0.0)
        return look_for(parse(text), settled, memory, self._now, self._terms) is Look.GLANCE

    def _memory(self, number: int) -> LookMemory | None:
        looks = self._memories.get(number)
        return looks.memory if looks is not None and looks.vantage == self._vantage else None

    def _change(self, number: int, memory: LookMemory) -> LookChange:
        return LookChange(number, TargetLooks(self._vantage, memory))


class _KnownOfChunk(Mapping[str, tuple[KnownAnswers, ...]]):
    """Target -> what is known of it; read when it is asked for."""

    def __init__(self, looks: SweptLooks) -> None:
        self._looks = looks

    def __getitem__(self, text: str) -> tuple[KnownAnswers, ...]:
        known = self._looks.known(text)
        if known is None:
            raise KeyError(text)
        return known

    def __iter__(self) -> Iterator[str]:
        return iter(self._looks.texts)

    def __len__(self) -> int:
        return len(self._looks.texts)
