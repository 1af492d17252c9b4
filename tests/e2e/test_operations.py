"""The commands in `docs/operations.md` exist, and those for one machine run in their order."""

from __future__ import annotations

import re
import shlex
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import aiohttp
import pytest

from deploy.generate.command_tree import command_tree
from tests.e2e.processes import command, environment, probe
from tests.loopback.collector.vantages import FakeAgent

ROOT = Path(__file__).parents[2]
OPERATIONS = ROOT / "docs" / "operations.md"


def command_lines(document: Path) -> list[list[str]]:
    """The words of each command of ours in a document's blocks, without what is said about it behind three spaces."""
    blocks = re.findall(r"^```(\w*)\n(.*?)^```$", document.read_text(), re.MULTILINE | re.DOTALL)
    lines = [re.split(r"\s{3,}", line)[0] for language, block in blocks if not language for line in block.splitlines()]
    return [shlex.split(part) for line in lines for part in line.split(" | ") if part.startswith("probe ")]


def known_commands() -> dict[tuple[str, ...], set[str]]:
    """The words of every command -> its options."""
    return {
        each.words: {spelling for option in each.options for spelling in option.spellings}
        for each in command_tree().below()
    }


@pytest.mark.parametrize("words", command_lines(OPERATIONS), ids=" ".join)
def test_a_command_that_operators_are_told_to_use_exists(words: list[str]) -> None:
    """The command is known, and so is each of its options."""
    known = known_commands()
    name = max((tuple(words[:length]) for length in (1, 2, 3, 4) if tuple(words[:length]) in known), key=len)
    options = {word for word in words if re.match(r"--?[a-z]", word)}

    assert len(name) > 2
    assert options <= known[name]


@contextmanager
def served(words: list[str]) -> Iterator[str]:
    """Run a collector while the block runs; gives its URL. It ends well on SIGTERM."""
    process = subprocess.Popen(command(*words), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment())
    assert process.stdout is not None
    try:
        yield process.stdout.readline().decode().rpartition(" ")[2].strip().rstrip("/")
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
        assert process.returncode == 0


async def test_the_commands_for_one_machine_run_in_their_order(tmp_path: Path) -> None:
    """Start, let an agent in, list it, revoke it: with the words of the document, in a folder of the test."""
    places = {"/var/lib/probe-collector/": f"{tmp_path}/", "127.0.0.1:8017": "127.0.0.1:0"}
    lines = [" ".join(words) for words in command_lines(OPERATIONS)]

    def told(beginning: str) -> list[str]:
        line = next(line for line in lines if line.startswith(f"probe {beginning} "))
        for old, new in places.items():
            line = line.replace(old, new)
        return [f"{tmp_path}/{word}" if word == "collector.sqlite" else word for word in line.split()[1:]]

    with served(told("collector serve")) as url:
        token = probe(*told("collector token")).stdout.decode().strip()
        agent = FakeAgent(url, origin="https://collector.example")
        async with aiohttp.ClientSession() as http:
            assert (await agent.enrol(http, token))["status"] == 200
            for words in (told("collector agents list"), [*told("collector agents revoke")[:-1], agent.id]):
                done = probe(*words)
                assert done.returncode == 0, done.stderr
            async with http.get(f"{url}/readyz") as answer:
                assert answer.status == 200
