"""Translate what a volunteer reads into the language of the process, from the gettext catalogues in `probe/cli/locale`.

The language is that of the environment, as gettext reads it: the first of `LANGUAGE`, `LC_ALL`, `LC_MESSAGES` and
`LANG` that is set. The texts in the code are English, so English needs no catalogue, and a process in English imports
neither `gettext` nor a catalogue. Machine-readable words are never translated: statuses, causes, JSON, log lines.

A catalogue is made of the code by `make references` (`tests/catalogues.py`).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gettext import NullTranslations

LANGUAGES: Mapping[str, str] = {"ru": "Русский", "zh": "中文"}
"""Language of each catalogue -> its own name for itself, which a terminal must be able to show."""
FOLDER = os.path.join(os.path.dirname(__file__), "locale")  # noqa: PTH118, PTH120 - pathlib is slow to import
_VARIABLES = ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")
_ENGLISH = frozenset({"en", "c", "posix"})


def translate(text: str) -> str:
    """The text in the language of the process; the text itself in English, or where it has no translation yet."""
    catalogue = _chosen()
    return text if catalogue is None else catalogue.gettext(text)


def translate_plural(one: str, many: str, number: int) -> str:
    """The text for this number of things in the language of the process.

    Args:
        one: the English text for one thing.
        many: the English text for any other number, with the same placeholders.
        number: how many there are.
    """
    catalogue = _chosen()
    if catalogue is None:
        return one if number == 1 else many
    return catalogue.ngettext(one, many, number)


class Untranslated:
    """A block in which nothing is translated: what it makes is for programs.

    Args:
        wanted: False leaves the language as it is.
    """

    depth = 0

    def __init__(self, *, wanted: bool = True) -> None:
        self._wanted = wanted

    def __enter__(self) -> None:
        Untranslated.depth += self._wanted

    def __exit__(self, *_: object) -> None:
        Untranslated.depth -= self._wanted


def mark(text: str) -> str:
    """The text itself, put into the catalogues: for tables of texts that `translate` gets when they are printed."""
    return text


def language(environ: Mapping[str, str], encoding: str | None = None) -> str:
    """The language of the first catalogue that the environment asks for; `en` where it asks for none.

    Args:
        environ: variables of the process.
        encoding: of standard output; a language whose letters it lacks is not chosen. None where it has all.
    """
    asked = next((environ[name] for name in _VARIABLES if environ.get(name)), "")
    for one in asked.split(":"):
        name = one.partition(".")[0].partition("@")[0].partition("_")[0].partition("-")[0].lower()
        if name in _ENGLISH:
            break
        if name in LANGUAGES and _encodes(encoding, LANGUAGES[name]):
            return name
    return "en"


def _chosen() -> NullTranslations | None:
    return None if Untranslated.depth else _catalogue()


@cache
def _catalogue() -> NullTranslations | None:
    """The catalogue of this process's language; None in English."""
    name = language(os.environ, getattr(sys.stdout, "encoding", None))
    if name == "en":
        return None
    from gettext import translation  # noqa: PLC0415 - English needs none

    return translation("probe", FOLDER, [name], fallback=True)


def _encodes(encoding: str | None, text: str) -> bool:
    try:
        text.encode(encoding or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
