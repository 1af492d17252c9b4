"""Decrypt a QUIC client's first packet as a filter does: the keys of an Initial are derived from public values."""

from __future__ import annotations

from aioquic.buffer import Buffer
from aioquic.quic.crypto import CryptoError, CryptoPair
from aioquic.quic.packet import QuicPacketType, pull_quic_header


def plaintext(datagram: bytes) -> bytes:
    """The frames of a client's first Initial (RFC 9001 section 5.2), with the ClientHello; empty for other packets."""
    reading = Buffer(data=datagram)
    try:
        header = pull_quic_header(reading, host_cid_length=8)
        if header.packet_type is not QuicPacketType.INITIAL or header.version is None:
            return b""
        pair = CryptoPair()
        pair.setup_initial(cid=header.destination_cid, is_client=False, version=header.version)
        _, frames, _ = pair.decrypt_packet(datagram[: header.packet_length], reading.tell(), 0)
    except (ValueError, CryptoError):
        return b""
    return frames
