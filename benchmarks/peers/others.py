"""The programs that this one is compared with, each as its documentation says it is used for many targets."""

from __future__ import annotations

import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from benchmarks.peers.processes import Run, cpu_of, cpu_of_daemon, peak_of_daemon, script, timed
from benchmarks.peers.testbed import CLIENT, PORTS, RANGE, SERVER, Testbed

EXPORTER = "prometheus-blackbox-exporter"
_ADDRESS = f"{CLIENT}:9115"


def exporter(testbed: Testbed, targets: Sequence[str], *, concurrency: int = 50, module: str = "http") -> Run:
    """prometheus-blackbox-exporter over the targets; the process that drives it is not counted."""
    command = [EXPORTER, f"--config.file={testbed.folder / 'blackbox.json'}", "--log.level=error"]
    command += [f"--web.listen-address={_ADDRESS}"]
    server = subprocess.Popen(testbed.on_client(*command), env=testbed.environment, stderr=subprocess.DEVNULL)
    try:
        _wait_for_exporter(testbed)
        (testbed.folder / "list").write_text("\n".join(targets) + "\n")
        before, began = cpu_of_daemon(server.pid), time.monotonic()
        driver = [sys.executable, str(Path(__file__).with_name("exporter_driver.py")), str(testbed.folder / "list")]
        driver += [f"http://{_ADDRESS}", module, str(concurrency)]
        done = subprocess.run(testbed.on_client(*driver, core=1), check=True, stdout=subprocess.PIPE)
        wall, spent = time.monotonic() - began, cpu_of_daemon(server.pid) - before
        memory = peak_of_daemon(server.pid)
    finally:
        server.terminate()
        server.wait()
    succeeded, failed = (int(word) for word in done.stdout.split())
    return Run(spent, wall, memory, succeeded, failed)


def curl(testbed: Testbed, targets: Sequence[str]) -> Run:
    """`curl --parallel` at its highest limit."""
    lines = [f'url = "{target}"\noutput = "/dev/null"' for target in targets]
    (testbed.folder / "curl").write_text("\n".join(lines) + "\n")
    command = ["curl", "--parallel", "--parallel-max", "300", "--connect-timeout", "5", "-m", "10", "-s"]
    command += ["-w", "%{http_code}\n", "--cacert", str(testbed.folder / "ca.pem"), "-K", str(testbed.folder / "curl")]
    wall, usage, output = timed(testbed.on_client(*command), testbed)
    codes = Counter(output.split())
    succeeded = codes.pop("200", 0)
    return Run(cpu_of(usage), wall, usage.ru_maxrss / 1024, succeeded, codes.total())


def dnspython(testbed: Testbed, count: int) -> Run:
    """The asynchronous resolver of dnspython, 50 look-ups at once; imports are not counted."""
    return script(testbed, "dnspython_client.py", SERVER, str(count))


def aioquic(testbed: Testbed, count: int) -> Run:
    """Whole QUIC handshakes with aioquic's client, 20 at once, without verification; imports are not counted."""
    return script(testbed, "aioquic_client.py", str(count))


def nmap_connect(testbed: Testbed) -> Run:
    """`nmap -sT` over all ports of the range, start-up included."""
    ports = f"{PORTS[0]}-{PORTS[-1]}"
    command = ["nmap", "-sT", "-n", "-Pn", "-T5", "--max-retries", "0", "--host-timeout", "0", "-p", ports]
    wall, usage, output = timed(testbed.on_client(*command, "-oG", "-", RANGE), testbed)
    return Run(cpu_of(usage), wall, usage.ru_maxrss / 1024, output.count("/open/tcp/"))


def zmap(testbed: Testbed, prefix: str, port: int, rate: int = 0) -> Run:
    """`zmap` over a prefix, one SYN an address, at a rate (0: as fast as it can), start-up included."""
    command = ["zmap", "-p", str(port), "-r", str(rate), "-B", "0", "-T", "1", "-c", "2", "-q", "-v", "0", "-i", "w0"]
    command += ["-G", testbed.gateway_hardware_address(), "-b", "/dev/null", "-o", "-", "-f", "saddr", prefix]
    wall, usage, output = timed(testbed.on_client(*command), testbed)
    return Run(cpu_of(usage), wall, usage.ru_maxrss / 1024, len(set(output.split())))


def _wait_for_exporter(testbed: Testbed) -> None:
    for _ in range(100):
        command = testbed.on_client("curl", "-s", "-o", "/dev/null", f"http://{_ADDRESS}/", core=1)
        if subprocess.run(command, check=False).returncode == 0:
            return
        time.sleep(0.1)
    raise RuntimeError("the exporter does not answer")
