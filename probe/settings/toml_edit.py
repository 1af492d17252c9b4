"""Change values in the text of a settings file and keep the rest: order, comments, other keys.

A value may span lines. Its end is found by parsing: the shortest run of lines that is TOML by itself. The result is
parsed and compared with what is wanted; where a file is written in a form that this does not know (`agent.consent =
true` above the first section, a section as an inline table), the values are written anew and the comments are lost.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

_SECTION = re.compile(r"\s*\[\s*([A-Za-z0-9_-]+)\s*\]\s*(#.*)?")
_KEY = re.compile(r"\s*([A-Za-z0-9_-]+)\s*=")

Changes = Mapping[tuple[str, str], object]
"""Section and key -> new value. None takes the key out."""


def edited(text: str, changes: Changes) -> str:
    """The text with these values.

    Args:
        text: valid TOML of sections with keys, as `probe.settings.load` accepts it; may be empty.
        changes: values of the types that settings have: bool, int, float, str, and lists of texts.
    """
    wanted = _wanted(tomllib.loads(text), changes)
    found = "".join(_edited_lines(text, changes))
    try:
        if tomllib.loads(found) == wanted:
            return found
    except ValueError:
        pass
    return "".join(_written(wanted))


def rendered(value: object) -> str:
    """A value as TOML."""
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(rendered, value))}]"
    if isinstance(value, str):
        # A basic string of TOML is one of JSON but for DEL, which TOML wants escaped.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007F")
    return json.dumps(value)


def _wanted(tree: dict[str, Any], changes: Changes) -> dict[str, Any]:
    for (section, key), value in changes.items():
        if value is None:
            tree.get(section, {}).pop(key, None)
        else:
            tree.setdefault(section, {})[key] = list(value) if isinstance(value, tuple) else value
    return tree


def _edited_lines(text: str, changes: Changes) -> Iterator[str]:
    """The lines of the new text; a key that is not there yet comes last in its section."""
    left = dict(changes)
    section = ""
    held: list[str] = []  # blank lines and comments, which may belong to the next section
    lines = [f"{line}\n" for line in text.removesuffix("\n").split("\n")] if text else []
    while lines:
        if named := _SECTION.fullmatch(lines[0].rstrip("\r\n")):
            yield from _missing(section, left)
            section = named[1]
            yield from [*held, lines.pop(0)]
            held = []
        elif key := _KEY.match(lines[0]):
            length = _value_length(lines)
            yield from held
            held = []
            pair = section, key[1]
            if pair in left:
                yield from _line(pair, left.pop(pair))
            else:
                yield from lines[:length]
            del lines[:length]
        else:
            held.append(lines.pop(0))
    yield from _missing(section, left)
    yield from held
    for name in dict.fromkeys(section for (section, _), value in left.items() if value is not None):
        yield f"\n[{name}]\n" if text else f"[{name}]\n"
        yield from _missing(name, left)
        text = text or name


def _missing(section: str, left: dict[tuple[str, str], object]) -> Iterator[str]:
    for pair in [pair for pair in left if pair[0] == section]:
        yield from _line(pair, left.pop(pair))


def _line(pair: tuple[str, str], value: object) -> Iterator[str]:
    if value is not None:
        yield f"{pair[1]} = {rendered(value)}\n"


def _value_length(lines: list[str]) -> int:
    """How many lines the value takes that begins in the first one."""
    for length in range(1, len(lines) + 1):
        try:
            tomllib.loads("".join(lines[:length]))
        except ValueError:
            continue
        return length
    return 1


def _written(tree: Mapping[str, Mapping[str, object]]) -> Iterator[str]:
    for number, (section, values) in enumerate(tree.items()):
        yield f"\n[{section}]\n" if number else f"[{section}]\n"
        for key, value in values.items():
            yield f"{key} = {rendered(value)}\n"
