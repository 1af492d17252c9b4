"""The software bill of materials (CycloneDX 1.6, JSON): what the program consists of, down to each file's hash.

`python -m deploy.generate.sbom` prints that of the pinned requirements, from the metadata of the packages that are
installed; the Debian package holds that of the wheels it was made of. Nothing is asked of a network.
"""

from __future__ import annotations

import email
import hashlib
import json
import os
import re
import sys
import time
import uuid
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from email.message import Message
from importlib import metadata
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PROGRAM = "reachability-probe"
PIN = re.compile(r"^([a-z0-9-]+)==(\S+)", re.MULTILINE)
NAMESPACE = uuid.UUID("6d1b2a53-5b0e-5c0c-9a0e-6f2f7e2d7a11")
SPDX_NAMES = {
    "Apache 2.0": "Apache-2.0",
    "Apache License 2.0": "Apache-2.0",
    "BSD 3-Clause License": "BSD-3-Clause",
    "BSD License": "BSD-3-Clause",
    "MIT License": "MIT",
}


@dataclass(frozen=True)
class Part:
    """One package that the program consists of.

    Attributes:
        name: as package indexes write it: lower case, with hyphens.
        version: of the package.
        license: an SPDX expression, or what the package calls it; empty where it says nothing.
        needs: names of the packages that it requires.
        hashes: SHA-256 of each file that is or may be installed.
    """

    name: str
    version: str
    license: str
    needs: tuple[str, ...]
    hashes: tuple[str, ...]


def bill_of_wheels(wheels: Iterable[Path], version: str, epoch: int) -> str:
    """The bill of a package that is made of these wheels, the program's own among them."""
    found: dict[str, Part] = {}
    for wheel in wheels:
        with zipfile.ZipFile(wheel) as archive:
            (name,) = (one for one in archive.namelist() if one.endswith(".dist-info/METADATA"))
            described = email.message_from_bytes(archive.read(name))
        part = _part(described, (hashlib.sha256(wheel.read_bytes()).hexdigest(),))
        other = found.get(part.name)
        found[part.name] = part if other is None else _part(described, (*other.hashes, *part.hashes))
    own = found.pop(PROGRAM)
    return write(own, list(found.values()), version, epoch)


def bill_of_requirements(epoch: int) -> str:
    """The bill of `requirements/run.txt`: each package with the hashes of all files that may be installed for it.

    Raises:
        PackageNotFoundError: a required package is not installed here.
    """
    pins = (ROOT / "requirements/run.txt").read_text()
    own = _described(PROGRAM)
    parts = []
    for one in re.split(r"\n(?=\S)", pins):
        pin = PIN.match(one)
        if pin is not None:
            parts.append(_part(_described(pin[1]), tuple(re.findall(r"sha256:([0-9a-f]{64})", one)), pin[2]))
    return write(_part(own, ()), parts, own["Version"], epoch)


def write(own: Part, parts: Sequence[Part], version: str, epoch: int) -> str:
    """The document, the same for the same input."""
    names = {part.name for part in parts}
    every = sorted(parts, key=lambda part: part.name)
    body: dict[str, Any] = {
        "metadata": {
            "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(epoch)),
            "component": {**_component(own), "type": "application", "version": version},
        },
        "components": [_component(part) for part in every],
        "dependencies": [
            {"ref": _reference(part), "dependsOn": sorted(_reference(one) for one in every if one.name in part.needs)}
            for part in (own, *every)
        ],
    }
    serial = uuid.uuid5(NAMESPACE, json.dumps([body, sorted(names)], sort_keys=True))
    head = {"bomFormat": "CycloneDX", "specVersion": "1.6", "serialNumber": f"urn:uuid:{serial}", "version": 1}
    return json.dumps(head | body, indent=1) + "\n"


def _described(name: str) -> Message:
    return email.message_from_string(metadata.distribution(name).read_text("METADATA") or "")


def _part(described: Message, hashes: tuple[str, ...], version: str = "") -> Part:
    required = [one for one in described.get_all("Requires-Dist", []) if "extra ==" not in one]
    return Part(
        name=_normal(described["Name"]),
        version=version or described["Version"],
        license=_license(described),
        needs=tuple(sorted({_normal(re.split(r"[^A-Za-z0-9._-]", one, maxsplit=1)[0]) for one in required})),
        hashes=tuple(dict.fromkeys(hashes)),
    )


def _normal(name: str) -> str:
    """The name as PEP 503 normalises it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _license(described: Message) -> str:
    if described["License-Expression"]:
        return str(described["License-Expression"])
    named = [one.rpartition(" :: ")[2] for one in described.get_all("Classifier", []) if one.startswith("License ::")]
    text = str(described["License"] or "").strip()
    short = text if text and "\n" not in text and len(text) < 40 else named[0] if named else ""
    return SPDX_NAMES.get(short, short)


def _reference(part: Part) -> str:
    return f"pkg:pypi/{part.name}@{part.version}"


def _component(part: Part) -> Mapping[str, object]:
    made: dict[str, object] = {
        "type": "library",
        "bom-ref": _reference(part),
        "name": part.name,
        "version": part.version,
        "purl": _reference(part),
    }
    if part.license:
        made["licenses"] = [_license_choice(part.license)]
    if part.hashes:
        made["hashes"] = [{"alg": "SHA-256", "content": one} for one in part.hashes]
    return made


def _license_choice(text: str) -> Mapping[str, object]:
    """An expression of SPDX identifiers, or a name."""
    is_expression = all(re.fullmatch(r"[A-Za-z0-9.+()-]+", word) for word in text.split()) and text != "UNKNOWN"
    known = is_expression and not re.fullmatch(r"[A-Z][a-z]+|BSD", text)
    return {"expression": text} if known else {"license": {"name": text}}


if __name__ == "__main__":
    sys.stdout.write(bill_of_requirements(int(os.environ.get("SOURCE_DATE_EPOCH") or time.time())))
