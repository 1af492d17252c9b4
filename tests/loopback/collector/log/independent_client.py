"""A client of transparency logs, written from the C2SP and RFC documents alone. It imports nothing of the program.

It downloads a whole log and computes everything from the entries with the recursive definitions of RFC 6962, so it
shares neither code nor method with what it tests: signed-note for the signature, tlog-checkpoint for the checkpoint,
tlog-tiles for paths and tiles, tlog-proof for proofs.
"""

from __future__ import annotations

import base64
import hashlib
import struct
from dataclasses import dataclass

import aiohttp
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


def tree_hash(entries: list[bytes]) -> bytes:
    """MTH of RFC 6962 section 2.1."""
    if not entries:
        return hashlib.sha256(b"").digest()
    if len(entries) == 1:
        return hashlib.sha256(b"\x00" + entries[0]).digest()
    k = 1 << ((len(entries) - 1).bit_length() - 1)
    return hashlib.sha256(b"\x01" + tree_hash(entries[:k]) + tree_hash(entries[k:])).digest()


def audit_path(m: int, entries: list[bytes]) -> list[bytes]:
    """PATH of RFC 6962 section 2.1.1."""
    if len(entries) <= 1:
        return []
    k = 1 << ((len(entries) - 1).bit_length() - 1)
    if m < k:
        return [*audit_path(m, entries[:k]), tree_hash(entries[k:])]
    return [*audit_path(m - k, entries[k:]), tree_hash(entries[:k])]


@dataclass
class Head:
    """A verified checkpoint."""

    origin: str
    size: int
    root: bytes


def check_note(note: str, vkey: str) -> str:
    """The text of a signed note, if the key has signed it (signed-note)."""
    name, key_id, encoded = vkey.split("+", 2)
    material = base64.b64decode(encoded)
    assert material[0] == 1, "Ed25519"
    assert hashlib.sha256(name.encode() + b"\n" + material).digest()[:4].hex() == key_id
    at = note.rindex("\n\n")
    text, lines = note[: at + 1], note[at + 2 :].splitlines()
    for line in lines:
        dash, signer, signature = line.split(" ")
        raw = base64.b64decode(signature)
        if (dash, signer, raw[:4].hex()) == ("\u2014", name, key_id):
            Ed25519PublicKey.from_public_bytes(material[1:]).verify(raw[4:], text.encode())
            return text
    raise AssertionError("not signed by this key")


def check_checkpoint(note: str, vkey: str) -> Head:
    """The checkpoint in a signed note (tlog-checkpoint)."""
    origin, size, root, *_ = check_note(note, vkey).split("\n")
    assert str(int(size)) == size
    return Head(origin, int(size), base64.b64decode(root))


def path_of(number: int) -> str:
    """<N> of tlog-tiles."""
    groups = [f"{number % 1000:03}"]
    while number >= 1000:
        number //= 1000
        groups.insert(0, f"x{number % 1000:03}")
    return "/".join(groups)


class IndependentClient:
    """Downloads and verifies the log at a prefix.

    Args:
        http: the session.
        prefix: such as `https://example.com/log`.
        vkey: the log's key.
    """

    def __init__(self, http: aiohttp.ClientSession, prefix: str, vkey: str) -> None:
        self.http = http
        self.prefix = prefix
        self.vkey = vkey

    async def get(self, path: str) -> bytes:
        """A resource, which must be there and of the type that tlog-tiles demands."""
        async with self.http.get(f"{self.prefix}/{path}") as answer:
            assert answer.status == 200, path
            tile = path.startswith("tile/")
            assert answer.headers["Content-Type"] == (
                "application/octet-stream" if tile else "text/plain; charset=utf-8"
            )
            assert ("immutable" in answer.headers["Cache-Control"]) == tile
            return await answer.read()

    async def head(self) -> Head:
        """The checkpoint."""
        return check_checkpoint((await self.get("checkpoint")).decode(), self.vkey)

    async def entries(self, size: int) -> list[bytes]:
        """All entries of a tree of this size, from the bundles."""
        found: list[bytes] = []
        for number in range((size + 255) // 256):
            width = min(256, size - number * 256)
            suffix = "" if width == 256 else f".p/{width}"
            body = await self.get(f"tile/entries/{path_of(number)}{suffix}")
            while body:
                (length,) = struct.unpack(">H", body[:2])
                assert len(body) >= 2 + length
                found.append(body[2 : 2 + length])
                body = body[2 + length :]
        assert len(found) == size
        return found

    async def verify_all(self) -> tuple[Head, list[bytes]]:
        """Download the log; every hash of every tile and the signed root must follow from the entries."""
        head = await self.head()
        entries = await self.entries(head.size)
        assert tree_hash(entries) == head.root
        level = 0
        while head.size >> 8 * level:
            count, each = head.size >> 8 * level, 256**level
            for number in range((count + 255) // 256):
                width = min(256, count - number * 256)
                suffix = "" if width == 256 else f".p/{width}"
                tile = await self.get(f"tile/{level}/{path_of(number)}{suffix}")
                starts = range(number * 256 * each, (number * 256 + width) * each, each)
                assert tile == b"".join(tree_hash(entries[at : at + each]) for at in starts)
            level += 1
        return head, entries


def check_proof(proof: str, vkey: str, entries: list[bytes]) -> tuple[int, bytes]:
    """Index and entry of a proof (tlog-proof), computed anew from the entries of the log."""
    assert proof.startswith("c2sp.org/tlog-proof@v1\n")
    head, _, note = proof.partition("\n\n")
    lines = head.split("\n")[1:]
    entry = base64.b64decode(lines.pop(0).removeprefix("extra "))
    index = int(lines.pop(0).removeprefix("index "))
    checkpoint = check_checkpoint(note, vkey)
    assert [base64.b64decode(line) for line in lines] == audit_path(index, entries[: checkpoint.size])
    assert checkpoint.root == tree_hash(entries[: checkpoint.size])
    assert entries[index] == entry
    return index, entry
