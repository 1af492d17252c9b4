"""Measure the processor time of a call, for tests that bound the work on bytes from outside."""

from __future__ import annotations

import time
from collections.abc import Callable

MAX_CPU_SECONDS = 0.5
"""Limit for the worst 64 KiB: ten times the 50 ms that a slow host may block its event loop for."""


def cpu_seconds(call: Callable[[], object]) -> float:
    """Return the processor time of `call` in seconds; time when other processes run does not count."""
    began = time.thread_time()
    call()
    return time.thread_time() - began
