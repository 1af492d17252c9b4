"""One QUIC handshake by aioquic's own client: `python -m tests.lab.askquic ADDRESS NAME [SECONDS]`.

Prints `answered` or `silent`. With SECONDS it then waits, sends a PING, and prints `kept` or `lost`.
"""

from __future__ import annotations

import asyncio
import ssl
import sys

from aioquic.asyncio.client import connect
from aioquic.quic.configuration import QuicConfiguration

TIMEOUT_SECONDS = 2.0
"""For each answer."""


async def ask(address: str, name: str, later: float) -> str:
    """Perform a handshake under this name at this address; the words to print."""
    configuration = QuicConfiguration(alpn_protocols=["h3"], server_name=name, verify_mode=ssl.CERT_NONE)
    try:
        async with connect(address, 443, configuration=configuration, wait_connected=False) as client:
            client.transmit()
            try:
                async with asyncio.timeout(TIMEOUT_SECONDS):
                    await client.wait_connected()
            except (TimeoutError, ConnectionError):
                return "silent"
            if not later:
                return "answered"
            await asyncio.sleep(later)
            try:
                async with asyncio.timeout(TIMEOUT_SECONDS):
                    await client.ping()
            except (TimeoutError, ConnectionError):
                return "answered lost"
            return "answered kept"
    except OSError as error:
        return f"error {error}"


if __name__ == "__main__":
    print(asyncio.run(ask(sys.argv[1], sys.argv[2], float(sys.argv[3]) if len(sys.argv) > 3 else 0)), flush=True)  # noqa: T201
