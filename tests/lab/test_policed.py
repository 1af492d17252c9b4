"""On a network that freezes fast handshakes, a fast run reports `policed`, never `blocked`."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.lab.bench import PROBE, Bench, Line
from tests.lab.scenarios import policed
from tests.lab.topology import Lab, missing
from tests.lab.world import FOREIGN_ANCHORS, TRUSTED, deal

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("policed")]


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    """A separate lab, because the freeze would hit other tests' handshakes."""
    if reason := missing():
        pytest.fail(reason)
    with Lab(deal(policed.SCENARIOS, policed.PROFILES)) as lab:
        yield Bench(lab, policed.SCENARIOS)


@pytest.fixture(scope="module")
def runs(bench: Bench) -> dict[str, list[Line]]:
    """Vantage -> the lines of `probe check` there; all run at once, and each is frozen separately."""
    hurried = ("--pace", "0", "--concurrency", "3")
    words = {"hasty": hurried, "blind": hurried, "steady": ("--concurrency", "3")}
    with ThreadPoolExecutor(len(words)) as pool:
        said = pool.map(lambda item: _measure(bench, *item), words.items())
        return dict(zip(words, said, strict=True))


def _measure(bench: Bench, vantage: str, words: tuple[str, ...]) -> list[Line]:
    anchors = [f"--anchor=https://{name}/" for name in FOREIGN_ANCHORS] if vantage != "blind" else ["--anchor="]
    resolvers = [f"--trusted-resolver={url}" for url in TRUSTED[:1]] if vantage == "steady" else ["--trusted-resolver="]
    targets = [bench.target(scenario) for scenario in bench.scenarios]
    command = [PROBE, "check", "--json", "--timeout", "2", *words, *anchors, *resolvers, *targets]
    done = bench.lab.hosts[vantage].run(*command, environ=bench.environ, timeout=240)
    assert done.returncode in (0, 1), done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_the_network_freezes_fast_handshakes_and_recovers_without_the_probe(bench: Bench) -> None:
    """After five ClientHellos at once, one to an unrelated network times out; a minute later it is answered."""
    fields = bench.lab.world.fields
    trigger, other = fields[policed.TRIGGER.name], fields[policed.OTHERS[0].name]
    host = bench.lab.hosts["witness"]

    def hello(address: str, name: str) -> bool:
        client = f"timeout 3 openssl s_client -brief -connect {address}:443 -servername {name} </dev/null"
        return "ESTABLISHED" in host.run("bash", "-c", f"{client} 2>&1", environ=bench.environ, timeout=20).stdout

    assert hello(other["a"], other["host"])
    with ThreadPoolExecutor(5) as pool:
        burst = list(pool.map(lambda _: hello(trigger["a"], trigger["host"]), range(5)))
    assert not all(burst)
    frozen = time.monotonic()
    assert not hello(other["a"], other["host"])
    time.sleep(max(0.0, frozen + policed.FREEZE + 1 - time.monotonic()))
    assert hello(other["a"], other["host"])


@pytest.mark.parametrize("vantage", ["hasty", "blind"])
def test_a_fast_run_reports_that_it_was_policed(runs: dict[str, list[Line]], vantage: str, report: list[str]) -> None:
    """Targets that worked are reachable, and those that failed are unknown."""
    said = [(line["status"], line["vantage"]["state"]) for line in runs[vantage]]

    report.append(f"policed, {vantage}: {sorted(set(said))}")
    assert len(said) == len(policed.SCENARIOS)
    assert {status for status, _ in said} <= {"reachable", "unknown"}
    assert {state for status, state in said if status == "unknown"} == {"policed"}


def test_the_default_pace_does_not_trigger_the_freeze(runs: dict[str, list[Line]]) -> None:
    """Every target is reachable at the default pace."""
    assert [(line["status"], line["vantage"]["state"]) for line in runs["steady"]] == [("reachable", "online")] * len(
        policed.SCENARIOS
    )
