"""Packet evidence: the header fields of packets that cut a connection, and captures without the vantage's address."""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import required
from tests.lab.bench import PROBE, Bench, Line
from tests.lab.records import Act, Expect, Interference, Scenario, Site, Vantage
from tests.lab.topology import Lab, missing
from tests.lab.world import TRUSTED, deal

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("packets")]
PAGE_WITH_ADDRESS = "HTTP/1.1 200 OK\r\nContent-Length: 28\r\nConnection: close\r\n\r\nBlocked for 95.24.1.2, sorry"


def _case(name: str, does: Interference, target: str = "https://{host}/", site: Site | None = None) -> Scenario:
    sites = (site or Site(),)
    expect = Expect(status="blocked")
    return Scenario(
        name=name,
        family="packets",
        target=target,
        expect=expect,
        checks=(),
        sites=sites,
        vantage="seer",
        middlebox=(does,),
    )


def _does(act: Act, **more: Any) -> Interference:
    return Interference(act=act, name="{host}", **more)


SCENARIOS = (
    _case("seen-rst", _does(Act.HELLO_RST, ttl=47)),
    _case("seen-rst-copied", _does(Act.HELLO_RST)),
    _case("seen-rst-three", _does(Act.HELLO_RST3, ttl=47)),
    _case("seen-rewritten", _does(Act.HELLO_REWRITE)),
    _case("seen-silence", _does(Act.HELLO_DROP)),
    _case("seen-page", _does(Act.HOST_PAGE, page=PAGE_WITH_ADDRESS, ttl=47), "http://{host}/"),
    _case("seen-dns", _does(Act.DNS_INJECT, answers=("8.7.198.45", "59.24.3.174"), ttl=47), "dns://{host}"),
    _case("seen-six", _does(Act.HELLO_RST, ttl=47), "tls://[{six}]:443/{host}", Site(six=1)),
)


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    """A lab of its own."""
    if reason := missing():
        pytest.fail(reason)
    with Lab(deal(SCENARIOS, (Vantage(name="seer"),))) as lab:
        bench = Bench(lab, SCENARIOS)
        bench.control_file("seer", bench.measure_controls()["control"])
        yield bench


QUICK = ("seen-rst", "seen-dns", "seen-six")


