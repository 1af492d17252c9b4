"""Counters and gauges in Prometheus' text format, version 0.0.4.

No label carries a target, a service or an agent: their number has no bound, and blocks belong in the history, not in a
monitoring system. Names are `probe_collector_*`.
"""

from __future__ import annotations

from collections.abc import Callable

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
PREFIX = "probe_collector_"

HELP = {
    "batches_total": "Batches by result.",
    "erasures_total": "Agents erased at their own request.",
    "rounds_total": "Rounds stored.",
    "changes_total": "Changes of targets stored.",
    "vantage_connections_total": "TCP connections that vantages began with targets.",
    "vantage_handshakes_total": "TLS handshakes that vantages began with targets.",
    "vantage_bytes_total": "Bytes that vantages read.",
    "vantage_refused_total": "Connections that vantages did not begin because a round's budget was spent.",
    "ignored_total": "Rounds, changes and verdicts acknowledged but not stored: too old, in the future or too large.",
    "refusals_total": "Requests of agents that were refused, by code.",
    "enrolments_total": "Agents enrolled.",
    "connections_open": "Open connections, of agents, readers and proxies.",
    "connections_ended_total": "Connections that were refused or ended: source, full, evicted, slow_head, slow_reader.",
    "revisions_total": "Event revisions published, by kind.",
    "fusions_total": "Services fused in a country.",
    "fusion_conflicts_total": "Results of fusion that were not stored, because another process published meanwhile.",
    "fusion_faults_total": "Services whose fusion failed by a fault of this program; the log has the reason.",
    "batch_seconds_sum": "Seconds spent on batches from the first byte to the acknowledgement.",
    "batch_seconds_count": "Batches timed.",
    "writes_waiting": "Writes that wait for a commit.",
    "agents_present": "Agents with a round within two of their intervals, by role.",
    "events_open": "Events that have not lifted, by scope.",
    "fusion_lag_seconds": "How long the oldest change has waited to be fused.",
    "log_entries": "Entries of the transparency log.",
    "task_failing": "1 while the last pass of a background task failed, else 0, by task.",
    "task_failures_total": "Failed passes of background tasks, by task.",
    "task_success_age_seconds": "Seconds since a background task last finished a pass, by task.",
    "alert_attempts_total": "Attempts to deliver a message to a subscription, by result: sent, failed, given_up.",
    "alerts_waiting": "Messages to subscriptions that are not delivered yet.",
    "alert_age_seconds": "How long the oldest of them has waited.",
    "dropped_samples_total": "Numbers that were not counted because they were negative, not finite or absurdly large.",
}
GAUGES = frozenset(
    {
        "writes_waiting",
        "agents_present",
        "connections_open",
        "events_open",
        "fusion_lag_seconds",
        "log_entries",
        "task_failing",
        "alerts_waiting",
        "alert_age_seconds",
        "task_success_age_seconds",
    }
)
MAX_VALUE = 2.0**63
"""A number of this size or larger is no count of anything: neither is it added nor printed."""
Labels = tuple[tuple[str, str], ...]


class Metrics:
    """The counters and gauges of one process."""

    def __init__(self) -> None:
        self._values: dict[tuple[str, Labels], float] = {}
        self._registered: dict[tuple[str, Labels], Callable[[], float]] = {}

    def add(self, name: str, amount: float = 1.0, **labels: str) -> None:
        """Increase a counter; an amount that is negative, not finite or absurdly large is dropped and counted so."""
        if not 0.0 <= amount < MAX_VALUE:  # also false for NaN; a whole number of any length compares well
            name, amount, labels = "dropped_samples_total", 1.0, {}
        key = (name, _sorted(labels))
        self._values[key] = self._values.get(key, 0.0) + float(amount)

    def set(self, name: str, value: float, **labels: str) -> None:
        """Set a gauge."""
        self._values[name, _sorted(labels)] = value

    def register(self, name: str, call: Callable[[], float], **labels: str) -> None:
        """Register a gauge by a function that gives its value whenever the page is read."""
        self._registered[name, _sorted(labels)] = call

    def text(self) -> str:
        """The page. A number that is not finite or absurdly large is left out."""
        values = self._values | {key: call() for key, call in self._registered.items()}
        lines: list[str] = []
        for name, help_text in HELP.items():
            lines += [f"# HELP {PREFIX}{name} {help_text}"]
            lines += [f"# TYPE {PREFIX}{name} {'gauge' if name in GAUGES else 'counter'}"]
            for (found, labels), value in sorted(values.items()):
                if found == name and -MAX_VALUE < value < MAX_VALUE:
                    inside = ",".join(f'{key}="{_escaped(word)}"' for key, word in labels)
                    lines.append(f"{PREFIX}{name}{'{' + inside + '}' if inside else ''} {value:.10g}")
        return "\n".join(lines) + "\n"


def _sorted(labels: dict[str, str]) -> Labels:
    return tuple(sorted(labels.items()))


def _escaped(word: str) -> str:
    """A label's value between its quotes."""
    return word.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
