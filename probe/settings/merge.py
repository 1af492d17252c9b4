"""Merge defaults, file, environment and command line; a later source overrides an earlier one, key by key.

Every key and value is checked. An error is one line: where the mistake is, what is wrong, what to write instead.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

import msgspec

from probe.errors import SettingsError
from probe.lazy import lazy
from probe.settings.options import SECTIONS, Settings
from probe.settings.paths import PACKAGE_FOLDER, settings_file
from probe.toml_bounds import MAX_LINE_DOTS, overdotted_line

if TYPE_CHECKING:
    import difflib
    import tomllib
    from pathlib import Path
else:
    # A settings file is TOML; most checks have none. Only a mistake needs the nearest words.
    difflib, tomllib = lazy("difflib"), lazy("tomllib")

_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off"})
_Values = dict[tuple[str, str], Any]


def load(path: Path | None, environ: Mapping[str, str], overrides: Mapping[str, object] | None = None) -> Settings:
    """The settings from all sources.

    Args:
        path: the settings file; None for the first of the usual places that has one.
        environ: the process's environment.
        overrides: `section.key` -> value, from the command line; a value of None overrides nothing.

    Raises:
        SettingsError: a file cannot be read, a key is unknown, or a value is bad.
    """
    return load_file(settings_file(environ) if path is None else path, environ, overrides)


def load_file(
    source: Path | None, environ: Mapping[str, str], overrides: Mapping[str, object] | None = None
) -> Settings:
    """Likewise from this file alone, or from none.

    Args:
        source: the settings file; None for no file.
        environ: the process's environment.
        overrides: as in `load`.

    Raises:
        SettingsError: as in `load`.
    """
    values = dict(_defaults())
    if source is not None:
        values |= {key: _checked(key, value, str(source)) for key, value in _from_file(source)}
    for key, text in _from_environ(environ):
        name = variable(*key)
        values[key] = _checked(key, _from_text(values[key], text), name)
    for name, value in (overrides or {}).items():
        section, _, option = name.partition(".")
        if value is not None:
            values[section, option] = _checked((section, option), value, "command line")
    sections: dict[str, dict[str, Any]] = {section: {} for section in SECTIONS}
    for (section, option), value in values.items():
        sections[section][option] = value
    return msgspec.convert(sections | {"source": str(source or "")}, Settings)


def variable(section: str, option: str) -> str:
    """Name of the environment variable of a setting: `PROBE_MEASURE_TIMEOUT`."""
    return f"PROBE_{section}_{option}".upper()


def defaults_text() -> str:
    """The text of the shipped `defaults.toml`, the reference of all settings."""
    return (PACKAGE_FOLDER / "settings" / "defaults.toml").read_text(encoding="utf-8")


@cache
def _types() -> dict[tuple[str, str], Any]:
    return {
        (name, field.name): field.type
        for name, section in SECTIONS.items()
        for field in msgspec.structs.fields(section)
    }


@cache
def _defaults() -> _Values:
    """The values of `defaults.toml`, from the file that `make references` makes of it."""
    values = msgspec.json.decode((PACKAGE_FOLDER / "settings" / "defaults.json").read_bytes())
    return dict(_flat(values, "defaults.json"))


def _from_file(source: Path) -> Iterator[tuple[tuple[str, str], Any]]:
    try:
        text = source.read_bytes().decode("utf-8-sig")
        if line := overdotted_line(text):
            raise SettingsError(
                f"more than {MAX_LINE_DOTS} dots in a line", where=f"{source}:{line}", mend="write one item a line"
            )
        tree = tomllib.loads(text)
    except OSError as error:
        raise SettingsError(
            f"cannot be read: {error.strerror}", where=str(source), mend="name another with --config"
        ) from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"not UTF-8 at byte {error.start}", where=str(source), mend="save it as UTF-8") from error
    except RecursionError as error:
        raise SettingsError("nested too deep", where=str(source), mend="write each section as [section]") from error
    except ValueError as error:  # TOMLDecodeError, and Python's own about integers of thousands of digits
        raise SettingsError(
            f"not TOML: {error}", where=str(source), mend="write key = value lines, texts in quotation marks"
        ) from error
    yield from _flat(tree, str(source))


def _flat(tree: Mapping[str, Any], where: str) -> Iterator[tuple[tuple[str, str], Any]]:
    for section, options in tree.items():
        if section not in SECTIONS or not isinstance(options, dict):
            raise SettingsError(f"unknown section {section!r}", where=where, mend=_nearest(section, list(SECTIONS)))
        for option, value in options.items():
            if (section, option) not in _types():
                known = [name for place, name in _types() if place == section]
                raise SettingsError(f"unknown key {section}.{option}", where=where, mend=_nearest(option, known))
            yield (section, option), value


def _from_environ(environ: Mapping[str, str]) -> Iterator[tuple[tuple[str, str], str]]:
    names = {variable(*key): key for key in _types()}
    prefixes = tuple(f"PROBE_{section}_".upper() for section in SECTIONS)
    for name, text in environ.items():
        if name in names:
            yield names[name], text
        elif name.startswith(prefixes):  # any other PROBE_ variable may belong to another program
            raise SettingsError("unknown variable", where=name, mend=_nearest(name, list(names)))


def _from_text(default: object, text: str) -> object:
    """The text as a value of the default's type; the text itself where it is none, for `_checked` to refuse."""
    if isinstance(default, bool):
        return True if text.lower() in _TRUE else False if text.lower() in _FALSE else text
    if isinstance(default, int | float):
        for kind in (int, float):
            try:
                return kind(text)
            except ValueError:
                continue
        return text
    return text.split() if isinstance(default, tuple | list) else text


def _checked(key: tuple[str, str], value: object, where: str) -> object:
    kind = _types()[key]
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        wanted = getattr(kind.__metadata__[-1], "description", "")
        raise SettingsError(
            f"{'.'.join(key)} cannot be {_shown(value)}", where=where, mend=f"write {wanted}"
        ) from error


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _nearest(word: str, known: list[str]) -> str:
    near = difflib.get_close_matches(word, known, n=1)
    return f"did you mean {near[0]}?" if near else f"known are {', '.join(known[:14])}"
