"""Perform the step `QuicHandshake`: a handshake over our own UDP socket, and a PING some seconds later (with aioquic).

aioquic does no I/O here. It returns the datagrams to send and the time of its next timer; this module has the socket
and the clock. The Initial is QUIC v1 with the ALPN of HTTP/3, padded to 1,200 bytes (RFC 9000 section 14.1).
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import socket
import ssl
import time
from typing import TYPE_CHECKING, Any

from probe.errors import ProbeError
from probe.measure.budget import MAX_CONNECTION_BYTES, Budget
from probe.measure.certificates import system_certificates
from probe.measure.failures import FailureInfo, Operation, OperationError, classify, operation_error
from probe.measure.step_timeout import StepTimeout
from probe.measure.tools import Emit, Timestamps, Tools
from probe.model.failure import Failure
from probe.model.observation import QuicExchange
from probe.model.step import QuicHandshake
from probe.traffic_account import payload_traffic

if TYPE_CHECKING:
    from aioquic.quic.connection import QuicConnection

MAX_DATAGRAM_BYTES = 2_048
"""Size of a datagram that is read: paths carry 1,500 bytes. A fragmented one of 64 KiB has room for ten thousand CRYPTO
frames, and aioquic sorts each among all others."""
MAX_PROCESSING_SECONDS = 0.5
"""Processor time of aioquic for the datagrams of one step. A handshake takes 10 ms, and 100 KiB of one-byte
CRYPTO frames six seconds."""
_MAX_DATAGRAMS = 4_096
"""Datagrams read in one step: a handshake takes about ten."""
_MAX_BYTES = MAX_CONNECTION_BYTES - 65_535
"""Bytes read in one step. The last datagram still fits into what the budget reserved."""
_CRYPTO_ERROR = 0x100
"""Added to the number of a TLS alert in CONNECTION_CLOSE (RFC 9001 section 4.8)."""
_CERTIFICATE_ALERTS = frozenset({42, 43, 44, 45, 46, 48})
"""Alerts about the peer's certificate (RFC 8446 section 6.2). The probe has no certificate, so they are about the
server's."""


def require_aioquic() -> None:
    """Check that QUIC is available.

    Raises:
        ProbeError: the package is not installed; says how to install it.
    """
    if importlib.util.find_spec("aioquic") is None:
        raise ProbeError("QUIC needs the package aioquic", mend="pip install 'reachability-probe[quic]'")


async def quic(step: QuicHandshake, tools: Tools, timestamps: Timestamps, emit: Emit) -> None:
    """Perform a handshake; after a success, send a PING on the same tuple when `step.later` seconds have passed."""
    loop = asyncio.get_running_loop()
    async with tools.connection(step.address):
        client = None
        start = loop.time()
        failed: FailureInfo | None = None
        try:
            client = _QuicClient(step, tools.pace.budget)
            async with tools.concurrency.handshake_slot():
                start = loop.time()
                with StepTimeout(tools.timeout):
                    await client.handshake()
        except Exception as error:
            failed = classify(error, Operation.DATAGRAM)
            if failed.failure is Failure.BUG:
                raise
            if failed.failure is Failure.TIMEOUT and client is not None and client.answered and not client.replied:
                failed = operation_error(Failure.GARBAGE, "the datagrams that came are no replies").info
        except BaseException:
            if client is not None:
                await client.close()
            raise
        try:
            emit(_observation(step, client, failed, timestamps.fields(start, loop.time())))
            if client is not None and failed is None and step.later:
                await _ping_later(step, client, tools, timestamps, emit)
        finally:
            if client is not None:
                await client.close()


async def _ping_later(
    step: QuicHandshake, client: _QuicClient, tools: Tools, timestamps: Timestamps, emit: Emit
) -> None:
    """Send a PING some seconds later: every endpoint answers one, and it takes one packet where an Initial takes ten.

    A server that has closed the connection by then was reachable: nothing is emitted.
    """
    loop = asyncio.get_running_loop()
    done = loop.time()
    if not await client.keep_open(done + step.later):
        return
    start = loop.time()
    failed = None
    client.answered = False
    try:
        with StepTimeout(tools.timeout):
            await client.ping()
    except Exception as error:
        failed = classify(error, Operation.DATAGRAM)
        if failed.failure is Failure.BUG:
            raise
    gap = round((start - done) * 1000)
    emit(_observation(step, client, failed, timestamps.fields(start, loop.time()), gap=gap))


