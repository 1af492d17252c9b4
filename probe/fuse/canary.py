"""Canaries: targets whose status the operator knows, among the others in the list. Agreement weighs a vantage.

Nothing in the list marks them. A vantage that calls a working target blocked, or reaches one that nobody can reach, is
wrong or lies. A vantage that cannot measure a canary (its line is down, a trusted resolver is missing) says nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum

from probe.errors import ListError
from probe.fuse.service import INTERFERENCE
from probe.model.verdict import Status

PRIOR_CANARIES = 1
"""Agreeing canaries that each vantage is given, so that one disagreement alone does not end its vote."""


class CanaryStatus(StrEnum):
    """What is known of a canary."""

    UP = "up"
    """It works, and no network blocks it."""
    DOWN = "down"
    """Nobody can reach it."""
    NEVER = "never"
    """Its name never existed. A network that answers for every name may show a page: that is interference."""


def agrees(expected: CanaryStatus, status: Status) -> bool | None:
    """Whether a status agrees with what is known; None where it says nothing."""
    match expected:
        case CanaryStatus.UP:
            return None if status not in {Status.REACHABLE, *INTERFERENCE} else status is Status.REACHABLE
        case CanaryStatus.DOWN:
            return None if status is Status.UNKNOWN else status in {Status.DOWN, Status.UNREACHABLE}
        case CanaryStatus.NEVER:
            return None if status is Status.UNKNOWN else status is not Status.REACHABLE


def weight_of(statuses: Iterable[tuple[str, Status]], canaries: Mapping[str, CanaryStatus]) -> float:
    """The weight of a vantage, between 0 and 1, by its present statuses of the canaries."""
    found = [agrees(canaries[target], status) for target, status in statuses if target in canaries]
    right, wrong = found.count(True), found.count(False)
    return 1.0 if not wrong else (right + PRIOR_CANARIES) / (right + wrong + PRIOR_CANARIES)


def read_canaries(text: str, where: str) -> dict[str, CanaryStatus]:
    """Read a file of canaries: one a line, `up`, `down` or `never`, then the target as it is in the list.

    Raises:
        ListError: a line has another form.
    """
    found: dict[str, CanaryStatus] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.partition("#")[0].split() if line.lstrip().startswith("#") else line.split()
        if not words:
            continue
        if len(words) != 2 or words[0] not in set(CanaryStatus):
            mend = "write for example: up https://example.org/"
            raise ListError(f"{line[:80]!r} is no canary", where=f"{where}:{number}", mend=mend)
        found[words[1]] = CanaryStatus(words[0])
    return found
