"""What identifies a server is read from its first bytes, however they are cut; everything else fails as it is named."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.measure.failures import OperationError
from probe.measure.glance.server_hello import read_server_hello
from probe.model.failure import Failure

SESSION = bytes(range(32))
RETRY = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")
X25519_SHARE = b"\0\x1d\0\x20" + bytes(32)
LEAF = b"\x30\x82" + bytes(900)


def record(kind: int, body: bytes) -> bytes:
    """Return a TLS record."""
    return bytes((kind, 3, 3)) + len(body).to_bytes(2, "big") + body


def message(kind: int, body: bytes) -> bytes:
    """Return a handshake message."""
    return bytes((kind,)) + len(body).to_bytes(3, "big") + body


def hello(
    cipher: int = 0x1301,
    share: bytes | None = X25519_SHARE,
    *,
    random: bytes = bytes(32),
    session: bytes = SESSION,
    version: bytes | None = b"\3\4",
    legacy: bytes = b"\3\3",
) -> bytes:
    """Return a ServerHello message."""
    extensions = b"" if version is None else b"\0\x2b" + len(version).to_bytes(2, "big") + version
    if share is not None:
        extensions += b"\0\x33" + len(share).to_bytes(2, "big") + share
    listed = len(extensions).to_bytes(2, "big") + extensions if extensions else b""
    body = legacy + random + bytes((len(session),)) + session + cipher.to_bytes(2, "big") + b"\0" + listed
    return message(2, body)


def certificate(leaf: bytes = LEAF) -> bytes:
    """Return a Certificate message of TLS 1.2 with two certificates."""
    chain = len(leaf).to_bytes(3, "big") + leaf + b"\0\0\2ab"
    return message(11, len(chain).to_bytes(3, "big") + chain)


OLD: dict[str, Any] = {"version": None, "share": None, "session": b""}
TLS_1_3 = record(22, hello()) + record(20, b"\1") + record(23, bytes(2000))
TLS_1_2 = record(22, hello(0xC02B, **OLD)) + record(22, certificate())
SEEN_1_2 = f"TLSv1.2 {hashlib.sha256(LEAF).hexdigest()[:16]}"


def read_in_pieces(data: bytes, size: int) -> str | None:
    """Read the bytes as they come in pieces of a size; return the first that is seen."""
    for end in range(size, len(data) + size, size):
        seen = read_server_hello(data[:end], SESSION)
        if seen is not None:
            return seen
    return None


@pytest.mark.parametrize("size", [1, 7, 100, 5000])
@pytest.mark.parametrize(
    ("data", "seen"),
    [
        (TLS_1_3, "TLSv1.3 1301 001d"),
        (TLS_1_2, SEEN_1_2),
        (record(22, hello(0xC02B, **OLD) + certificate()), SEEN_1_2),
        (record(22, hello()[:20]) + record(22, hello()[20:]), "TLSv1.3 1301 001d"),
        (record(21, b"\1\x70") + TLS_1_3, "TLSv1.3 1301 001d"),
        (record(22, hello(share=b"\0\x17", random=RETRY)), "TLSv1.3 1301 0017 retry"),
        (record(22, hello(share=None, random=RETRY)), "TLSv1.3 1301 0000 retry"),
    ],
)
def test_the_answer_is_read_however_it_is_cut(data: bytes, seen: str, size: int) -> None:
    """Into segments and into records, after a warning too."""
    assert read_in_pieces(data, size) == seen


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 400 Bad Request\r\n",
        b"\x16\x02\x00\x00\x01\x02",
        record(22, message(11, bytes(8))),
        record(23, bytes(20)),
        record(22, b""),
        record(22, hello(version=b"\3\5")),
        record(22, hello(session=bytes(32))),
        record(22, hello(0x1304)),
        record(22, hello(share=b"\0\x17\0\x41" + bytes(65))),
        record(22, hello(share=b"\0\x1d\0\x1f" + bytes(31))),
        record(22, hello(share=b"\0\x1d", random=RETRY)),
        record(22, hello(share=b"\x11\xec", random=RETRY)),
        record(22, hello(0x000A, **OLD)),
        record(22, hello(0xC02B, legacy=b"\3\1", **OLD)),
        record(22, hello(0xC02B, random=bytes(24) + b"DOWNGRD\1", **OLD)),
        record(22, hello(0xC02B, **OLD)) + record(22, message(14, b"")),
        record(22, hello(0xC02B, **OLD)) + record(22, message(11, bytes(10))),
        record(22, message(2, bytes(30))),
        record(22, message(2, hello()[4:-3])),
        record(21, b"\2"),
    ],
)
def test_bytes_that_do_not_fit_the_hello_are_garbage(data: bytes) -> None:
    """No TLS, another message, what was not offered, a downgrade, a wrong length."""
    with pytest.raises(OperationError) as raised:
        read_server_hello(data, SESSION)

    assert raised.value.info.failure is Failure.GARBAGE


def test_an_alert_is_named() -> None:
    """Also one that comes in place of the certificate."""
    for before in (b"", record(22, hello(0xC02B, **OLD))):
        with pytest.raises(OperationError) as raised:
            read_server_hello(before + record(21, b"\2\x28"), SESSION)

        assert (raised.value.info.failure, raised.value.info.alert) == (Failure.ALERT, "handshake_failure")


def test_close_notify_is_the_end_of_the_connection() -> None:
    """The full look says `eof`, too."""
    with pytest.raises(EOFError):
        read_server_hello(record(21, b"\1\0"), SESSION)


def test_a_huge_certificate_is_not_read() -> None:
    """It is refused by its length, before its bytes come."""
    begin = message(11, bytes(40_000))[:4] + (39_997).to_bytes(3, "big") + (39_990).to_bytes(3, "big")
    with pytest.raises(OperationError) as raised:
        read_server_hello(record(22, hello(0xC02B, **OLD)) + record(22, begin), SESSION)

    assert raised.value.info.failure is Failure.TOO_MUCH


@given(st.lists(st.tuples(st.integers(0, 1200), st.integers(0, 255)), max_size=5), st.sampled_from([TLS_1_3, TLS_1_2]))
def test_changed_bytes_are_read_or_refused(changes: list[tuple[int, int]], data: bytes) -> None:
    """Nothing else is raised."""
    changed = bytearray(data)
    for at, octet in changes:
        changed[at % len(changed)] = octet
    try:
        read_server_hello(bytes(changed), SESSION)
    except (OperationError, EOFError):
        return


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_else(data: bytes) -> None:
    """Behind a good record header, too."""
    for start in (b"", b"\x16\3\3\0\x7a\2\0\0\x76", record(22, hello(0xC02B, **OLD))):
        try:
            read_server_hello(start + data, SESSION)
        except (OperationError, EOFError):
            continue
