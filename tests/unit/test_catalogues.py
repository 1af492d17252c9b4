"""The catalogues have every text of the code, no other, and translations that fit their texts."""

from __future__ import annotations

import string
from gettext import GNUTranslations
from io import BytesIO

import pytest

from probe.cli.localisation import LANGUAGES
from tests import catalogues
from tests.catalogues import Source, mo, paths, po, read_po, texts

ENTRIES = [Source(("Stop",), ("probe/a.py",)), Source(("{count} round", "{count} rounds"), ("probe/b.py",))]


def test_the_catalogues_are_what_the_code_and_the_translations_make() -> None:
    """A new text is in each catalogue, a removed one in none, and the compiled files are those of the sources."""
    differing = [path.name for path, content in catalogues.made().items() if path.read_bytes() != content]

    assert not differing, "run `make references`"


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_translation_has_the_placeholders_of_its_text(language: str) -> None:
    for text, forms in read_po(paths(language)[0].read_text(encoding="utf-8")).items():
        for form in filter(None, forms):
            assert placeholders(form) == placeholders(text[-1]), text


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_translation_begins_and_ends_as_its_text(language: str) -> None:
    """Spaces and line ends join it to what stands beside it."""
    for text, forms in read_po(paths(language)[0].read_text(encoding="utf-8")).items():
        for form in filter(None, forms):
            assert ends(form) == ends(text[-1]), text


def placeholders(text: str) -> list[str]:
    """The fields of a format string, sorted."""
    return sorted(f"{name}:{form}" for _, name, form, _ in string.Formatter().parse(text) if name is not None)


def ends(text: str) -> tuple[bool, bool, int]:
    """Whether a text begins and ends with a space or a line end, and how many lines it has."""
    return text[:1].isspace(), text[-1:].isspace(), text.count("\n")


def test_a_catalogue_keeps_its_translations_and_reads_as_gettext_does() -> None:
    known = {
        ("Stop",): ["Стоп"],
        ("{count} round", "{count} rounds"): ["{count} раунд", "{count} раунда", "{count} раундов"],
    }

    text = po("ru", ENTRIES, known)
    loaded = GNUTranslations(BytesIO(mo("ru", read_po(text))))

    assert read_po(text) == known
    assert po("ru", ENTRIES, read_po(text)) == text
    assert loaded.gettext("Stop") == "Стоп"
    counted = [loaded.ngettext("{count} round", "{count} rounds", number) for number in (1, 3, 11, 21)]
    assert [text.split()[-1] for text in counted] == ["раунд", "раунда", "раундов", "раунд"]


def test_a_text_without_a_translation_and_one_that_the_code_lost_are_not_compiled() -> None:
    text = po("ru", ENTRIES[:1], {("Gone",): ["Нет"]})
    loaded = GNUTranslations(BytesIO(mo("ru", read_po(text))))

    assert "Gone" not in text
    assert loaded.gettext("Stop") == "Stop"


def test_quotes_backslashes_and_line_ends_survive() -> None:
    text = 'A "word",\na \\path\tand\nan end\n'
    known = {(text,): [text.replace("word", "слово")]}

    assert read_po(po("ru", [Source((text,), ("probe/a.py",))], known)) == known


def test_the_texts_of_a_module_are_found_in_their_order() -> None:
    code = '_("One")\nTABLE = {"a": mark("Two" " words")}\n_(TABLE["a"])\ntranslate_plural("{} day", "{} days", 3)\n'

    assert list(texts(code)) == [("One",), ("Two words",), ("{} day", "{} days")]


@pytest.mark.parametrize(
    "code", ['_(f"{one} thing")', '_("a" + b)', '_("{}".format(1))', 'translate_plural("a", b, 1)']
)
def test_a_text_that_is_no_plain_string_is_refused(code: str) -> None:
    with pytest.raises(ValueError, match="plain string"):
        list(texts(code))


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_is_left_untranslated(language: str) -> None:
    """A new text comes with its translations; an unsure one is better than English, and the catalogue says so."""
    known = read_po(paths(language)[0].read_text(encoding="utf-8"))

    assert [text[0] for text, forms in known.items() if not all(forms)] == []
