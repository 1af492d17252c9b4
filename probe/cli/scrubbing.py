"""Remove what would identify a volunteer from a text that is meant for others (`probe bug-report`).

Removed are this host's addresses in any form, every other address, its names, the user's name and home, keys, tokens
and ids, and, unless they are wanted, the names of targets. What is removed is replaced by a word that says what it was.
"""

from __future__ import annotations

import base64
import getpass
import os
import platform
import re
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from probe.agent.agent_status import AgentStatus
from probe.agent.identity import KEY_FILE, load_or_create_key
from probe.cli import printable
from probe.errors import ProbeError
from probe.measure.own_addresses import OwnAddresses
from probe.measure.redaction import redacted
from probe.settings import Settings

MIN_SECRET_CHARACTERS = 2
"""A single letter is no name that identifies."""
MIN_ASN = 1000
"""A smaller number of a network is too short to be told from other numbers."""
_URL = re.compile(r"\b[a-z][a-z0-9+.-]*://[^\s\"'<>)\]]+", re.IGNORECASE)
_NAME = re.compile(
    r"(?<![\w./-])(?:\w(?:[\w-]*[^\W_])?\.)+[^\W\d_][\w-]*[^\W_](?![\w/])",
    re.IGNORECASE,  # also names like пример.рф
)
_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2})?(?:\.[0-9]{1,6})?")
"""A date and time, which looks like an address otherwise."""
_COMMON_WORDS = frozenset({"localhost", "root", "user", "probe", "_probe", "admin", "pi"})
"""Names of hosts and users that identify nobody, and would be removed from ordinary sentences."""
_OURS = re.compile(
    r"(?:probe\.[a-z_.]+|.*\.(?:py|toml|json|jsonl|sqlite|csv|txt|key|new|pcap|sock|service|timer|pem))\Z"
)
"""Names with dots that are modules or files of this program, no hosts."""


class Scrubber:
    """Removes what identifies a volunteer.

    Args:
        secrets: text -> the word that stands for it.
        own_addresses: of this host.
        targets: texts of targets that may stay; None where no target may.
    """

    def __init__(
        self, secrets: dict[str, str], own_addresses: Iterable[str], targets: Collection[str] | None = None
    ) -> None:
        self._own = OwnAddresses(own_addresses)
        self._targets = targets
        longest_first = sorted(secrets, key=len, reverse=True)
        self._words = {secret.lower(): word for secret, word in secrets.items()}
        one = "|".join(map(re.escape, longest_first))
        whole = rf"(?<![a-z0-9])(?:{one})(?![a-z0-9])"  # a short name may be a part of ordinary words
        self._secrets = re.compile(whole, re.IGNORECASE) if secrets else None

    def scrubbed(self, text: str) -> str:
        """The text, line by line, without what identifies and without control characters."""
        return "\n".join(printable(self._line(line.replace("\0", "?"))) for line in text.split("\n"))

    def _line(self, line: str) -> str:
        if self._secrets is not None:
            line = self._secrets.sub(lambda found: self._words[found.group().lower()], line)
        line = self._own.removed_from(line)
        kept: list[str] = []

        def replaced(found: re.Match[str], word: str) -> str:
            if self._targets is None or not self._is_target(found.group()):
                return found.group() if word == "<name>" and _OURS.match(found.group()) else word
            return keep(found)

        def keep(found: re.Match[str]) -> str:
            kept.append(found.group())
            return f"\0{len(kept) - 1}\0"

        line = _MOMENT.sub(keep, line)
        line = _URL.sub(lambda found: replaced(found, "<url>"), line)
        line = _NAME.sub(lambda found: replaced(found, "<name>"), line)
        line = redacted(line)
        return re.sub("\0(\\d+)\0", lambda found: kept[int(found[1])], line)

    def _is_target(self, text: str) -> bool:
        return self._targets is not None and (text in self._targets or text.rstrip(".,:;") in self._targets)


def scrubber(settings: Settings, found: AgentStatus, own: Iterable[str], targets: Collection[str] | None) -> Scrubber:
    """The scrubber of this host and agent.

    Args:
        settings: name the token file.
        found: the agent's state: its id and its public name.
        own: addresses of this host.
        targets: as in `Scrubber`.
    """
    secrets = dict(_secrets(settings, found))
    chosen = {
        text: word
        for text, word in secrets.items()
        if len(text) >= MIN_SECRET_CHARACTERS and text.lower() not in _COMMON_WORDS
    }
    return Scrubber(chosen, own, targets)


def _secrets(settings: Settings, found: AgentStatus) -> Iterator[tuple[str, str]]:
    host = platform.node()
    yield from ((name, "<host>") for name in {host, host.partition(".")[0]})
    with suppress(OSError, KeyError, ImportError):  # a user without a name
        yield getpass.getuser(), "<user>"
    yield from ((name, "<user>") for name in (Path.home().name, os.environ.get("SUDO_USER", "")))
    if settings.network.asn >= MIN_ASN:
        yield from ((f"{mark}{settings.network.asn}", "<network>") for mark in ("AS", ""))
    yield from (
        (str(place), "~")
        for place in {Path.home(), Path(os.environ.get("HOME") or Path.home())}
        if len(place.parts) > 1
    )
    if settings.agent.token_file:
        with suppress(OSError, UnicodeDecodeError):
            yield Path(settings.agent.token_file).read_text(encoding="ascii").strip(), "<token>"
    if found.vantage is not None:
        yield found.vantage.agent, "<agent>"
        yield found.vantage.name, "<vantage>"
        yield found.vantage.collector, "<collector>"
    for url in settings.agent.collectors:
        yield url, "<collector>"
    yield from ((form, "<key>") for form in _key_forms(Path(found.folder)))


def _key_forms(folder: Path) -> Iterator[str]:
    """The texts of the keys in a folder: private and public, in base64 and hexadecimal."""
    for path in folder.glob(f"{KEY_FILE}*"):
        with suppress(OSError, Base64Error, UnicodeDecodeError):
            seed = b64decode(path.read_bytes().strip(), validate=True)
            yield from (base64.b64encode(seed).decode(), seed.hex())
    if (folder / KEY_FILE).is_file():
        with suppress(ProbeError):
            public = load_or_create_key(folder).public
            yield from (public, b64decode(public).hex())
