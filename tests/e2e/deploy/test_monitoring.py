"""The rules and the dashboard of deploy/monitoring, beside the metrics of a real collector.

Where Prometheus is installed (Debian: `prometheus`), promtool checks the files and a real Prometheus scrapes.
`PROMETHEUS_BIN` names the folder of both where they are not on the PATH.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import socket
import subprocess
from pathlib import Path

import aiohttp
import pytest

from probe.collector.metrics import HELP, PREFIX
from tests.loopback.collector.conftest import Server, server

__all__ = ["server"]
FOLDER = Path(__file__).parents[3] / "deploy" / "monitoring"
RULES = FOLDER / "collector-rules.yml"
DASHBOARD = FOLDER / "grafana-dashboard.json"


def installed(name: str) -> str:
    """The program's path; skips the test where it is not installed."""
    path = shutil.which(name, path=os.pathsep.join((os.environ.get("PROMETHEUS_BIN", ""), os.environ["PATH"])))
    if path is None:
        pytest.skip(f"{name} is not installed (Debian: apt install prometheus)")
    return path


@pytest.mark.parametrize("path", [RULES, DASHBOARD], ids=lambda path: path.name)
def test_every_metric_that_is_named_exists(path: Path) -> None:
    """A renamed metric would make an alert that never fires."""
    named = set(re.findall(rf"{PREFIX}(\w+)", path.read_text()))

    assert len(named) >= 8
    assert named <= set(HELP)


def test_the_dashboard_is_complete() -> None:
    """Each panel has a title, a place of its own and a query."""
    panels = json.loads(DASHBOARD.read_text())["panels"]

    assert len({(each["gridPos"]["x"], each["gridPos"]["y"]) for each in panels}) == len(panels)
    assert all(each["title"] and each["targets"] for each in panels)


def test_promtool_finds_no_fault() -> None:
    done = subprocess.run(
        [installed("promtool"), "check", "config", str(FOLDER / "prometheus.yml")],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


async def test_a_real_prometheus_scrapes_a_collector(server: Server, tmp_path: Path) -> None:
    """It knows every metric that the collector has a value for, and the rules load."""
    program, port = installed("prometheus"), free_port()
    text = (FOLDER / "prometheus.yml").read_text().replace("127.0.0.1:8017", server.page.removeprefix("http://"))
    (tmp_path / "prometheus.yml").write_text(text.replace("30s", "1s"))
    shutil.copy(RULES, tmp_path)
    process = await asyncio.create_subprocess_exec(
        program,
        f"--config.file={tmp_path / 'prometheus.yml'}",
        f"--storage.tsdb.path={tmp_path / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with aiohttp.ClientSession() as http, asyncio.timeout(120):
            found: list[str] = []
            while f"{PREFIX}task_failing" not in found:
                await asyncio.sleep(0.2)
                try:
                    async with http.get(f"http://127.0.0.1:{port}/api/v1/label/__name__/values") as answer:
                        found = (await answer.json())["data"]
                except aiohttp.ClientError:
                    continue
            async with http.get(f"http://127.0.0.1:{port}/api/v1/rules") as answer:
                rules = (await answer.json())["data"]["groups"][0]["rules"]
            async with http.get(f"http://127.0.0.1:{port}/api/v1/targets") as answer:
                (target,) = (await answer.json())["data"]["activeTargets"]
        assert target["health"] == "up", target["lastError"]
        assert len(rules) == RULES.read_text().count("- alert:")
    finally:
        process.terminate()
        await process.wait()
