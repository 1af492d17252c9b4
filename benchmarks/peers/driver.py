"""Asks a running exporter for each target of a list; prints how many it found well and how many ill."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import aiohttp


async def main(names: list[str], exporter: str, module: str, concurrency: int) -> None:
    """Ask, so many at once."""
    targets = iter(names)
    well = ill = 0

    async def hand(session: aiohttp.ClientSession) -> None:
        nonlocal well, ill
        for target in targets:
            async with session.get(f"{exporter}/probe", params={"module": module, "target": target}) as answer:
                if "\nprobe_success 1" in await answer.text():
                    well += 1
                else:
                    ill += 1

    timeout = aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=timeout) as session:
        await asyncio.gather(*(hand(session) for _ in range(concurrency)))
    print(well, ill)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]).read_text().split(), sys.argv[2], sys.argv[3], int(sys.argv[4])))
