"""The texts of millions of targets in one block of memory: about 30 bytes a target beside its text.

A target has a number, from 0, in the order in which the targets were added. What else is known of it is in arrays by
this number (`probe.sweep.target_states`). A digest finds the number again, in this list or in a later version of it.
"""

from __future__ import annotations

from array import array
from hashlib import blake2b

DIGEST_BYTES = 16
"""Bytes of a digest: nobody can make two targets with the same one."""
KEY_BYTES = 16
"""Bytes of the key of the digests."""
MAX_TEXT_BYTES = 2**32 - 1
"""Bytes of all texts together."""

_MIN_SLOTS = 1024


class TargetNames:
    """Texts of targets, each once.

    Args:
        key: of the digests; `KEY_BYTES` random bytes, so that no list can be made to fill one part of the table.

    Attributes:
        key: as given.
    """

    def __init__(self, key: bytes) -> None:
        self.key = key
        self._texts = bytearray()
        self._ends = array("I")
        self._slots = array("I", bytes(4 * _MIN_SLOTS))
        """An open hash table: 0 for an empty slot, else a number plus one."""

    def __len__(self) -> int:
        return len(self._ends)

    def __getitem__(self, number: int) -> str:
        return self._encoded(number).decode()

    def add(self, text: str) -> bool:
        """Add a target; False when it is known already.

        Raises:
            OverflowError: the texts are longer than `MAX_TEXT_BYTES` together.
        """
        encoded = text.encode()
        digest = self._digest_of(encoded)
        slot = self._slot_of(digest, encoded)
        if self._slots[slot]:
            return False
        if len(self._texts) + len(encoded) > MAX_TEXT_BYTES:
            raise OverflowError
        self._texts += encoded
        self._ends.append(len(self._texts))
        self._slots[slot] = len(self._ends)
        if 3 * len(self._ends) > 2 * len(self._slots):
            self._grow()
        return True

    def digest(self, number: int) -> bytes:
        """The digest of a target."""
        return self._digest_of(self._encoded(number))

    def number_of(self, text: str) -> int | None:
        """The number of a target; None when it is not in the list."""
        encoded = text.encode()
        found = self._slots[self._slot_of(self._digest_of(encoded), encoded)]
        return found - 1 if found else None

    def number_by_digest(self, digest: bytes) -> int | None:
        """The number of the target with this digest; None when there is none."""
        mask = len(self._slots) - 1
        slot = _place(digest) & mask
        while found := self._slots[slot]:
            if self.digest(found - 1) == digest:
                return found - 1
            slot = (slot + 1) & mask
        return None

    def _encoded(self, number: int) -> bytes:
        return bytes(self._texts[self._ends[number - 1] if number else 0 : self._ends[number]])

    def _digest_of(self, encoded: bytes) -> bytes:
        return blake2b(encoded, digest_size=DIGEST_BYTES, key=self.key).digest()

    def _slot_of(self, digest: bytes, encoded: bytes) -> int:
        """The slot of a text, or the empty one where it belongs."""
        mask = len(self._slots) - 1
        slot = _place(digest) & mask
        while (found := self._slots[slot]) and self._encoded(found - 1) != encoded:
            slot = (slot + 1) & mask
        return slot

    def _grow(self) -> None:
        self._slots = array("I", bytes(8 * len(self._slots)))
        mask = len(self._slots) - 1
        for number in range(len(self._ends)):
            slot = _place(self.digest(number)) & mask
            while self._slots[slot]:
                slot = (slot + 1) & mask
            self._slots[slot] = number + 1


def _place(digest: bytes) -> int:
    return int.from_bytes(digest[:8], "little")
