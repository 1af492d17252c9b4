"""Which language a volunteer gets, and what an English process does not load."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from probe.cli import localisation
from probe.cli.localisation import language


@pytest.mark.parametrize(
    "environ, expected",
    [
        ({}, "en"),
        ({"LANG": "C.UTF-8"}, "en"),
        ({"LANG": "en_GB.UTF-8"}, "en"),
        ({"LANG": "ru_RU.UTF-8"}, "ru"),
        ({"LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "zh-Hans"}, "zh"),
        ({"LANG": "de_DE.UTF-8"}, "en"),
        ({"LANG": "en_US.UTF-8", "LC_ALL": "ru_RU"}, "ru"),
        ({"LANG": "ru_RU.UTF-8", "LC_MESSAGES": "C"}, "en"),
        ({"LANG": "ru_RU.UTF-8", "LC_ALL": ""}, "ru"),
        ({"LANG": "en_US.UTF-8", "LANGUAGE": "zh"}, "zh"),
        ({"LANGUAGE": "uk:ru:en"}, "ru"),
        ({"LANGUAGE": "en:ru"}, "en"),
        ({"LANG": "sr_RS@latin"}, "en"),
    ],
)
def test_the_language_is_that_of_the_first_variable_that_is_set(environ: dict[str, str], expected: str) -> None:
    assert language(environ) == expected


def test_a_language_that_the_terminal_cannot_show_is_not_chosen() -> None:
    assert language({"LANG": "ru_RU.KOI8-R"}, "koi8-r") == "ru"
    assert language({"LANGUAGE": "ru"}, "iso8859-1") == "en"
    assert language({"LANGUAGE": "zh"}, "cp1251") == "en"
    assert language({"LANGUAGE": "zh"}, "no-such-encoding") == "en"


SCRIPT = """
import sys
from probe.cli.localisation import mark, translate, translate_plural
print(translate("A text that no catalogue has"), mark("Marked"))
print(*(translate_plural("{} thing", "{} things", number).format(number) for number in (1, 2)))
print("gettext" in sys.modules)
"""


@pytest.mark.parametrize("asked, loaded", [("en_US.UTF-8", False), ("ru_RU.UTF-8", True)])
def test_a_text_without_a_translation_is_english_and_english_loads_nothing(asked: str, loaded: bool) -> None:
    environ = {key: value for key, value in os.environ.items() if not key.startswith(("LC_", "LANG"))}

    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        capture_output=True,
        text=True,
        check=True,
        env={**environ, "LANGUAGE": asked, "PYTHONIOENCODING": "utf-8"},
        cwd=Path(__file__).parents[3],
    )

    assert done.stdout.splitlines() == ["A text that no catalogue has Marked", "1 thing 2 things", str(loaded)]


def test_each_language_has_a_catalogue_beside_the_code() -> None:
    compiled = {path.parts[-3] for path in Path(localisation.FOLDER).rglob("*.mo")}

    assert compiled == set(localisation.LANGUAGES)


PROGRAMS = """
from probe.cli.localisation import Untranslated, translate
with Untranslated():
    print(translate("never"))
with Untranslated(wanted=False):
    print(translate("never") != "never")
print(translate("never") != "never")
"""


def test_what_is_for_programs_is_not_translated() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAMS],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "LANGUAGE": "ru", "PYTHONIOENCODING": "utf-8"},
        cwd=Path(__file__).parents[3],
    )

    assert done.stdout.splitlines() == ["never", "True", "True"]


@pytest.mark.parametrize("words", [["status", "--json"], ["doctor", "--local", "--json"]])
def test_json_is_the_same_in_every_language(words: list[str], tmp_path: Path) -> None:
    outputs = []
    for asked in ("en", "ru"):
        environ = {**os.environ, "LANGUAGE": asked, "XDG_STATE_HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}
        done = subprocess.run(
            [sys.executable, "-m", "probe", *words],
            capture_output=True,
            check=False,
            env=environ | {"PROBE_CLOCK": "2026-01-01T00:00:00Z@1"},
            cwd=Path(__file__).parents[3],
        )
        outputs.append(re.sub(rb'"time":"[^"]*"', b"", done.stdout))

    assert outputs[0]
    assert outputs[0] == outputs[1]
