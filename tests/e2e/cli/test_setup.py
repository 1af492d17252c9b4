"""`probe setup` on a real terminal, and without one: what is asked, written, contacted and installed."""

from __future__ import annotations

import os
import re
import socket
import stat
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.processes import Served, collector_process, command, environment, probe
from tests.e2e.terminal import Terminal

CONSENT, LAST = "agree that this computer", "Write this, and go on?"
ASN, COUNTRY, SERVICES = "number of your provider's network", "country that this line is in", "Which services"
COLLECTOR, TOKEN, METERED, START = (
    "address of the collector",
    "token from its operator",
    "cost by volume",
    "How shall it start",
)
QUESTIONS = (CONSENT, ASN, COUNTRY, SERVICES, COLLECTOR, METERED, START, LAST)
ANSWERS = ("yes", "AS64500", "ru", "line", "none", "no", "nothing", "yes")
ALL = ["--accept-risks", "--asn", "64500", "--country", "RU", "--services", "line"]
ALONE = [*ALL, "--collector", "none", "--start", "nothing"]


def stand_in(folder: Path, name: str, script: str) -> None:
    """A command of the system on the PATH."""
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    """The environment of a new user, in whose home there is nothing, on a host with cron."""
    stand_in(tmp_path / "bin", "crontab", "exit 1")
    return environment(
        HOME=str(tmp_path),
        XDG_CONFIG_HOME=str(tmp_path / "config"),
        XDG_STATE_HOME=str(tmp_path / "state"),
        XDG_RUNTIME_DIR=str(tmp_path / "runtime"),
        TZ="Etc/Unknown",
        LANG="C.UTF-8",
        PATH=str(tmp_path / "bin"),
    )


@pytest.fixture(scope="module")
def collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with collector_process(tmp_path_factory.mktemp("collector")) as served:
        yield served


def setup(environ: dict[str, str], *words: str) -> Terminal:
    return Terminal(command("setup", *words), environ)


def settings_of(folder: Path) -> dict[str, Any]:
    return tomllib.loads((folder / "config/probe/probe.toml").read_text())


def everything_below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and path.parent.name != "bin"]


def answered(terminal: Terminal, answers: tuple[str, ...], questions: tuple[str, ...] = QUESTIONS) -> tuple[int, str]:
    for question, answer in zip(questions, answers, strict=True):
        terminal.answer(question, answer)
    return terminal.end()


def test_the_answers_are_written_to_a_private_settings_file(home: dict[str, str], tmp_path: Path) -> None:
    status, text = answered(setup(home), ANSWERS)

    assert status == 0, text
    assert settings_of(tmp_path) == {
        "agent": {"consent": True, "collectors": []},
        "network": {"asn": 64500, "country": "RU"},
        "targets": {"services": ["line"]},
    }
    (file,) = everything_below(tmp_path)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert probe("run", "--check-config", "--config", str(file)).returncode == 0


def test_the_risk_is_told_before_the_first_question(home: dict[str, str]) -> None:
    terminal = setup(home)

    told = terminal.wait_for(CONSENT)
    terminal.type("q\n")
    terminal.end()

    for words in (
        "Your provider",
        "Cloudflare, Quad9, Google are asked",
        "MB and",
        "GB a month",
        "kept nor sent",
        "stop",
    ):
        assert words in told


CTRL_C, CTRL_D = "\x03", "\x04"
STOPS = ["q\n", CTRL_D, CTRL_C, "Q\n", "q\n", CTRL_D, "q\n", "q\n"]


@pytest.mark.parametrize("number", range(len(QUESTIONS)))
def test_every_question_can_be_stopped_at_without_a_change(number: int, home: dict[str, str], tmp_path: Path) -> None:
    """With `q`, Ctrl-D or Ctrl-C."""
    terminal = setup(home)
    for question, answer in zip(QUESTIONS[:number], ANSWERS[:number], strict=True):
        terminal.answer(question, answer)
    terminal.wait_for(QUESTIONS[number])
    terminal.wait_for(") " if number in (0, 7) else "] ")

    if STOPS[number] == CTRL_C:
        terminal.interrupt()
    else:
        terminal.type(STOPS[number])
    status, text = terminal.end()

    assert status == 1
    assert "\nprobe: stopped; nothing was contacted and nothing was changed\n" in text
    assert not everything_below(tmp_path)


