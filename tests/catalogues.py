"""The gettext catalogues of `probe/cli/locale`, made from the texts that the code hands to `translate`.

``python -m tests.catalogues --write`` (a part of ``make references``) adds new texts to each ``probe.po`` with an empty
translation, takes texts out that the code no longer has, and compiles ``probe.mo``. A translator fills in the empty
``msgstr`` lines and runs it again. An empty translation shows the English text.
"""

from __future__ import annotations

import ast
import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from probe.cli.localisation import FOLDER, LANGUAGES

PACKAGE = Path(__file__).parents[1] / "probe"
FUNCTIONS = {"_": 1, "translate": 1, "mark": 1, "translate_plural": 2}
"""Name of a function that gets texts -> how many of its arguments are texts."""
PLURAL_FORMS = {
    "ru": "nplurals=3; plural=(n%10==1 && n%100!=11 ? 0 : n%10>=2 && n%10<=4 && (n%100<10 || n%100>=20) ? 1 : 2);",
    "zh": "nplurals=1; plural=0;",
}
MO_MAGIC = 0x950412DE

Text = tuple[str, ...]
"""The English text; and its plural where it has one."""


@dataclass(frozen=True)
class Source:
    """A text in the code.

    Attributes:
        text: as the code has it.
        places: the modules that have it, from the root of the project.
    """

    text: Text
    places: tuple[str, ...]


def sources(package: Path = PACKAGE) -> list[Source]:
    """Every text of the package that is translated, in the order of modules and lines."""
    found: dict[Text, list[str]] = {}
    for path in sorted(package.rglob("*.py")):
        for text in texts(path.read_text(encoding="utf-8"), str(path)):
            places = found.setdefault(text, [])
            name = path.relative_to(package.parent).as_posix()
            if name not in places:
                places.append(name)
    return [Source(text, tuple(places)) for text, places in found.items()]


def texts(code: str, name: str = "<code>") -> Iterator[Text]:
    """The texts of one module.

    Raises:
        ValueError: a text is no plain string, so that no catalogue can have it.
    """
    calls = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Call)]
    for call in sorted(calls, key=lambda node: (node.lineno, node.col_offset)):
        number = FUNCTIONS.get(call.func.id, 0) if isinstance(call.func, ast.Name) else 0
        values = [one.value if isinstance(one, ast.Constant) else None for one in call.args[:number]]
        if not number or name.endswith("localisation.py"):
            continue
        words = tuple(value for value in values if isinstance(value, str) and value)
        if len(words) == number:
            yield words
        elif any(not isinstance(one, ast.Name | ast.Attribute | ast.Subscript) for one in call.args[:number]):
            raise ValueError(f"{name}:{call.lineno}: a translated text must be a plain string, without f or +")


def read_po(text: str) -> dict[Text, list[str]]:
    """The translations of a catalogue as `po` writes it: English text -> its forms, which may be empty."""
    found: dict[Text, list[str]] = {}
    words: list[str] = []
    forms: list[str] = []
    current = forms
    for line in [*text.splitlines(), 'msgid ""']:
        keyword, _, rest = line.partition(" ")
        if keyword == "msgid":
            if words and words[0]:
                found[tuple(words)] = forms
            words, forms = [], []
        if keyword.startswith(("msgid", "msgstr")):
            current = words if keyword.startswith("msgid") else forms
            current.append(ast.literal_eval(rest))
        elif line.startswith('"'):
            current[-1] += ast.literal_eval(line)
    return found


def po(language: str, entries: list[Source], known: dict[Text, list[str]]) -> str:
    """The text of a catalogue.

    Args:
        language: of the translations.
        entries: the texts of the code.
        known: the translations there are.
    """
    lines = [
        f"# Texts of probe for volunteers: {LANGUAGES[language]}.",
        "# Not reviewed by a native speaker.",
        'msgid ""',
        'msgstr ""',
        *(_quoted(f"{key}: {value}\n") for key, value in header(language).items()),
    ]
    for entry in entries:
        forms = known.get(entry.text, [])
        lines += ["", f"#: {' '.join(entry.places)}", *_field("msgid", entry.text[0])]
        if len(entry.text) == 1:
            lines += _field("msgstr", *(forms or [""]))
            continue
        lines += _field("msgid_plural", entry.text[1])
        for number in range(form_count(language)):
            lines += _field(f"msgstr[{number}]", forms[number] if number < len(forms) else "")
    return "\n".join(lines) + "\n"


def header(language: str) -> dict[str, str]:
    """The fields of a catalogue's first entry, without a date: the same code makes the same file."""
    return {
        "Project-Id-Version": "probe",
        "Language": language,
        "MIME-Version": "1.0",
        "Content-Type": "text/plain; charset=UTF-8",
        "Content-Transfer-Encoding": "8bit",
        "Plural-Forms": PLURAL_FORMS[language],
    }


def form_count(language: str) -> int:
    """How many forms a text about a number of things has."""
    return int(PLURAL_FORMS[language].removeprefix("nplurals=").partition(";")[0])


def mo(language: str, known: dict[Text, list[str]]) -> bytes:
    """A catalogue as gettext reads it, without the texts that have no translation yet."""
    pairs = {"": "".join(f"{key}: {value}\n" for key, value in header(language).items())}
    pairs |= {"\0".join(text): "\0".join(forms) for text, forms in known.items() if all(forms) and forms}
    keys = sorted((key.encode(), value.encode()) for key, value in pairs.items())
    start = 28 + 16 * len(keys)
    tables, body = [], b""
    for column in (0, 1):
        for pair in keys:
            tables.append(struct.pack("<II", len(pair[column]), start + len(body)))
            body += pair[column] + b"\0"
    head = struct.pack("<7I", MO_MAGIC, 0, len(keys), 28, 28 + 8 * len(keys), 0, 0)
    return head + b"".join(tables) + body


def paths(language: str) -> tuple[Path, Path]:
    """The catalogue of a language, and the compiled one."""
    folder = Path(FOLDER) / language / "LC_MESSAGES"
    return folder / "probe.po", folder / "probe.mo"


def made() -> dict[Path, bytes]:
    """Every file of the catalogues as the code and the translations make it."""
    files: dict[Path, bytes] = {}
    entries = sources()
    for language in LANGUAGES:
        source, compiled = paths(language)
        known = read_po(source.read_text(encoding="utf-8")) if source.exists() else {}
        text = po(language, entries, known)
        files[source] = text.encode()
        files[compiled] = mo(language, read_po(text))
    return files


def write() -> None:
    """Write every catalogue."""
    for path, content in made().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def _field(keyword: str, text: str) -> list[str]:
    """A keyword and its text, a line of the file for each line of the text."""
    if "\n" not in text.rstrip("\n"):
        return [f"{keyword} {_quoted(text)}"]
    return [f'{keyword} ""', *(_quoted(line) for line in text.splitlines(keepends=True))]


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    return f'"{escaped}"'


if __name__ == "__main__":
    if sys.argv[1:] != ["--write"]:
        sys.exit("usage: python -m tests.catalogues --write")
    write()
