"""The detector's tables as Markdown and its state table as a diagram, for docs/detector.md."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from math import exp
from typing import Final

from probe.detect.decision import Reason
from probe.detect.failure_classes import CLASS_LETTERS, CLASS_OF_CAUSE, FailureClass
from probe.detect.hypotheses import FAILURE_SHARES, REGIMES
from probe.detect.learned import BURST_WEIGHTS, MIN_STRAY_SHARES, PRIOR_BURSTS, PRIOR_STRAY_CLASSES
from probe.detect.null_model import BURST_CLASS_SHARES
from probe.detect.series import STATE_CHANGES, SeriesState
from probe.errors import ProbeError


def classes() -> str:
    """Return the failure classes and their causes."""
    rows = []
    for failure_class in FailureClass:
        causes = ", ".join(f"`{cause}`" for cause, its in CLASS_OF_CAUSE.items() if its is failure_class)
        rows.append(
            [
                CLASS_LETTERS[failure_class],
                failure_class.name.lower(),
                causes or f"every verdict `{failure_class.name.lower()}`",
            ]
        )
    return _table(["", "class", "causes"], rows)


def regimes() -> str:
    """Return the regimes: class shares of their failures, and thresholds."""
    rows = [
        [
            f"`{r.key}`",
            r.title,
            r.status.value,
            *(f"{share:g}" for share in r.row),
            f"{r.threshold_nats:.1f}",
            f"1 in {_n(r.threshold_nats)}",
        ]
        for r in REGIMES
    ]
    return _table(["regime", "", "status", *CLASS_LETTERS, "nats", "odds"], rows)


def bursts() -> str:
    """Return the class shares of failures in a burst of each kind."""
    rows = [[CLASS_LETTERS[kind], *(f"{share:g}" for share in row)] for kind, row in enumerate(BURST_CLASS_SHARES)]
    return _table(["burst of kind", *CLASS_LETTERS], rows)


def priors() -> str:
    """Return the prior counts of a new vantage."""
    return _table(
        ["", *CLASS_LETTERS],
        [
            ["stray failures, prior counts", *(f"{n:g}" for n in PRIOR_STRAY_CLASSES)],
            ["stray failures, least share", *(f"{n:g}" for n in MIN_STRAY_SHARES)],
            [f"bursts in {PRIOR_BURSTS[1]:g} target-rounds, prior counts", *(f"{n:g}" for n in PRIOR_BURSTS[0])],
            ["weight of a new burst", *(f"{n:g}" for n in BURST_WEIGHTS)],
        ],
    )


def reasons() -> str:
    """Return the reasons why an alarm is raised or not."""
    return _table(["reason", "text"], [[reason.name, reason.value] for reason in Reason])


def diagram() -> str:
    """Return the state table of one target as a Mermaid diagram."""
    names = {state: state.name.lower() for state in SeriesState}
    lines = ["```mermaid", "stateDiagram-v2", "    [*] --> rest"]
    lines += [f"    {names[state]}: {state.value}" for state in SeriesState]
    for edge in STATE_CHANGES:
        mark = " (reported)" if edge.reported else ""
        lines.append(f"    {names[edge.before]} --> {names[edge.after]}: {edge.event.replace(':', ' -')}{mark}")
    return "\n".join([*lines, "```"])


SECTIONS: Final[Mapping[str, Callable[[], str]]] = {
    "marks": classes,
    "regimes": regimes,
    "bursts": bursts,
    "priors": priors,
    "reasons": reasons,
    "diagram": diagram,
    "shares": lambda: ", ".join(f"{100 * share:.0f} %" for share in FAILURE_SHARES),
}
"""Functions by the name of their part in the document: `<!-- made: NAME -->` to `<!-- end -->`."""


def filled(document: str) -> str:
    """Return the document with its generated parts replaced.

    Raises:
        ProbeError: the document lacks a part.
    """
    for name, make in SECTIONS.items():
        begin, end = f"<!-- made: {name} -->\n", "\n<!-- end -->"
        head, found, rest = document.partition(begin)
        _, closed, tail = rest.partition(end)
        if not found or not closed:
            raise ProbeError(f"no part {name!r}", mend=f"write {begin.strip()} and {end.strip()} around it")
        document = head + begin + make() + end + tail
    return document


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _n(nats: float) -> str:
    return f"{round(exp(nats), -4):,.0f}".replace(",", " ")