@pytest.mark.parametrize(
    "language, questions, answer",
    [
        ("ru_RU.UTF-8", ("согласны, чтобы этот компьютер", "Записать это и продолжить"), "да"),
        ("zh_CN.UTF-8", ("同意由本机访问这些服务", "写入以上内容并继续"), "是"),
    ],
)
def test_it_speaks_the_language_of_the_system(
    language: str, questions: tuple[str, str], answer: str, home: dict[str, str], tmp_path: Path
) -> None:
    """Also the answer may be in that language; what is written stays the same."""
    terminal = setup(home | {"LANG": language}, *ALONE[1:], "--unmetered")

    terminal.answer(questions[0], "?")
    for question in questions:
        terminal.answer(question, answer)

    assert terminal.end()[0] == 0
    assert settings_of(tmp_path)["network"] == {"asn": 64500, "country": "RU"}


@pytest.mark.parametrize("answer", ["no", "n"])
def test_no_consent_ends_it(answer: str, home: dict[str, str], tmp_path: Path) -> None:
    terminal = setup(home)

    terminal.answer(CONSENT, answer)

    assert terminal.end()[0] == 1
    assert not everything_below(tmp_path)


def test_consent_needs_the_whole_word(home: dict[str, str]) -> None:
    terminal = setup(home)

    for answer in ("", "y", "yess"):
        terminal.answer(CONSENT, answer)
        terminal.wait_for("Write yes or no")
    terminal.answer(CONSENT, "YES")
    terminal.answer(ASN, "q")

    assert terminal.end()[0] == 1


def test_every_question_explains_itself_and_asks_again(home: dict[str, str], tmp_path: Path) -> None:
    terminal = setup(home)
    for question, answer in zip(QUESTIONS, ANSWERS, strict=True):
        terminal.answer(question, "?")
        terminal.wait_for("\n  ")
        terminal.answer(question, answer)

    assert terminal.end()[0] == 0
    assert settings_of(tmp_path)["network"] == {"asn": 64500, "country": "RU"}


@pytest.mark.parametrize(
    "question, bad, said",
    [
        (ASN, "Beeline", "not the number of a network"),
        (ASN, "4294967296", "not the number of a network"),
        (COUNTRY, "Russia", "not two letters"),
        (SERVICES, "telegramm", "did you mean telegram?"),
        (COLLECTOR, "collector", "not a collector's address"),
        (START, "launchd", "not possible here; write one of: cron, nothing"),
    ],
)
def test_a_bad_answer_is_named_and_asked_again(question: str, bad: str, said: str, home: dict[str, str]) -> None:
    terminal = setup(home)
    for asked, answer in zip(QUESTIONS, ANSWERS, strict=True):
        if asked == question:
            terminal.answer(asked, bad)
            terminal.wait_for(said)
        terminal.answer(asked, answer)

    assert terminal.end()[0] == 0


def test_risky_services_are_confirmed_apart(home: dict[str, str], tmp_path: Path) -> None:
    terminal = setup(home)
    for question, answer in ((CONSENT, "yes"), (ASN, "0"), (COUNTRY, "-"), (SERVICES, "line tor 2ch-hk")):
        terminal.answer(question, answer)
    terminal.wait_for("Tor: tools against censorship")
    terminal.answer("Contact these from your line?", "no")
    terminal.answer(SERVICES, "line tor")
    terminal.answer("Contact these from your line?", "yes")
    for question, answer in ((COLLECTOR, ""), (METERED, ""), (START, ""), (LAST, "yes")):
        terminal.answer(question, answer)

    assert terminal.end()[0] == 0
    assert settings_of(tmp_path)["targets"] == {"services": ["line", "tor"]}
    assert settings_of(tmp_path)["network"] == {"asn": 0, "country": ""}


