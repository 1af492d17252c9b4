"""A fuzzer of the reader of OONI measurements.

``python -m tests.fuzz.ooni --seconds 600 [--seed N]`` mutates measurements, node by node of their JSON and octet by
octet, for a number of seconds of one core. Each must be judged or set aside; its verdicts, alone and joined, must be
judged again without a change. Each finding becomes a test of the reader.
"""

from __future__ import annotations

import argparse
import copy
import json
import random
import sys
import time
import traceback
from collections.abc import Iterator
from typing import Any

from probe.formats.jsonlines import MAX_LINE_BYTES, read_verdict, write
from probe.formats.ooni.measurement_header import SetAside
from probe.judge import again
from probe.ooni.joining import Joiner
from probe.ooni.reading import OoniReader
from tests.fuzz.mutations import mutate
from tests.required import SHARED_DATA
from tests.unit.formats.ooni.measurements import (
    ADDRESS,
    FORGED,
    HTTP,
    OTHER,
    doh,
    keys,
    measurement,
    page,
    query,
    tcp,
    tls,
    udp,
)

MAX_SEED_BYTES = 60_000
ODD_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1 << 70, 1e308, -0.0, "", "x", "\u0000", "\ud7ff", "10.0.0.1", "::", "::ffff:1.2.3.4"),
    *("[::1]:443", "1.2.3.4:99999", "http://", "http://[::1]:0/", "https://a..b/", "http://xn--a/", "A" * 3000),
    *([], {}, [[]], [None], {"format": "base64", "data": "=="}, {"": {}}, ["depth=999"], ["depth=-1"], "AAAA", "ANY"),
    *("generic_timeout_error", "connection_reset", "dns_nxdomain_error", "ssl_invalid_hostname", "unknown_error"),
)


def seeds() -> list[Any]:
    """Measurements to begin with: our own, and the real ones where they are beside the project."""
    own = [
        measurement(),
        measurement(HTTP, keys(requests=[page(HTTP)], tcp_connect=[tcp(port=80)])),
        measurement(
            test_keys=keys(
                queries=[query("127.0.0.1"), udp("127.0.0.1"), doh(ADDRESS)],
                x_dns_duplicate_responses=[udp(ADDRESS, t=0.09)],
                tcp_connect=[tcp(FORGED), tcp(OTHER, failure="generic_timeout_error")],
                tls_handshakes=[tls(FORGED, "ssl_unknown_authority")],
                requests=[],
            )
        ),
    ]
    real = sorted((SHARED_DATA / "ooni").glob("*/*.json")) if SHARED_DATA.is_dir() else []
    return own + [json.loads(path.read_bytes()) for path in real if path.stat().st_size <= MAX_SEED_BYTES]


def mutated(record: Any, draw: random.Random) -> bytes:
    """A measurement with some nodes replaced, removed or doubled; sometimes with its octets mutated, too."""
    record = copy.deepcopy(record)
    for _ in range(draw.randint(1, 6)):
        nodes = list(_nodes(record))
        parent, key = draw.choice(nodes)
        choice = draw.random()
        if choice < 0.2:
            del parent[key]
        elif choice < 0.4 and isinstance(parent, list):
            parent.insert(draw.randrange(len(parent) + 1), copy.deepcopy(parent[key]))
        elif choice < 0.6:
            other, name = draw.choice(nodes)
            parent[key] = copy.deepcopy(other[name])
        else:
            parent[key] = copy.deepcopy(draw.choice(ODD_VALUES))
        if not isinstance(record, dict) or not record:
            break
    content = json.dumps(record).encode("utf-8", "replace")
    return mutate(content, draw) if draw.random() < 0.1 else content


def _nodes(node: Any) -> Iterator[tuple[Any, Any]]:
    """Every place of a document, as its parent and its key."""
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in list(items):
        yield node, key
        yield from _nodes(value)


def check(content: bytes, reader: OoniReader, joiner: Joiner) -> bool:
    """Read a measurement; return whether it was judged.

    Raises:
        AssertionError: a verdict is not judged again as it is, or is too long.
    """
    found = reader.read(content, "fuzz", 1)
    if isinstance(found, SetAside):
        assert found.reason
        return False
    for one in found:
        for verdict in (one.verdict, joiner.take(one)):
            line = write(verdict)
            assert len(line) <= MAX_LINE_BYTES, "longer than any verdict may be"
            assert write(again(read_verdict(line))) == line, "judged again with another result"
    return True


def main() -> None:
    """Fuzz until the time of one core is used up."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    draw = random.Random(given.seed)
    known = seeds()
    reader, joiner = OoniReader(), Joiner()
    files = judged = found = 0
    end = time.process_time() + given.seconds
    while time.process_time() < end:
        content = mutated(draw.choice(known), draw)
        files += 1
        try:
            judged += check(content, reader, joiner)
        except Exception:  # noqa: BLE001 - whatever is raised is a finding
            found += 1
            sys.stdout.write(f"finding {found}: {content[:3000]!r}\n{traceback.format_exc()}\n")
            if found >= 20:
                break
    sys.stdout.write(f"{files} measurements, {judged} judged, {found} findings (seed {given.seed})\n")


if __name__ == "__main__":
    main()
