"""A QUIC server on every site's address that completes handshakes and serves nothing."""

from __future__ import annotations

import asyncio
import sys

from aioquic.asyncio import serve
from aioquic.quic.configuration import QuicConfiguration

from benchmarks.peers.testbed import QUIC_PORT, SITES


async def main(certificate: str, key: str) -> None:
    """Serve until the process ends."""
    configuration = QuicConfiguration(is_client=False, alpn_protocols=["h3"])
    configuration.load_cert_chain(certificate, key)
    for address in SITES:
        await serve(address, QUIC_PORT, configuration=configuration)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2]))
