"""The completion scripts, asked in the shells themselves."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from deploy.generate.command_tree import command_tree
from deploy.generate.completion import completions
from tests import required

FOLDER = Path(__file__).parents[3] / "deploy" / "completion"
COMMANDS = {one.words[-1] for one in command_tree().commands}
BASH = """
compopt() { :; }
source "$1"
shift
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_probe probe "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
printf '%s\\n' "${COMPREPLY[@]}"
"""
FISH = "source $argv[1]; complete -C \"$argv[2]\" | string replace -r '\\t.*' ''"
ZSH = """
_arguments() { print -rl -- "$@"; }
source "$1"
"""


def bash(*words: str, cwd: Path) -> set[str]:
    """What bash offers for the last word."""
    run = [required.command("bash"), "--norc", "-c", BASH, "bash", str(FOLDER / "probe.bash"), *words]
    return _lines(run, cwd)


def fish(*words: str, cwd: Path) -> set[str]:
    """What fish offers for the last word."""
    run = [required.command("fish"), "--no-config", "-c", FISH, str(FOLDER / "probe.fish"), " ".join(words)]
    return _lines(run, cwd)


def _lines(words: list[str], cwd: Path) -> set[str]:
    environ = {"PATH": "/usr/bin:/bin", "HOME": str(cwd), "LANG": "C.UTF-8"}
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60, cwd=cwd, env=environ)
    assert done.stderr == ""
    return set(done.stdout.split())


def test_the_folder_holds_a_script_for_each_shell() -> None:
    """The tests below cannot pass because scripts are missing."""
    assert {path.name for path in FOLDER.iterdir()} == set(completions()) == {"probe.bash", "_probe", "probe.fish"}


@pytest.mark.parametrize("shell", [bash, fish])
class TestShell:
    """bash and fish offer the same."""

    def test_offers_the_commands(self, shell: type[set[str]], tmp_path: Path) -> None:
        """Every command of the program, and those below a command."""
        assert shell("probe", "", cwd=tmp_path) == COMMANDS
        assert shell("probe", "targets", "va", cwd=tmp_path) == {"validate"}

    def test_offers_the_options_of_the_command(self, shell: type[set[str]], tmp_path: Path) -> None:
        """Also after an option with a value, and those of no other command."""
        assert shell("probe", "check", "--pace", "2", "--ti", cwd=tmp_path) == {"--timeout"}
        assert shell("probe", "judge", "--ti", cwd=tmp_path) == set()

    def test_offers_files_and_choices_as_values(self, shell: type[set[str]], tmp_path: Path) -> None:
        """Files for an option that takes one, the values of a choice for that."""
        (tmp_path / "probe.toml").touch()

        assert shell("probe", "check", "--config", "pro", cwd=tmp_path) == {"probe.toml"}
        assert shell("probe", "enrol", "--role", "", cwd=tmp_path) == {"vantage", "control"}

    def test_offers_nothing_for_a_number(self, shell: type[set[str]], tmp_path: Path) -> None:
        """No file is a number of seconds."""
        (tmp_path / "probe.toml").touch()

        assert shell("probe", "check", "--timeout", "", cwd=tmp_path) == set()


def test_zsh_reads_the_script_and_hears_of_every_command(tmp_path: Path) -> None:
    """The function of a command passes its options to `_arguments`; the program's describes the commands."""
    run = [required.command("zsh"), "-f", "-c", ZSH + "\n_probe_targets_list", "zsh", str(FOLDER / "_probe")]

    done = subprocess.run(run, capture_output=True, text=True, check=False, timeout=60, cwd=tmp_path)
    text = (FOLDER / "_probe").read_text()

    assert (done.returncode, done.stderr) == (0, "")
    assert "*--default[" in done.stdout
    assert all(f"                {name}) _probe_{name.replace('-', '_')} ;;" in text for name in COMMANDS)
