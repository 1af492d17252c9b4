"""DNS over HTTPS: RFC 8484 with POST, over HTTP/1.1 on a connection of our own that is kept."""

from __future__ import annotations

import h11

from probe.measure.dns_wire import DnsAnswer, DnsQuestion, MalformedDnsError
from probe.measure.failures import operation_error
from probe.measure.stream import Stream
from probe.model.failure import Failure

MAX_HEADERS = 16384
"""Bytes of an answer's header: an API's, without cookies."""
MAX_MESSAGE = 65535
"""Bytes of a DNS message (RFC 1035 section 4.2.2)."""


class DohConnection:
    """Questions over one connection, one after another. Owns the stream.

    Args:
        stream: under TLS, verified.
        host: as the Host header has it.
        path: where queries are posted.

    Attributes:
        reusable: whether another question may follow.
    """

    def __init__(self, stream: Stream, host: str, path: str) -> None:
        self.reusable = True
        self._stream = stream
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEADERS)
        self._host = host
        self._path = path
        self._closed = False

    async def ask(self, question: DnsQuestion) -> DnsAnswer:
        """Ask and wait for the answer.

        Raises:
            OSError: the connection broke.
            EOFError: the server closed it.
            OperationError: what came is not the answer.
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
        self.reusable = self._http.our_state is h11.DONE and self._http.their_state is h11.DONE
        if self.reusable:
            self._http.start_next_cycle()
        return answer

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
        body = b""
        received = 0
        while True:
            event = self._http.next_event()
            if event is h11.NEED_DATA:
                data = await self._stream.receive()
                self._closed = not data
                self._http.receive_data(data)
                received += len(data)
                if received > MAX_HEADERS + 2 * MAX_MESSAGE:
                    raise operation_error(Failure.TOO_MUCH, "an answer without an end")
            elif isinstance(event, h11.Response) and event.status_code != 200:
                raise operation_error(Failure.GARBAGE, f"HTTP {event.status_code}")
            elif isinstance(event, h11.Data):
                body += event.data
                if len(body) > MAX_MESSAGE:
                    raise operation_error(Failure.TOO_MUCH, "DNS message")
            elif isinstance(event, h11.EndOfMessage):
                return body

    def close(self) -> None:
        """Close the connection."""
        self._stream.close()
