"""Charts of the history of one target: text for a terminal, an SVG for a page.

Both show three rows: the outcomes, the evidence for a change as a share of its threshold, and the settled status.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from html import escape
from itertools import pairwise
from typing import Final

from probe.detect.explain import BatchPoint, TargetHistory
from probe.model.verdict import Status

BARS: Final = " ▁▂▃▄▅▆▇█"
PLAIN_BARS: Final = " .:-=+*#@"

_INDENT: Final = " " * 10

OUTCOME_LETTERS: Final = {"worked": ".", "failed": "x", "both": "~", "nothing": " "}

STATUS_LETTERS: Final[dict[Status | None, str]] = {
    None: "?",
    Status.REACHABLE: "-",
    Status.BLOCKED: "B",
    Status.THROTTLED: "T",
    Status.DOWN: "D",
    Status.UNREACHABLE: "U",
}

COLOURS: Final[dict[Status | None, str]] = {
    None: "#d0d0d0",
    Status.REACHABLE: "#e7f0e4",
    Status.BLOCKED: "#d1495b",
    Status.THROTTLED: "#e09f3e",
    Status.DOWN: "#6c757d",
    Status.UNREACHABLE: "#9a8c98",
}


def sentence(history: TargetHistory) -> str:
    """Return the present status, since when and why, in one sentence."""
    if not history.points:
        return f"{history.target} does not occur in these verdicts."
    last = history.points[-1]
    if last.status is None:
        return f"{history.target}: no status is settled yet; it was never reachable ({last.reason})."
    text = f"{history.target} is {last.status.value}"
    if history.transitions:
        text += f" since {minute(history.transitions[-1].onset)}, reported {minute(history.transitions[-1].time)}"
    elif history.first_sights:
        found = history.first_sights[-1]
        text += f" since before it was first measured {minute(found.since)}, certain {minute(found.time)}"
    if last.towards is not None and last.nats > 0.0:
        text += (
            f"; the evidence for {last.towards.value} is {last.nats:.1f} of {last.threshold:.1f} nats: {last.reason}"
        )
    return text + "."


def terminal(history: TargetHistory, width: int = 72, bars: str = BARS) -> str:
    """Return the chart as plain text.

    Args:
        history: the history to draw.
        width: columns of the chart, at least 20.
        bars: characters from no evidence to the threshold; `PLAIN_BARS` for terminals with ASCII only.
    """
    lines = [sentence(history)]
    if history.points:
        columns = _columns(history.points, max(10, width - len(_INDENT)))
        lines += [
            "",
            "outcome   " + "".join(_outcome_letter(column) for column in columns),
            "evidence  " + "".join(_bar(column, bars) for column in columns),
            "status    " + "".join(STATUS_LETTERS[column[-1].status] for column in columns),
            _INDENT + f"{minute(history.points[0].time)} .. {minute(history.points[-1].time)}",
            _INDENT + f"{len(history.points)} rounds, {history.others} other targets",
            _INDENT + f". worked  x failed  ~ both  |  {bars[-1]} as much evidence as it takes",
            _INDENT + "- reachable  B blocked  T throttled  D down  U unreachable  ? nothing yet",
            "",
        ]
    for found in history.first_sights:
        causes = f" ({', '.join(found.causes)})" if found.causes else ""
        lines.append(
            f"{minute(found.time)}  {found.status}{causes} since before it was first measured {minute(found.since)}:"
            f" {found.nats} nats, threshold {found.threshold}"
        )
    for one in history.transitions:
        causes = f" ({', '.join(one.causes)})" if one.causes else ""
        lines.append(
            f"{minute(one.time)}  {one.before} -> {one.after}{causes}, began about {minute(one.onset)}:"
            f" {one.evidence['nats']} nats, threshold {one.evidence['threshold']}"
        )
    return "\n".join(lines) + "\n"


def svg(history: TargetHistory) -> str:
    """Return the chart as a self-contained SVG: no script, no external style, readable without colours."""
    width, height, left = 820, 240, 70
    points = history.points
    begin = points[0].time.timestamp() if points else 0.0
    span = (points[-1].time.timestamp() - begin if points else 0.0) or 1.0

    def x(time: datetime) -> float:
        return left + (time.timestamp() - begin) / span * (width - left - 10)

    parts = [
        _HEAD.format(width=width, height=height),
        f"<title>{escape(sentence(history))}</title>",
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        *(f'<text x="4" y="{y}">{label}</text>' for y, label in ((38, "outcome"), (120, "evidence"), (208, "status"))),
        f'<line x1="{left}" y1="80" x2="{width - 10}" y2="80" stroke="#d1495b" stroke-dasharray="4 3"/>',
        f'<text x="{width - 10}" y="75" text-anchor="end" fill="#d1495b">threshold</text>',
    ]
    parts += [_tick(point, x(point.time)) for point in points]
    if points:
        line = " ".join(f"{x(point.time):.1f},{180 - 100 * _share(point):.1f}" for point in points)
        parts.append(f'<polyline points="{line}" fill="none" stroke="#1d3557" stroke-width="1.5"/>')
        parts += _bands(points, [x(point.time) for point in points])
        parts.append(f'<text x="{left}" y="{height - 6}">{minute(points[0].time)}</text>')
        parts.append(f'<text x="{width - 10}" y="{height - 6}" text-anchor="end">{minute(points[-1].time)}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


_HEAD: Final = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img"'
    ' font-family="sans-serif" font-size="12">'
)


def minute(time: datetime) -> str:
    """Return a time to the minute, in UTC."""
    return time.strftime("%Y-%m-%d %H:%M UTC")


def _tick(point: BatchPoint, x: float) -> str:
    top, colour = (22, "#d1495b") if point.failed else (34, "#2a9d8f")
    return f'<line x1="{x:.1f}" y1="{top}" x2="{x:.1f}" y2="46" stroke="{colour}"/>'


def _bands(points: Sequence[BatchPoint], xs: Sequence[float]) -> list[str]:
    """Return one rectangle for every period with one settled status."""
    parts = []
    start = 0
    for n in range(1, len(points) + 1):
        if n < len(points) and points[n].status is points[start].status:
            continue
        end = xs[n] if n < len(points) else xs[-1]
        status = points[start].status
        label = status.value if status is not None else "nothing yet"
        wide = max(1.0, end - xs[start])
        parts.append(
            f'<rect x="{xs[start]:.1f}" y="192" width="{wide:.1f}" height="24" fill="{COLOURS[status]}">'
            f"<title>{label}</title></rect>"
        )
        if wide > 7 * len(label):
            parts.append(f'<text x="{xs[start] + 4:.1f}" y="208">{label}</text>')
        start = n
    return parts


def _share(point: BatchPoint) -> float:
    """Return the evidence as a share of the threshold, at most 1."""
    return min(1.0, point.nats / point.threshold) if point.threshold else 0.0


def _columns(points: Sequence[BatchPoint], width: int) -> list[list[BatchPoint]]:
    """Return the points, spread evenly over the columns."""
    if len(points) <= width:
        return [[point] for point in points]
    edges = [n * len(points) // width for n in range(width + 1)]
    return [list(points[a:b]) for a, b in pairwise(edges)]


def _outcome_letter(column: Sequence[BatchPoint]) -> str:
    worked, failed = any(point.worked for point in column), any(point.failed for point in column)
    key = "both" if worked and failed else "worked" if worked else "failed" if failed else "nothing"
    return OUTCOME_LETTERS[key]


def _bar(column: Sequence[BatchPoint], bars: str) -> str:
    share = max(_share(point) for point in column)
    return bars[min(len(bars) - 1, round(share * (len(bars) - 1)))]
