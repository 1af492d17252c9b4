"""The lab's QUIC servers: `python -m tests.lab.quicserver CONFIG`; they complete handshakes and answer PINGs only."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from aioquic.asyncio import serve
from aioquic.quic.configuration import QuicConfiguration


async def main(entries: list[dict[str, Any]]) -> None:
    """Open every server, say `ready`, serve until killed."""
    for entry in entries:
        configuration = QuicConfiguration(is_client=False, alpn_protocols=["h3"])
        configuration.load_cert_chain(entry["certificate"], entry["certificate"])
        await serve(entry["address"], 443, configuration=configuration)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(json.loads(Path(sys.argv[1]).read_text())))