def test_an_answer_given_as_an_option_is_not_asked(home: dict[str, str], tmp_path: Path) -> None:
    terminal = setup(home, "--asn", "64501", "--services", "line", "--collector", "none")

    status, text = answered(terminal, ("yes", "KZ", "yes", "", "yes"), (CONSENT, COUNTRY, METERED, START, LAST))

    assert status == 0
    assert ASN not in text
    assert settings_of(tmp_path)["network"] == {"asn": 64501, "country": "KZ"}
    assert settings_of(tmp_path)["budget"] == {"preset": "metered"}
    assert "The budget ends it at 500 MB a month" in text


def test_without_a_terminal_all_answers_are_options(home: dict[str, str], tmp_path: Path) -> None:
    some = probe("setup", "--asn", "1", "--start", "nothing", **home)
    done = probe("setup", *ALONE, **home)

    assert some.returncode == 2
    assert some.stderr.decode().strip() == (
        "probe: without a terminal every answer is an option; missing: --accept-risks --country --services --collector"
    )
    assert done.returncode == 0, done.stderr
    assert settings_of(tmp_path)["network"] == {"asn": 64500, "country": "RU"}


def test_an_existing_file_is_edited_and_its_differences_are_shown(home: dict[str, str], tmp_path: Path) -> None:
    path = tmp_path / "config/probe/probe.toml"
    path.parent.mkdir(parents=True)
    text = '# Mine.\n[agent]\nconsent = false\ninterval = 600  # slow\n\n[network]\nasn = 64499\ncountry = "KZ"\n'
    path.write_text(text)

    refused = probe("setup", *ALONE, **home)
    assert refused.returncode == 2
    assert b"--force" in refused.stderr
    assert path.read_text() == text
    terminal = setup(home)
    status, printed = answered(terminal, ("yes", "64500", "", "line", "", "", "", "yes"))

    assert status == 0
    assert "network.asn = 64500  (was 64499)" in printed
    assert "reads them when it is started again" in printed
    assert "network.country" not in printed
    assert (
        path.read_text()
        == text.replace("consent = false", "consent = true")
        .replace("64499", "64500")
        .replace("slow\n", "slow\ncollectors = []\n")
        + '\n[targets]\nservices = ["line"]\n'
    )
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 or os.geteuid() == 0


def test_running_it_again_offers_what_the_settings_have(home: dict[str, str], tmp_path: Path) -> None:
    probe("setup", *ALONE, **home)
    before = (tmp_path / "config/probe/probe.toml").read_text()

    status, text = answered(setup(home), ("yes", "", "", "", "", "", "", "yes"))

    assert status == 0
    assert "stays as it is" in text
    assert (tmp_path / "config/probe/probe.toml").read_text() == before


@pytest.mark.parametrize("content", ["[agent\n", "[agent]\nconsnt = true\n", "\xff"])
def test_a_settings_file_with_a_mistake_stops_it_before_the_first_question(
    content: str, home: dict[str, str], tmp_path: Path
) -> None:
    path = tmp_path / "probe.toml"
    path.write_bytes(content.encode("latin-1"))

    done = probe("setup", *ALONE, "--force", "--config", str(path), **home)

    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.decode().count("\n") == 1
    assert path.read_bytes() == content.encode("latin-1")


