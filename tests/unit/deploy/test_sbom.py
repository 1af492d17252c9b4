"""The bill of materials names every package that is installed, with hashes, and no registry."""

from __future__ import annotations

import json
import re
from pathlib import Path

from deploy.generate.sbom import bill_of_requirements

ROOT = Path(__file__).parents[3]
BILL = json.loads(bill_of_requirements(1_750_000_000))


def test_every_pinned_package_is_a_component() -> None:
    """Name, version, package URL, licence and the hashes of `requirements/run.txt`."""
    pins = (ROOT / "requirements" / "run.txt").read_text()
    pinned = dict(re.findall(r"(?m)^([a-z0-9-]+)==(\S+)", pins))
    components = {one["name"]: one for one in BILL["components"]}

    assert {name: one["version"] for name, one in components.items()} == pinned
    assert sum(len(one["hashes"]) for one in components.values()) == pins.count("--hash=")
    for name, one in components.items():
        assert one["purl"] == one["bom-ref"] == f"pkg:pypi/{name}@{one['version']}"
        assert one["licenses"]


def test_the_graph_reaches_every_component() -> None:
    """From the program by what each package needs; a component that nothing needs should not be pinned."""
    needs = {one["ref"]: one["dependsOn"] for one in BILL["dependencies"]}
    reached, waiting = set(), [BILL["metadata"]["component"]["bom-ref"]]
    while waiting:
        reference = waiting.pop()
        if reference not in reached:
            reached.add(reference)
            waiting += needs[reference]

    assert reached == set(needs)


def test_it_is_cyclonedx_and_the_same_each_time() -> None:
    """The fields that the format demands; the serial number follows from the content."""
    assert (BILL["bomFormat"], BILL["specVersion"], BILL["version"]) == ("CycloneDX", "1.6", 1)
    assert re.fullmatch(r"urn:uuid:[0-9a-f-]{36}", BILL["serialNumber"])
    assert BILL["metadata"]["timestamp"] == "2025-06-15T15:06:40Z"
    assert json.loads(bill_of_requirements(1_750_000_000)) == BILL
    assert json.loads(bill_of_requirements(1_750_000_001))["serialNumber"] != BILL["serialNumber"]


def test_it_names_no_address() -> None:
    """Whoever installs from a mirror must not be sent elsewhere."""
    assert "://" not in json.dumps(BILL)
