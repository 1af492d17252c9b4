"""The Initial is that of RFC 9001, and what answers it is read or refused, whatever its bytes are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.measure.failures import OperationError
from probe.measure.glance.client_hello import X25519
from probe.measure.glance.quic_initial import (
    DATAGRAM_BYTES,
    InitialAnswer,
    client_keys,
    pack_initial,
    quic_hello,
    server_keys,
)

RFC_ID = bytes.fromhex("8394c8f03e515708")
CLIENT = b"clientid"
RFC_SERVER_INITIAL = bytes.fromhex(
    "cf000000010008f067a5502a4262b5004075c0d95a482cd0991cd25b0aac406a5816b6394100f37a1c69797554780bb38cc5a99f5ede4cf73c3e"
    "c2493a1839b3dbcba3f6ea46c5b7684df3548e7ddeb9c3bf9c73cc3f3bded74b562bfb19fb84022f8ef4cdd93795d77d06edbb7aaf2f58891850ab"
    "bdca3d20398c276456cbc42158407dd074ee"
)
"""RFC 9001 appendix A.3: a server's Initial with an ACK and a ServerHello; our connection id is empty."""
RFC_RETRY = bytes.fromhex("ff000000010008f067a5502a4262b5746f6b656e04a265ba2eff4d829058fb3f0f2496ba")
"""RFC 9001 appendix A.4."""


def test_the_keys_are_those_of_the_rfc() -> None:
    """RFC 9001 appendix A.1."""
    assert client_keys(RFC_ID).key.hex() == "1f369613dd76d5467730efcbe3b1a22d"
    assert client_keys(RFC_ID).vector.hex() == "fa044b2f42a3fd3b46fb255c"
    assert client_keys(RFC_ID).header.hex() == "9f50449e04a0e810283a1e9933adedd2"
    assert server_keys(RFC_ID).key.hex() == "cf3a5331653c364c88f0f379b6067e37"
    assert server_keys(RFC_ID).vector.hex() == "0ac1493ca1905853b0bba03e"
    assert server_keys(RFC_ID).header.hex() == "c206b8d9b9f0f37644430b490eeaa314"


def test_the_server_hello_of_the_rfc_is_read() -> None:
    """Behind an ACK frame."""
    assert InitialAnswer(RFC_ID, b"").read(RFC_SERVER_INITIAL) == "quic 1"


def test_a_handshake_packet_behind_the_initial_shows_that_the_server_goes_on() -> None:
    """It must be one of this connection; the Initial is not opened then."""
    unreadable = RFC_SERVER_INITIAL[:-1] + b"\0"
    ours, other = b"\xe5\0\0\0\1\0\0\x20", b"\xe5\0\0\0\1\1a\x20"

    assert InitialAnswer(RFC_ID, b"").read(unreadable + ours) == "quic 1"
    assert InitialAnswer(RFC_ID, b"").read(unreadable + other) is None
    assert InitialAnswer(RFC_ID, b"").read(unreadable + b"\xf5" + ours[1:]) is None
    assert InitialAnswer(RFC_ID, b"").read(unreadable) is None


def test_the_retry_of_the_rfc_is_authenticated() -> None:
    """And one whose tag is changed is not."""
    changed = RFC_RETRY[:-1] + b"\0"

    assert InitialAnswer(RFC_ID, b"").read(RFC_RETRY) == "quic retry"
    assert InitialAnswer(RFC_ID, b"").read(changed) is None


@pytest.mark.parametrize("name", ["", "a.example", "a" * 63 + "." + "b" * 63 + ".example"])
def test_the_initial_is_one_padded_datagram(name: str) -> None:
    """It is at least as large as a server demands."""
    assert len(pack_initial(RFC_ID, CLIENT, quic_hello(name, CLIENT))) == DATAGRAM_BYTES


def test_the_server_can_open_what_we_pack() -> None:
    """aioquic, for one, finds the hello in it, whatever its number."""
    from aioquic.buffer import Buffer  # noqa: PLC0415
    from aioquic.quic.crypto import CryptoPair  # noqa: PLC0415
    from aioquic.quic.packet import pull_quic_header  # noqa: PLC0415

    hello = quic_hello("a.example", CLIENT)
    for number in (0, 1, 2):
        data = pack_initial(RFC_ID, CLIENT, hello, number)
        buffer = Buffer(data=data)
        header = pull_quic_header(buffer)
        pair = CryptoPair()
        pair.setup_initial(RFC_ID, is_client=False, version=1)
        _, plain, found = pair.decrypt_packet(data, buffer.tell(), 0)
        assert (header.source_cid, found) == (CLIENT, number)
        assert plain[4 : 4 + len(hello)] == hello


def test_the_hello_names_the_server_and_repeats_our_id() -> None:
    """A server closes the connection where the id differs."""
    hello = quic_hello("a.example", CLIENT)

    assert b"\0\x09a.example" in hello
    assert b"\x0f\x08" + CLIENT in hello
    assert X25519.to_bytes(2, "big") + b"\0\x20" in hello
    assert int.from_bytes(hello[1:4], "big") == len(hello) - 4


@given(st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), max_size=4), st.integers(0, 200))
def test_changed_datagrams_are_no_replies(changes: list[tuple[int, int]], cut: int) -> None:
    """The packet is authenticated as a whole."""
    for whole in (RFC_SERVER_INITIAL, RFC_RETRY):
        changed = bytearray(whole)
        for at, octet in changes:
            changed[at % len(changed)] = octet
        data = bytes(changed[: len(changed) - cut] if cut < len(changed) else changed)
        answer = InitialAnswer(RFC_ID, b"")
        found = answer.read(data)
        if data[: len(whole)] != whole:
            assert found in {None, "quic versions"}


@given(st.binary(max_size=300))
def test_no_frames_raise_anything_else(frames: bytes) -> None:
    """Frames that were decrypted are the server's, and may be anything."""
    answer = InitialAnswer(RFC_ID, b"")
    try:
        answer._read_frames(frames)
        answer._has_hello()
    except (OperationError, IndexError):
        return


@given(st.binary(max_size=200))
def test_no_datagrams_raise(data: bytes) -> None:
    """Behind a good beginning, too."""
    answer = InitialAnswer(RFC_ID, b"")
    for start in (b"", RFC_SERVER_INITIAL[:16], b"\x80\0\0\0\0\0\x08" + RFC_ID):
        answer.read(start + data)
