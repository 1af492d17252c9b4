"""Lookups per CPU second by dnspython's asynchronous resolver, 50 at once; imports are not counted."""

from __future__ import annotations

import asyncio
import sys
import time

import dns.asyncresolver

from benchmarks.peers.testbed import names


async def main(server: str, count: int) -> None:
    """Look up `count` names and print the rate."""
    resolver = dns.asyncresolver.Resolver(configure=False)
    resolver.nameservers = [server]
    waiting = iter(names(count))

    async def worker() -> None:
        for name in waiting:
            await resolver.resolve(name, "A")

    began = time.process_time()
    await asyncio.gather(*(worker() for _ in range(50)))
    print(count / (time.process_time() - began))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