def check(
    bench: Bench, *words: str, prefix: tuple[str, ...] = (), state: str = "", names: tuple[str, ...] = ()
) -> tuple[dict[str, Line], str]:
    """Run `probe check` (for all scenarios or these): scenario name -> its verdict, and the standard error."""
    controls = ["--control", str(bench.lab.folder / "control-seer.jsonl")]
    targets = {bench.target(one): one.name for one in bench.scenarios if not names or one.name in names}
    options = ["check", "--json", "--pace", "0", "--timeout", "2", "--anchor=", *words]
    options += [f"--trusted-resolver={url}" for url in TRUSTED] + controls
    environ = bench.environ | ({"PROBE_AGENT_STATE": state} if state else {})
    done = bench.lab.hosts["seer"].run(*prefix, PROBE, *options, *targets, environ=environ, timeout=120)
    assert done.returncode == 1, done.stderr
    return {targets[line["target"]]: line for line in map(json.loads, done.stdout.splitlines())}, done.stderr


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The state folder of the run with privilege."""
    return tmp_path_factory.mktemp("state")


@pytest.fixture(scope="module")
def lines(bench: Bench, folder: Path) -> dict[str, Line]:
    """Verdicts with packets."""
    found, said = check(bench, "--pcap", state=str(folder))
    assert said == ""
    return found


def traces(line: Line, oddity: str = "") -> list[dict[str, Any]]:
    """The packet traces of a verdict; those with this oddity."""
    return [one for one in line["evidence"].get("packets", []) if not oddity or oddity in one.get("oddities", [])]


def packet(trace: dict[str, Any], flag: str) -> dict[str, Any]:
    """The first packet with this flag."""
    return next(one for one in trace["packets"] if flag in one["flags"])


@pytest.mark.parametrize("name", ["seen-rst", "seen-rst-copied", "seen-rst-three", "seen-six"])
def test_a_forged_rst_has_another_ttl_and_ip_id(name: str, lines: dict[str, Line], report: list[str]) -> None:
    """Its TTL and its IP-ID (which IPv6 lacks) are not those of the SYN-ACK."""
    trace = traces(lines[name], "rst_ttl")[0]

    opened, reset = packet(trace, "S"), packet(trace, "R")
    report.append(f"packets: {name}: SYN-ACK ttl {opened['ttl']}, RST ttl {reset['ttl']}: {trace['oddities']}")
    assert lines[name]["status"] == "blocked"
    assert opened["ttl"] == 62  # 64, less the two routers
    assert reset["ttl"] == (63 if name == "seen-rst-copied" else 47)
    assert (opened.get("ipid", -1) == reset.get("ipid", -1)) is (name == "seen-six")
    assert (trace["name"], trace["protocol"]) == (f"www.{name}.net", "tcp")


def test_three_resets_at_once_are_noted(lines: dict[str, Line]) -> None:
    """Their sequence numbers are off by one segment, and by three (the GFW's second kind)."""
    trace = traces(lines["seen-rst-three"], "rst_repeated")[0]

    assert [one.get("shift", 0) for one in trace["packets"] if "R" in one["flags"]][:3] == [0, 1460, 4380]
    assert "rst_shift" in trace["oddities"]


def test_a_rewritten_reply_has_no_oddity(lines: dict[str, Line]) -> None:
    """The absence of oddities does not prove that a packet is the server's (docs/methods/packets.md)."""
    trace = traces(lines["seen-rewritten"])[0]

    assert packet(trace, "R")["ttl"] == packet(trace, "S")["ttl"]
    assert "rst_ttl" not in trace.get("oddities", [])


def test_a_forged_page_has_another_ttl(lines: dict[str, Line]) -> None:
    assert traces(lines["seen-page"], "data_ttl")


def test_injected_answers_are_recorded_beside_the_true_one(lines: dict[str, Line], bench: Bench) -> None:
    """Two forged answers have one TTL, and the resolver's own has another."""
    trace = traces(lines["seen-dns"], "answers_ttl")[0]

    answers = [(one["ttl"], one["addresses"]) for one in trace["packets"][:3]]
    assert answers[:2] == [(47, ["8.7.198.45"]), (47, ["59.24.3.174"])]
    assert answers[2] == (62, [bench.lab.world.fields["seen-dns"]["a"]])


def test_after_a_time_out_only_the_opening_packets_are_recorded(lines: dict[str, Line]) -> None:
    assert [one["flags"] for one in traces(lines["seen-silence"])[0]["packets"]] == ["SA"]


def test_the_capture_is_readable_and_has_no_address_of_the_vantage(
    lines: dict[str, Line], folder: Path, bench: Bench
) -> None:
    """Tcpdump reads each file to its end. The vantage's address is not in it, neither as octets nor as text."""
    tcpdump = required.command("tcpdump")
    files = sorted((folder / "pcap").iterdir())
    own = [ipaddress.ip_address(address) for address in bench.lab.world.vantages["seer"]]

    assert len(files) >= len(SCENARIOS)
    for file in files:
        octets = file.read_bytes()
        said = bench.lab.hosts["seer"].must(tcpdump, "-nnvvr", str(file))
        assert [str(a) for a in own if a.packed in octets or str(a).encode() in octets or str(a) in said] == []
        assert re.search(r"192\.0\.2\.1|2001:db8::1", said)
        assert "incorrect" not in said
        assert len(octets) <= 65_536 + 24
        assert file.stat().st_mode & 0o077 == 0
    assert any(b"Blocked for xxx" in file.read_bytes() for file in files)


def test_the_evidence_has_no_address_of_the_vantage_and_is_small(lines: dict[str, Line], bench: Bench) -> None:
    vantage = bench.lab.world.vantages["seer"]
    for line in lines.values():
        text = json.dumps(line["evidence"].get("packets", []))
        assert [address for address in vantage if address in text] == []
        assert len(text) <= 8_192


def test_judging_again_changes_nothing(bench: Bench, lines: dict[str, Line]) -> None:
    """Law A."""
    text = "".join(json.dumps(line) + "\n" for line in lines.values())

    done = bench.lab.hosts["seer"].run(PROBE, "judge", "-", stdin=text, environ=bench.environ)

    assert [json.loads(line) for line in done.stdout.splitlines()] == list(lines.values())


def test_without_the_privilege_one_line_is_printed_and_the_verdicts_are_the_same(
    bench: Bench, lines: dict[str, Line]
) -> None:
    """Without the capability the verdicts lack packets only."""
    found, said = check(
        bench, "--packets", prefix=("setpriv", "--bounding-set=-all", "--inh-caps=-all", "--"), names=QUICK
    )

    assert said == "probe: measuring without packets: no CAP_NET_RAW\n"
    assert {name: line["status"] for name, line in found.items()} == {n: lines[n]["status"] for n in QUICK}
    assert [name for name, line in found.items() if "packets" in line["evidence"]] == []


def test_the_capability_alone_is_enough(bench: Bench, lines: dict[str, Line]) -> None:
    """CAP_NET_RAW suffices without root."""
    alone = ("setpriv", "--bounding-set=-all,+net_raw", "--inh-caps=-all", "--")

    found, said = check(bench, "--packets", prefix=alone, names=QUICK)

    assert said == ""
    assert traces(found["seen-rst"], "rst_ttl")
