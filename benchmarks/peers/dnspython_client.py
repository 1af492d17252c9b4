"""Look names up with dnspython's asynchronous resolver, 50 at once; print what it cost without the imports."""

from __future__ import annotations

import asyncio
import sys

import dns.asyncresolver

from benchmarks.peers.own_cost import own_cost
from benchmarks.peers.testbed import names


async def main(server: str, count: int) -> None:
    """Look up `count` names."""
    resolver = dns.asyncresolver.Resolver(configure=False)
    resolver.nameservers = [server]
    waiting = iter(names(count))
    found = 0

    async def worker() -> None:
        nonlocal found
        for name in waiting:
            await resolver.resolve(name, "A")
            found += 1

    with own_cost() as cost:
        await asyncio.gather(*(worker() for _ in range(50)))
        cost.succeeded = found


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
