"""Print what a part of this process cost, as the JSON of a `Run`."""

from __future__ import annotations

import json
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass


@dataclass
class Cost:
    """The same fields as `benchmarks.peers.processes.Run`; the body sets how many succeeded."""

    cpu: float = 0.0
    wall: float = 0.0
    memory: float = 0.0
    succeeded: int = 0
    failed: int = 0


@contextmanager
def own_cost() -> Iterator[Cost]:
    """Measure the body: CPU seconds of this process and its ended children, wall seconds, peak MiB."""
    cost, began, before = Cost(), time.monotonic(), _cpu()
    yield cost
    cost.wall, cost.cpu = time.monotonic() - began, _cpu() - before
    cost.memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(asdict(cost)), flush=True)


def _cpu() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime
