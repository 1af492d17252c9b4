"""Ask over HTTPS: RFC 8484 with POST, over HTTP/1.1 on a connection that is kept."""

from __future__ import annotations

import asyncio
from itertools import count

import h11

from probe.measure.dns_wire import DnsAnswer, DnsQuestion, MalformedDnsError
from probe.measure.failures import operation_error
from probe.measure.stream import Stream
from probe.model.failure import Failure

MAX_HEADER_BYTES = 16384
"""Bytes of a response's header: that of an API, without cookies."""
MAX_MESSAGE_BYTES = 65535
"""Bytes of a DNS message (RFC 1035 section 4.2.2)."""
_EVENTS_PER_TURN = 128
"""Protocol events after which other tasks run: a body in chunks of one byte has tens of thousands."""


class DohConnection:
    """Ask questions over one connection, one at a time. Owns the stream.

    Args:
        stream: under TLS, verified.
        host: value of the Host header.
        path: where queries are posted.
    """

    def __init__(self, stream: Stream, host: str, path: str) -> None:
        self._stream = stream
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEADER_BYTES)
        self._host = host
        self._path = path
        self._closed = False

    @property
    def reusable(self) -> bool:
        """Whether another question may follow."""
        return self._stream.reusable and self._http.our_state is h11.IDLE

    async def ask(self, question: DnsQuestion) -> DnsAnswer:
        """Send the question and wait for its answer.

        Raises:
            OSError: the connection broke.
            EOFError: the server closed it.
            OperationError: the reply is not the answer.
        """
        try:
            body = await self._post(question.message(0))  # id 0: RFC 8484 section 4.1
            answer = question.parse(body, 0)
        except h11.RemoteProtocolError as error:
            if self._closed:
                raise EOFError from error
            raise operation_error(Failure.GARBAGE, "not HTTP") from error
        except MalformedDnsError as error:
            raise operation_error(Failure.GARBAGE, str(error)) from error
        if answer is None:
            raise operation_error(Failure.GARBAGE, "an answer to another question")
        if self._http.our_state is h11.DONE and self._http.their_state is h11.DONE:
            self._http.start_next_cycle()
        return answer

    def close(self) -> None:
        """Close the connection."""
        self._stream.close()

    async def _post(self, message: bytes) -> bytes:
        headers = [
            ("Host", self._host),
            ("Accept", "application/dns-message"),
            ("Content-Type", "application/dns-message"),
            ("Content-Length", str(len(message))),
        ]
        request = h11.Request(method="POST", target=self._path, headers=headers)
        events = (request, h11.Data(data=message), h11.EndOfMessage())
        await self._stream.send(b"".join(self._http.send(event) or b"" for event in events))
        return await self._read_body()

    async def _read_body(self) -> bytes:
        body = bytearray()
        received = 0
        for turn in count(1):
            if turn % _EVENTS_PER_TURN == 0:
                await asyncio.sleep(0)
            event = self._http.next_event()
            if event is h11.NEED_DATA:
                data = await self._stream.receive()
                self._closed = not data
                self._http.receive_data(data)
                received += len(data)
                if received > MAX_HEADER_BYTES + 2 * MAX_MESSAGE_BYTES:
                    raise operation_error(Failure.TOO_MUCH, "HTTP response")
            elif isinstance(event, h11.Response) and event.status_code != 200:
                raise operation_error(Failure.GARBAGE, f"HTTP {event.status_code}")
            elif isinstance(event, h11.Data):
                body += event.data
                if len(body) > MAX_MESSAGE_BYTES:
                    raise operation_error(Failure.TOO_MUCH, "DNS message")
            elif isinstance(event, h11.EndOfMessage):
                break
        return bytes(body)
