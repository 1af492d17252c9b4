"""DNS over a stream, each message behind its length (RFC 1035 section 4.2.2, RFC 7858 section 3.3)."""

from __future__ import annotations

import secrets

from probe.measure.dns_wire import DnsAnswer, DnsQuestion, MalformedDnsError
from probe.measure.failures import Operation, OperationError, classify, operation_error
from probe.measure.network_config import PlainResolver
from probe.measure.socket_io import open_tcp
from probe.measure.step_timeout import StepTimeout
from probe.measure.stream import Stream, TcpStream
from probe.model.failure import Failure


class DnsStreamConnection:
    """Questions over one TCP or TLS connection, one after another. Owns the stream.

    Attributes:
        reusable: whether another question may follow.
    """

    def __init__(self, stream: Stream) -> None:
        self.reusable = True
        self._stream = stream
        self._buffer = b""

    async def ask(self, question: DnsQuestion) -> DnsAnswer:
        """Ask and wait for the answer.

        Raises:
            OSError: the connection broke.
            EOFError: the server closed it.
            OperationError: what came is not the answer.
        """
        ident = secrets.randbelow(65536)
        message = question.message(ident)
        await self._stream.send(len(message).to_bytes(2, "big") + message)
        size = int.from_bytes(await self._take(2), "big")
        data = await self._take(size)
        try:
            answer = question.parse(data, ident)
        except MalformedDnsError as error:
            raise operation_error(Failure.GARBAGE, str(error)) from error
        if answer is None:
            raise operation_error(Failure.GARBAGE, "an answer to another question")
        return answer

    async def _take(self, count: int) -> bytes:
        while len(self._buffer) < count:
            data = await self._stream.receive()
            if not data:
                raise EOFError
            self._buffer += data
        taken, self._buffer = self._buffer[:count], self._buffer[count:]
        return taken

    def close(self) -> None:
        """Close the connection."""
        self._stream.close()


async def ask_over_tcp(server: PlainResolver, asked: DnsQuestion, seconds: float) -> DnsAnswer:
    """One question over a TCP connection of its own.

    Raises:
        OperationError: no connection, or no answer over it.
    """
    sock = await open_tcp(server.address, server.port, seconds)
    link = DnsStreamConnection(TcpStream(sock))
    try:
        with StepTimeout(seconds):
            return await link.ask(asked)
    except Exception as error:
        raise OperationError(classify(error, Operation.STREAM)) from error
    finally:
        link.close()
