"""Shake hands over QUIC with aioquic's client, 20 at once; print what it cost without the imports."""

from __future__ import annotations

import asyncio
import ssl
import sys

from aioquic.asyncio import connect
from aioquic.quic.configuration import QuicConfiguration

from benchmarks.peers.own_cost import own_cost
from benchmarks.peers.testbed import QUIC_PORT, SITES, names


async def main(count: int) -> None:
    """Shake hands `count` times."""
    waiting = iter(names(count))
    done = 0

    async def worker(number: int) -> None:
        nonlocal done
        for name in waiting:
            configuration = QuicConfiguration(alpn_protocols=["h3"], server_name=name, verify_mode=ssl.CERT_NONE)
            async with connect(SITES[number % len(SITES)], QUIC_PORT, configuration=configuration):
                done += 1

    with own_cost() as cost:
        await asyncio.gather(*(worker(number) for number in range(20)))
        cost.succeeded = done


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
