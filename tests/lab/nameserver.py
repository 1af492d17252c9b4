"""A programmable name server: `python -m tests.lab.nameserver CONFIG`.

One process serves several addresses, each with a behaviour of its own: true answers, an ISP's resolver that forges
answers for some names, one that rewrites NXDOMAIN. UDP and TCP on port 53; with a certificate also DoT (853) and DoH
(443, HTTP/1.1). The table of forged answers is read again when its file changes, so that a run can begin and lift a
block.
"""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
import struct
import sys
from pathlib import Path
from typing import Any, cast

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
from aiohttp import web


class Lies:
    """The forged answers of a resolver, from a file; none without a file."""

    def __init__(self, file: Path | None) -> None:
        self._file, self._seen = file, -1
        self._present: dict[str, dict[str, Any]] = {}

    def of(self, name: str) -> dict[str, Any] | None:
        """The forged answer for a name, if there is one now."""
        if self._file is not None and (changed := self._file.stat().st_mtime_ns) != self._seen:
            self._seen, self._present = changed, json.loads(self._file.read_text())
        return self._present.get(name)


class Personality:
    """The behaviour of one address.

    Args:
        zone: name -> addresses of both families.
        lies: the forged answers, which come before the zone.
        rewriting: the address in answers for names that do not exist; empty for NXDOMAIN.
    """

    def __init__(self, zone: dict[str, list[str]], lies: Lies, rewriting: str) -> None:
        self._zone, self._lies, self._rewriting = zone, lies, rewriting

    def answer(self, wire: bytes) -> bytes | None:
        """The answer to one DNS message; None to send nothing."""
        query = dns.message.from_wire(wire)
        response = dns.message.make_response(query, recursion_available=True)
        question = query.question[0]
        name = question.name.to_text(omit_final_dot=True).lower()
        lie = self._lies.of(name)
        if lie is not None and lie["rcode"] == "SILENCE":
            return None
        if lie is not None and lie["rcode"] == "GARBAGE":
            return wire[:2] + b"\x81\x80\x00\x01\x00\x01\xc0\x0c\xc0\x0c"
        addresses = self._zone.get(name)
        if lie is not None:
            addresses = lie["answers"]
            if lie["rcode"] not in ("", "NODATA"):
                response.set_rcode(dns.rcode.from_text(lie["rcode"]))
        elif addresses is None and self._rewriting:
            addresses = [self._rewriting]
        elif addresses is None:
            response.set_rcode(dns.rcode.NXDOMAIN)
        wanted = {dns.rdatatype.A: "4", dns.rdatatype.AAAA: "6"}.get(question.rdtype, "")
        found = [a for a in addresses or () if wanted == ("6" if ":" in a else "4")]
        if found:
            response.answer.append(dns.rrset.from_text(question.name, 300, "IN", question.rdtype, *found))
        return response.to_wire()


class _Udp(asyncio.DatagramProtocol):
    def __init__(self, personality: Personality) -> None:
        self._personality = personality

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if (answer := self._personality.answer(data)) is not None:
            self._transport.sendto(answer, addr)


async def _over_stream(personality: Personality, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            (length,) = struct.unpack("!H", await reader.readexactly(2))
            if (answer := personality.answer(await reader.readexactly(length))) is not None:
                writer.write(struct.pack("!H", len(answer)) + answer)
                await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
        pass
    finally:
        writer.close()


async def _serve_https(personality: Personality, address: str, context: ssl.SSLContext) -> None:
    async def handle(request: web.Request) -> web.Response:
        if request.method == "POST":
            wire = await request.read()
        else:
            text = request.query["dns"]
            wire = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        return web.Response(body=personality.answer(wire), content_type="application/dns-message")

    app = web.Application()
    app.router.add_route("*", "/dns-query", handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, address, 443, ssl_context=context).start()


async def serve(config: dict[str, Any], zone: dict[str, list[str]]) -> None:
    """Open every address of the configuration, say `ready`, answer until killed."""
    loop = asyncio.get_running_loop()
    servers = []
    for entry in config["listen"]:
        personality = Personality(
            zone, Lies(Path(entry["lies"]) if "lies" in entry else None), entry.get("rewriting", "")
        )
        address = entry["address"]

        async def stream(
            reader: asyncio.StreamReader, writer: asyncio.StreamWriter, personality: Personality = personality
        ) -> None:
            await _over_stream(personality, reader, writer)

        def datagrams(personality: Personality = personality) -> _Udp:
            return _Udp(personality)

        await loop.create_datagram_endpoint(datagrams, (address, 53))
        servers.append(await asyncio.start_server(stream, address, 53))
        if "certificate" in entry:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(entry["certificate"])
            servers.append(await asyncio.start_server(stream, address, 853, ssl=context))
            await _serve_https(personality, address, context)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    read = json.loads(Path(sys.argv[1]).read_text())
    asyncio.run(serve(read, json.loads(Path(read["zone"]).read_text())))