def test_nothing_is_contacted_before_the_last_yes(home: dict[str, str], tmp_path: Path) -> None:
    """A collector that only listens: no connection waits at it before, and one does after."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        origin = f"http://127.0.0.1:{server.getsockname()[1]}"
        terminal = setup(home)
        questions = (*QUESTIONS[:4], COLLECTOR, TOKEN, METERED, START)
        for question, answer in zip(
            questions, ("yes", "0", "-", "line", origin, "secret-token", "no", "nothing"), strict=True
        ):
            terminal.answer(question, answer)
        terminal.wait_for(LAST)
        with pytest.raises(BlockingIOError):
            server.accept()
        assert not everything_below(tmp_path)
        terminal.type("yes\n")
        server.setblocking(True)
        server.settimeout(60)
        server.accept()[0].close()
    status, text = terminal.end()

    assert status == 1
    assert "secret-token" not in text
    assert "enrols by itself" in text
    kept = Path(settings_of(tmp_path)["agent"]["token_file"])
    assert kept.read_text() == "secret-token\n"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600


def test_it_enrols_with_the_place_that_was_given(collector: Served, home: dict[str, str], tmp_path: Path) -> None:
    token = collector.token().decode().strip()
    terminal = setup(home, *ALL, "--start", "nothing")

    terminal.answer(COLLECTOR, collector.origin)
    terminal.answer(TOKEN, token)
    status, text = terminal.end()

    assert status == 0, text
    assert token not in text
    assert f"Enrolled at {collector.origin}" in text
    assert settings_of(tmp_path)["agent"] == {"consent": True, "collectors": [collector.origin]}
    again = probe("setup", *ALL, "--collector", collector.origin, "--start", "nothing", **home)
    assert again.returncode == 0
    assert b"Enrolled" not in again.stdout


def test_a_refused_token_leaves_the_settings_and_says_so(
    collector: Served, home: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "token").write_text("wrong\n")

    done = probe(
        "setup",
        *ALL,
        "--collector",
        collector.origin,
        "--token-file",
        str(tmp_path / "token"),
        "--start",
        "nothing",
        **home,
    )

    assert done.returncode == 1
    assert b"not enrolled" in done.stderr
    assert settings_of(tmp_path)["agent"] == {"consent": True, "collectors": [collector.origin]}


def test_enrolling_later_contacts_nobody(home: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "token").write_text("a-token\n")
    words = ["--collector", "http://127.0.0.1:1", "--token-file", str(tmp_path / "token"), "--enrol-later"]

    done = probe("setup", *ALL, *words, "--start", "nothing", **home)

    assert (done.returncode, done.stderr) == (0, b"")
    assert settings_of(tmp_path)["agent"]["token_file"] == str(tmp_path / "token")


def test_the_cron_line_is_added_once_and_other_lines_stay(home: dict[str, str], tmp_path: Path) -> None:
    table = tmp_path / "crontab.txt"
    table.write_text("0 1 * * * backup\n")
    stand_in(tmp_path / "bin", "crontab", f'[ "$1" = -l ] && exec /bin/cat {table}; exec /bin/cat > {table}')

    for _ in range(2):
        done = probe("setup", *ALL, "--collector", "none", "--start", "cron", **home)
        assert done.returncode == 0, done.stderr

    first, second = table.read_text().splitlines()
    assert first == "0 1 * * * backup"
    assert re.fullmatch(r"\*/10 \* \* \* \* .* run --once --config .*/probe.toml # probe-agent", second)
    assert second in done.stdout.decode()


@pytest.mark.skipif(os.geteuid() == 0, reason="the service of a user; root has the packaged one")
def test_the_user_unit_is_written_and_started(home: dict[str, str], tmp_path: Path) -> None:
    log = tmp_path / "systemctl.txt"
    stand_in(tmp_path / "bin", "systemctl", f'echo "$@" >> {log}')
    (tmp_path / "runtime/systemd").mkdir(parents=True)

    done = probe("setup", *ALL, "--collector", "none", "--start", "systemd", **home)

    assert done.returncode == 0, done.stderr
    assert "--config" in (tmp_path / "config/systemd/user/probe-agent.service").read_text()
    assert log.read_text().splitlines()[-1] == "--user restart probe-agent.service"


def test_a_method_that_fails_leaves_the_settings_and_one_line(home: dict[str, str], tmp_path: Path) -> None:
    stand_in(tmp_path / "bin", "crontab", "echo you are not allowed to use this program >&2; exit 1")

    done = probe("setup", *ALL, "--collector", "none", "--start", "cron", **home)

    assert done.returncode == 1
    assert done.stderr.decode().strip() == (
        "probe: crontab -: you are not allowed to use this program (start the agent by hand: probe run)"
    )
    assert settings_of(tmp_path)["agent"]["consent"] is True


def test_a_disk_that_cannot_be_written_leaves_no_half_file(home: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "config").write_text("a file where the folder should be")

    done = probe("setup", *ALONE, **home)

    assert done.returncode in (1, 2)
    assert done.stderr.decode().count("\n") == 1
    assert [path.name for path in everything_below(tmp_path)] == ["config"]
