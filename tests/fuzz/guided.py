"""The fuzzer guided by coverage, one reader for one slice of time: what `tests.fuzz.readers` starts where it can.

``python -m tests.fuzz.guided READER SECONDS SEED FOLDER``. It needs atheris (libFuzzer for Python), which is no
dependency of ours. Half of its mutations are libFuzzer's, half are those of `tests.fuzz.mutations`. Inputs that reached
something new stay in FOLDER for the next slice, findings in FOLDER/found.
"""

from __future__ import annotations

import os
import random
import sys
import time
from pathlib import Path

import atheris  # type: ignore[import-not-found, unused-ignore]

with atheris.instrument_imports(include=["probe.lists", "probe.model"]):
    from tests.fuzz.readers import READERS, check, samples
from tests.fuzz.mutations import mutate

MAX_INPUT = 6_000
"""Bytes of an input: little more than those of the largest sample."""


def main() -> None:
    """Run until the time of one core is used up; the process ends here."""
    name, seconds, seed, folder = sys.argv[1], float(sys.argv[2]), sys.argv[3], Path(sys.argv[4])
    reader = next(reader for reader in READERS if reader.name == name)
    corpus, found = folder / name, folder / "found"
    corpus.mkdir(parents=True, exist_ok=True)
    found.mkdir(exist_ok=True)
    for number, content in enumerate(samples(reader)):
        (corpus / f"good-{number}").write_bytes(content)
    counted = 0

    def one(content: bytes) -> None:
        nonlocal counted
        counted += 1
        check(reader, content)
        if time.process_time() > seconds:
            sys.stdout.write(f"files {counted}\n")
            sys.stdout.flush()
            os._exit(0)

    def mutated(content: bytes, most: int, draw: int) -> bytes:
        if draw % 2:
            return bytes(atheris.Mutate(content, most))
        return mutate(content, random.Random(draw))[:most]

    limits = [f"-max_len={MAX_INPUT}", "-timeout=300", "-rss_limit_mb=1500", f"-seed={seed}"]
    places = [f"-artifact_prefix={found}/{name}-", str(corpus)]
    atheris.Setup([sys.argv[0], *limits, *places], one, custom_mutator=mutated)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
