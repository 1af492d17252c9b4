"""The log of a process: one line for each record, on standard error."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping

_PRIORITIES = ((logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6), (logging.NOTSET, 7))
"""Log level -> priority of syslog(3), which journald reads from a leading `<N>` (sd-daemon(3))."""


class _OneLine(logging.Formatter):
    """One line for each record; of a traceback only the last line, unless PROBE_TRACEBACK is set."""

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
    """Log at this level and above to standard error; with priorities instead of times where the journal reads it."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_OneLine(journal="JOURNAL_STREAM" in environ, stacks="PROBE_TRACEBACK" in environ))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.captureWarnings(capture=True)
    logging.getLogger("asyncio").setLevel(max(level, logging.WARNING))
