"""Where the daemon's words go: standard error, one line each, with a priority where the journal reads them."""

from __future__ import annotations

import gc
import logging
import os
import sys
from collections.abc import Mapping

GC_THRESHOLDS = (10_000, 20, 20)
"""New containers between two collections of the young, those between two of the middle-aged, likewise of the old."""
_PRIORITIES = ((logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6), (logging.NOTSET, 7))
"""Levels and the priorities of syslog(3), which journald reads from a leading `<N>` (sd-daemon(3))."""


class _OneLine(logging.Formatter):
    """Level, logger and message; a fault's stack folded into its last line unless PROBE_TRACEBACK is set."""

    def __init__(self, *, journal: bool, stacks: bool) -> None:
        super().__init__("%(message)s" if journal else "%(asctime)s %(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%S%z")
        self._journal = journal
        self._stacks = stacks

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        if not self._stacks and record.exc_info:
            head, *_, last = text.splitlines()
            text = f"{head}: {last}"
        if self._journal:
            return f"<{next(number for level, number in _PRIORITIES if record.levelno >= level)}>{text}"
        return text


def configure_logging(level: int, environ: Mapping[str, str] = os.environ) -> None:
    """Send everything at this level and above to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_OneLine(journal="JOURNAL_STREAM" in environ, stacks="PROBE_TRACEBACK" in environ))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.captureWarnings(capture=True)
    logging.getLogger("asyncio").setLevel(max(level, logging.WARNING))


def relax_garbage_collection() -> None:
    """Leave cycles lying for longer: at most some megabytes."""
    gc.set_threshold(*GC_THRESHOLDS)
