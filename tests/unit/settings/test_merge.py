"""Defaults, file, environment and command line, merged."""

from __future__ import annotations

import re
import time
import tomllib
from pathlib import Path

import pytest

from probe.errors import ExitStatus, SettingsError
from probe.settings import defaults_text, load, variable
from probe.settings.options import SECTIONS

NOWHERE = {"XDG_CONFIG_HOME": "/nonexistent"}


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "probe.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_an_empty_file_leaves_the_defaults(tmp_path: Path) -> None:
    settings = load(written(tmp_path, ""), {})

    assert settings.measure.pace == 1.0
    assert settings.agent.consent is False


def test_a_later_source_overrides_an_earlier_one(tmp_path: Path) -> None:
    """Command line over environment over file over defaults, key by key."""
    path = written(tmp_path, "[measure]\ntimeout = 1\nconcurrency = 2\npace = 3\n")

    settings = load(
        path,
        {"PROBE_MEASURE_CONCURRENCY": "20", "PROBE_MEASURE_PACE": "30"},
        {"measure.pace": 300.0, "agent.role": None},
    )

    assert (settings.measure.timeout, settings.measure.concurrency, settings.measure.pace) == (1.0, 20, 300.0)
    assert settings.agent.role == "vantage"
    assert settings.source == str(path)


def test_lists_in_a_variable_are_separated_by_blanks_and_an_empty_one_is_empty() -> None:
    settings = load(None, NOWHERE | {"PROBE_TARGETS_SERVICES": "wechat line", "PROBE_MEASURE_ANCHORS": ""})

    assert settings.targets.services == ("wechat", "line")
    assert settings.measure.anchors == ()


@pytest.mark.parametrize(("text", "flag"), [("yes", True), ("1", True), ("false", False), ("off", False)])
def test_a_flag_in_a_variable_may_be_written_in_several_ways(text: str, flag: bool) -> None:
    assert load(None, NOWHERE | {"PROBE_AGENT_CONSENT": text}).agent.consent is flag


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[measure]\ntimeot = 3\n", "unknown key measure.timeot (did you mean timeout?)"),
        ("[meassure]\n", "unknown section 'meassure' (did you mean measure?)"),
        ("measure = 3\n", "unknown section 'measure' (did you mean measure?)"),
        ('[measure]\ntimeout = "3"\n', "measure.timeout cannot be '3' (write a number of seconds, 0.05 to 604800)"),
        ("[measure]\npace = -1\n", "measure.pace cannot be -1 (write a number a second; 0 for no limit)"),
        ('[measure]\nanchors = ["ftp://a"]\n',
         "measure.anchors cannot be ['ftp://a'] (write a list of URLs: [\"https://host/\", ...])"),
        ("[agent]\nconsent = 1\n", "agent.consent cannot be 1 (write true or false)"),
        ('[network]\ncountry = "Russia"\n',
         "network.country cannot be 'Russia' (write two capital letters (ISO 3166), or nothing)"),
        (b"[agent]\nrole = '\xff'\n", "not UTF-8 at byte 16 (save it as UTF-8)"),
    ],
)  # fmt: skip
def test_a_mistake_in_the_file_is_one_line_with_file_key_and_remedy(
    text: str | bytes, line: str, tmp_path: Path
) -> None:
    path = written(tmp_path, text)

    with pytest.raises(SettingsError) as caught:
        load(path, {})

    assert str(caught.value) == f"{path}: {line}"
    assert caught.value.status == ExitStatus.USAGE


def test_the_error_about_invalid_toml_names_the_line(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"probe\.toml: not TOML: .*line 2"):
        load(written(tmp_path, "[agent]\nrole\n"), {})


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[agent]\ninterval = " + "[" * 1000 + "]" * 1000, "nested too deep (write each section as [section])"),
        ("[agent]\ninterval" + ".x" * 250 + " = 1", "agent.interval cannot be {'x': {'x': "),
        ("[agent]\ninterval = " + "9" * 5000, "not TOML: Exceeds the limit"),
        ("[agent]\nrole = " + "{a = " * 1000, "nested too deep"),
    ],
    ids=["arrays", "dotted keys", "digits", "inline tables"],
)
def test_a_file_that_would_exhaust_the_parser_is_one_line(text: str, line: str, tmp_path: Path) -> None:
    path = written(tmp_path, text)

    with pytest.raises(SettingsError) as caught:
        load(path, {})

    assert str(caught.value).startswith(f"{path}: {line}")


def test_a_key_of_many_parts_is_refused_before_it_is_parsed(tmp_path: Path) -> None:
    """The parser's work grows with the square of the parts: 100,000 of them take all memory."""
    path = written(tmp_path, "[agent]\ninterval" + ".x" * 30_000 + " = 1")
    start = time.process_time()

    with pytest.raises(SettingsError) as caught:
        load(path, {})

    assert str(caught.value) == f"{path}:2: more than 300 dots in a line (write one item a line)"
    assert time.process_time() - start < 0.5


def test_a_named_file_that_is_missing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"missing\.toml: cannot be read: No such file"):
        load(None, {"PROBE_CONFIG": str(tmp_path / "missing.toml")})


def test_a_misspelt_variable_is_an_error_and_another_programs_is_not() -> None:
    load(None, NOWHERE | {"PROBE_CLOCK": "", "PROBE_ORIGIN": "x"})
    with pytest.raises(SettingsError, match=r"PROBE_AGENT_CONSENTS: unknown variable \(did you mean"):
        load(None, NOWHERE | {"PROBE_AGENT_CONSENTS": "true"})


def test_a_bad_value_in_a_variable_names_the_variable() -> None:
    with pytest.raises(SettingsError, match=r"^PROBE_MEASURE_TIMEOUT: measure.timeout cannot be 'soon'"):
        load(None, NOWHERE | {"PROBE_MEASURE_TIMEOUT": "soon"})


def test_the_error_about_a_bad_value_names_the_command_line() -> None:
    with pytest.raises(SettingsError, match=r"^command line: measure.timeout cannot be -1"):
        load(None, NOWHERE, {"measure.timeout": -1.0})


def test_every_setting_has_a_default_and_a_paragraph_and_no_other_key_has() -> None:
    """`defaults.toml` is the reference: it has every setting, and explains it."""
    text = defaults_text()
    documented = {section: set(options) for section, options in tomllib.loads(text).items()}

    assert documented == {name: set(section.__struct_fields__) for name, section in SECTIONS.items()}
    for key in (key for keys in documented.values() for key in keys):
        assert re.search(rf"^# .+\n{key} = ", text, re.MULTILINE), key


def test_the_shipped_defaults_pass_their_own_check(tmp_path: Path) -> None:
    assert load(written(tmp_path, defaults_text()), {}).agent == load(written(tmp_path, ""), {}).agent


def test_a_setting_has_one_variable() -> None:
    assert variable("measure", "trusted_resolvers") == "PROBE_MEASURE_TRUSTED_RESOLVERS"