def _observation(
    step: QuicHandshake, client: _QuicClient | None, failed: FailureInfo | None, fields: dict[str, Any], gap: int = 0
) -> QuicExchange:
    return QuicExchange(
        address=step.address,
        port=step.port,
        sni=step.sni,
        verified=failed is None and step.verify,
        alpn=client.alpn if client is not None else "",
        alert=failed.alert if failed else "",
        answered=client is not None and client.answered,
        gap=gap,
        failure=failed.failure if failed else None,
        detail=failed.detail if failed else "",
        **fields,
    )


class _QuicClient:
    """One QUIC connection on one socket.

    Attributes:
        answered: a datagram came back.
        replied: a datagram was a QUIC packet of this connection: no garbage, and no echo of what was sent.
        alpn: the negotiated protocol.

    Raises:
        OperationError: this host has no route to there.
    """

    def __init__(self, step: QuicHandshake, budget: Budget) -> None:
        self.answered = self.replied = False
        self.alpn = ""
        self._budget = budget
        self._loop = asyncio.get_running_loop()
        self._peer = (step.address, step.port)
        self._datagrams = self._bytes = 0
        self._processing = 0.0
        self._receiving: asyncio.Task[bytes] | None = None
        self._quic = _new_connection(step)
        try:
            self._sock = socket.socket(socket.AF_INET6 if ":" in step.address else socket.AF_INET, socket.SOCK_DGRAM)
            try:
                self._sock.setblocking(False)
                self._sock.connect(self._peer)
            except BaseException:
                self._sock.close()
                raise
        except OSError as error:
            raise OperationError(classify(error, Operation.DATAGRAM, at_once=True)) from error

    async def handshake(self) -> None:
        """Perform the handshake, from the Initial to the server's Finished.

        Raises:
            OperationError: the server, or its certificate, ended it. OSError when an ICMP error came back.
        """
        from aioquic.quic.events import HandshakeCompleted  # noqa: PLC0415 - an extra, loaded when it is needed

        self._quic.connect(self._peer, now=self._loop.time())
        done = await self._run_until(HandshakeCompleted)
        self.alpn = done.alpn_protocol or ""

    async def keep_open(self, until: float) -> bool:
        """Keep the connection open until a moment on the loop's clock; False when the other side closed it before."""
        try:
            await self._run_until(None, until)
        except (OperationError, OSError):
            return False
        return True

    async def ping(self) -> None:
        """Send a PING and wait for its acknowledgement; a server that closes now has answered, too.

        Raises:
            OSError: an ICMP error came back.
        """
        from aioquic.quic.events import PingAcknowledged  # noqa: PLC0415 - as above

        self._quic.send_ping(1)
        try:
            await self._run_until(PingAcknowledged)
        except OperationError:
            if not self.answered:
                raise operation_error(Failure.TIMEOUT) from None

    async def close(self) -> None:
        """Close the connection and, once nobody waits for it, the socket.

        A socket that is closed while a read of it is pending stays registered with the event loop for one more turn.
        The next socket, which gets the same number, then fails (ENOENT from epoll) or loses its reader.
        """
        self._quic.close()
        with contextlib.suppress(OSError):  # the server may be unreachable
            self._send()
        try:
            if self._receiving is not None:
                self._receiving.cancel()
                await asyncio.wait({self._receiving})
        finally:
            self._sock.close()

    async def _run_until(self, wanted: type | None, moment: float | None = None) -> Any:
        """Run the connection until an event of this kind, which is returned, or until a moment."""
        from aioquic.quic.events import ConnectionTerminated  # noqa: PLC0415 - as above

        while moment is None or self._loop.time() < moment:
            self._send()
            while (event := self._quic.next_event()) is not None:
                if isinstance(event, ConnectionTerminated):
                    raise OperationError(_termination(event.error_code, event.reason_phrase))
                if wanted is not None and isinstance(event, wanted):
                    return event
            # aioquic reports a closed connection only after its draining period of a second or so (RFC 9000 section
            # 10.2). The reason is known at once; where a later aioquic hides it, this waits.
            closed = getattr(self._quic, "_close_event", None)
            if closed is not None:
                raise OperationError(_termination(closed.error_code, closed.reason_phrase))
            await self._wait(moment)
        return None

    async def _wait(self, moment: float | None) -> None:
        """Wait for the next datagram, for the connection's own timer, or for a moment."""
        times = [time for time in (self._quic.get_timer(), moment) if time is not None]
        if self._receiving is None:
            self._receiving = asyncio.create_task(self._loop.sock_recv(self._sock, 65_535))
        rest = max(0.0, min(times) - self._loop.time()) if times else None
        await asyncio.wait({self._receiving}, timeout=rest)
        now = self._loop.time()
        if self._receiving.done():
            received, self._receiving = self._receiving, None
            data = received.result()
            self.answered = True
            self.replied |= _is_reply(data, self._quic.host_cid)
            self._process(data, now)
        timer = self._quic.get_timer()
        if timer is not None and timer <= now:
            self._quic.handle_timer(now=now)

    def _process(self, data: bytes, now: float) -> None:
        """Pass a datagram to aioquic, as long as the bounds on datagrams and on processor time allow."""
        self._budget.count(len(data))
        self._datagrams += 1
        self._bytes += len(data)
        if self._datagrams > _MAX_DATAGRAMS or self._bytes > _MAX_BYTES or len(data) > MAX_DATAGRAM_BYTES:
            raise operation_error(Failure.TOO_MUCH, "datagrams")
        start = time.thread_time()
        self._quic.receive_datagram(data, self._peer, now=now)
        self._processing += time.thread_time() - start
        if self._processing > MAX_PROCESSING_SECONDS:
            raise operation_error(Failure.TOO_MUCH, "processing")

    def _send(self) -> None:
        for data, _ in self._quic.datagrams_to_send(now=self._loop.time()):
            try:
                self._budget.count_sent(payload_traffic(len(data)))
                self._sock.send(data)
            except BlockingIOError:
                return  # as good as lost: the connection sends again


