"""Counters and gauges in Prometheus' text format, version 0.0.4.

No label carries a target, a service or an agent: their number has no bound, and what is blocked belongs in the history,
not in a monitoring system. Names are `probe_collector_*`.
"""

from __future__ import annotations

from collections.abc import Callable

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
PREFIX = "probe_collector_"

HELP = {
    "batches_total": "Batches by what became of them.",
    "rounds_total": "Rounds taken in.",
    "changes_total": "Changes of targets taken in.",
    "vantage_connections_total": "TCP connections that vantages began with targets.",
    "vantage_handshakes_total": "TLS handshakes that vantages began with targets.",
    "vantage_bytes_total": "Bytes that vantages read.",
    "vantage_refused_total": "Connections that vantages did not begin because a round's budget was spent.",
    "ignored_total": "Rounds and changes acknowledged but not kept: too old or of a time to come.",
    "refusals_total": "Requests of agents that were refused, by code.",
    "enrolments_total": "Agents enrolled.",
    "revisions_total": "Event revisions published, by kind.",
    "fusions_total": "Services fused in a country.",
    "batch_seconds_sum": "Seconds spent on batches from the first byte to the acknowledgement.",
    "batch_seconds_count": "Batches timed.",
    "writes_waiting": "Writes that wait for a commit.",
    "agents_present": "Agents heard within two of their intervals, by role.",
    "events_open": "Events that last, by scope.",
    "fusion_lag_seconds": "How long the oldest change has waited to be fused.",
}
_GAUGES = frozenset({"writes_waiting", "agents_present", "events_open", "fusion_lag_seconds"})
Labels = tuple[tuple[str, str], ...]


class Metrics:
    """The numbers of one process."""

    def __init__(self) -> None:
        self._values: dict[tuple[str, Labels], float] = {}
        self._asked: dict[str, Callable[[], float]] = {}

    def add(self, name: str, amount: float = 1.0, **labels: str) -> None:
        """Count up."""
        key = (name, tuple(sorted(labels.items())))
        self._values[key] = self._values.get(key, 0.0) + amount

    def set(self, name: str, value: float, **labels: str) -> None:
        """Set a gauge."""
        self._values[name, tuple(sorted(labels.items()))] = value

    def ask(self, name: str, call: Callable[[], float]) -> None:
        """A number that is asked for when the page is."""
        self._asked[name] = call

    def text(self) -> str:
        """The page."""
        values = dict(self._values)
        for name, call in self._asked.items():
            values[name, ()] = call()
        lines: list[str] = []
        for name, help_text in HELP.items():
            lines += [f"# HELP {PREFIX}{name} {help_text}"]
            lines += [f"# TYPE {PREFIX}{name} {'gauge' if name in _GAUGES else 'counter'}"]
            for (found, labels), value in sorted(values.items()):
                if found == name:
                    inside = ",".join(f'{key}="{_escaped(word)}"' for key, word in labels)
                    lines.append(f"{PREFIX}{name}{'{' + inside + '}' if inside else ''} {value:.10g}")
        return "\n".join(lines) + "\n"


def _escaped(word: str) -> str:
    """A label's value between its quotes."""
    return word.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
