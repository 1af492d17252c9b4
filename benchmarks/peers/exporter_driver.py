"""Ask a running exporter for each target of a list; print how many probes succeeded and how many failed."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import aiohttp


async def main(names: list[str], exporter: str, module: str, concurrency: int) -> None:
    """Ask for the targets, `concurrency` at a time."""
    targets = iter(names)
    succeeded = failed = 0

    async def worker(session: aiohttp.ClientSession) -> None:
        nonlocal succeeded, failed
        for target in targets:
            async with session.get(f"{exporter}/probe", params={"module": module, "target": target}) as answer:
                if "\nprobe_success 1" in await answer.text():
                    succeeded += 1
                else:
                    failed += 1

    timeout = aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=timeout) as session:
        await asyncio.gather(*(worker(session) for _ in range(concurrency)))
    print(succeeded, failed)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]).read_text().split(), sys.argv[2], sys.argv[3], int(sys.argv[4])))
