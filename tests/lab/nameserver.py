"""A programmable name server: `python -m tests.lab.nameserver CONFIG`.

One process serves several addresses, each with a behaviour of its own: true answers, an ISP's resolver that forges
answers for some names, one that rewrites NXDOMAIN, forwarders of home routers with their faults. UDP and TCP on port
53; with a certificate also DoT (853) and DoH (443, HTTP/1.1). The table of forged answers is read again when its file
changes, so that a run can begin and lift a block.
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

import dns.edns
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset
from aiohttp import web

UDP_OCTETS = 512
"""Of an answer over UDP to a query without EDNS (RFC 1035, 4.2.1)."""


class Garbage(Exception):  # noqa: N818
    """The answer is no DNS message."""


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
        entry: its configuration; see `_oddly`.
    """

    def __init__(self, zone: dict[str, list[str]], lies: Lies, entry: dict[str, Any]) -> None:
        self._zone, self._lies, self._entry = zone, lies, entry
        self._rewriting = entry.get("rewriting", "")
        self._denied: set[str] = set()

    def answer(self, wire: bytes, *, stream: bool = False) -> bytes | None:
        """The answer to one DNS message; None to send nothing."""
        try:
            return self._answer(wire, stream=stream)
        except Garbage:
            return wire[:2] + b"\x81\x80\x00\x01\x00\x01\xc0\x0c\xc0\x0c"

    def _answer(self, wire: bytes, *, stream: bool) -> bytes | None:
        query = dns.message.from_wire(wire)
        entry = self._entry
        if query.edns >= 0 and entry.get("edns") == "silence":
            return None
        response = dns.message.make_response(query, recursion_available=True)
        if query.edns >= 0 and entry.get("edns") == "formerr":
            response = dns.message.make_response(query, recursion_available=True)
            response.use_edns(False)
            response.set_rcode(dns.rcode.FORMERR)
            return response.to_wire()
        if entry.get("lower"):
            response.question = [
                dns.rrset.RRset(dns.name.from_text(q.name.to_text().lower()), q.rdclass, q.rdtype)
                for q in query.question
            ]
        question = response.question[0]
        name = question.name.to_text(omit_final_dot=True).lower()
        if question.rdtype == dns.rdatatype.AAAA and "aaaa" in entry:
            return self._without_six(name, response)
        if question.rdtype == dns.rdatatype.A and name in self._denied:
            response.set_rcode(dns.rcode.NXDOMAIN)
            return response.to_wire()
        if entry.get("synthesis") and question.rdtype == dns.rdatatype.AAAA:
            return self._synthesised(name, response, stream=stream)
        answer = self._plainly(name, response)
        return None if answer is None else self._fitted(answer, query, stream=stream)

    def _without_six(self, name: str, response: dns.message.Message) -> bytes | None:
        """What a forwarder that knows only A says to AAAA; one of them remembers it for every type of the name."""
        if self._entry["aaaa"] == "SILENCE":
            return None
        if self._entry["aaaa"] == "NXDOMAIN-KEPT":
            self._denied.add(name)
        response.set_rcode(dns.rcode.from_text(self._entry["aaaa"].partition("-")[0]))
        return response.to_wire()

    def _synthesised(self, name: str, response: dns.message.Message, *, stream: bool) -> bytes | None:
        """DNS64 (RFC 6147): AAAA records made of a prefix and of A records, where the name has no AAAA."""
        question = response.question[0]
        if name == "ipv4only.arpa":
            response.answer.append(self._records(question, [f"{self._entry['synthesis']}192.0.0.170"]))
            return response.to_wire()
        own = self._plainly(name, response)
        if own is None or own.answer or own.rcode() != dns.rcode.NOERROR:
            return None if own is None else own.to_wire()
        lie = self._lies.of(name)
        four = [a for a in (lie["answers"] if lie else self._zone.get(name, ())) if ":" not in a]
        if four:
            own.answer.append(self._records(question, [f"{self._entry['synthesis']}{a}" for a in four]))
        return own.to_wire()

    def _records(self, question: dns.rrset.RRset, addresses: list[str]) -> dns.rrset.RRset:
        return dns.rrset.from_text(question.name, 300, "IN", question.rdtype, *addresses)

    def _fitted(self, response: dns.message.Message, query: dns.message.Message, *, stream: bool) -> bytes:
        """Truncate what is too large for UDP, as far as the records fit."""
        if self._entry.get("truncates") and not stream:
            response.flags |= dns.flags.TC
            response.answer = []
        limit = 65535 if stream else max(UDP_OCTETS, query.payload if query.edns >= 0 else 0)
        wire = response.to_wire(max_size=65535)
        if len(wire) <= limit:
            return wire
        response.flags |= dns.flags.TC
        record_octets = 16 if response.question[0].rdtype == dns.rdatatype.A else 28
        surplus = -(-(len(wire) - limit) // record_octets)
        kept = [record.to_text() for record in response.answer[0]][:-surplus]
        response.answer = [self._records(response.question[0], kept)] if kept else []
        return response.to_wire(max_size=65535)

    def _plainly(self, name: str, response: dns.message.Message) -> dns.message.Message | None:
        question = response.question[0]
        lie = self._lies.of(name) or self._entry.get("about", {}).get(name)
        if lie is not None and lie["rcode"] == "SILENCE":
            return None
        if lie is not None and lie["rcode"] == "GARBAGE":
            raise Garbage
        addresses = self._zone.get(name)
        if self._entry.get("portal"):
            addresses = [self._entry["portal"]]
        if lie is not None and lie.get("ede"):
            response.use_edns(0, options=[dns.edns.EDEOption(lie["ede"])])
        if lie is not None and lie.get("denies_recursion"):
            response.flags &= ~dns.flags.RA
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
            response.answer.append(self._records(question, found))
        return response


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
            if (answer := personality.answer(await reader.readexactly(length), stream=True)) is not None:
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
        return web.Response(body=personality.answer(wire, stream=True), content_type="application/dns-message")

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
        personality = Personality(zone, Lies(Path(entry["lies"]) if "lies" in entry else None), entry)
        address = entry["address"]

        async def stream(
            reader: asyncio.StreamReader, writer: asyncio.StreamWriter, personality: Personality = personality
        ) -> None:
            await _over_stream(personality, reader, writer)

        def datagrams(personality: Personality = personality) -> _Udp:
            return _Udp(personality)

        await loop.create_datagram_endpoint(datagrams, (address, 53))
        if entry.get("tcp", True):
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