def _new_connection(step: QuicHandshake) -> QuicConnection:
    from aioquic.quic.configuration import QuicConfiguration  # noqa: PLC0415 - an extra, loaded when it is needed
    from aioquic.quic.connection import QuicConnection  # noqa: PLC0415

    cafile, capath, cadata = system_certificates()
    configuration = QuicConfiguration(
        is_client=True,
        alpn_protocols=["h3"],
        server_name=step.sni or step.address,
        verify_mode=ssl.CERT_REQUIRED if step.verify else ssl.CERT_NONE,
        cafile=cafile,
        capath=capath,
        cadata=cadata,
    )
    return QuicConnection(configuration=configuration)


def _is_reply(data: bytes, connection_id: bytes) -> bool:
    """Whether a datagram begins with a packet to this connection: RFC 9000 section 17.2 (long header), 17.3 (short)."""
    long_header = data[:1] >= b"\x80"
    destination = data[6 : 6 + data[5]] if long_header and len(data) > 5 else data[1 : 1 + len(connection_id)]
    return destination == connection_id


def _termination(code: int, reason: str) -> FailureInfo:
    """Classify the closing of a connection, by this client for the server's certificate or by the server."""
    alert = code - _CRYPTO_ERROR
    if not 0 <= alert <= 255:
        return operation_error(Failure.EOF, f"QUIC error {code:#x} {reason}".strip()).info
    if alert in _CERTIFICATE_ALERTS:
        return operation_error(Failure.CERTIFICATE, reason).info
    try:
        name = ssl.AlertDescription(alert).name.removeprefix("ALERT_DESCRIPTION_").lower()
    except ValueError:
        name = f"alert_{alert}"
    return FailureInfo(Failure.ALERT, name, name)
