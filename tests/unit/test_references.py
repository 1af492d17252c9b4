"""The reference pages say what the code says, and the schemas describe what the program writes."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from probe.judge import verdict
from probe.model.target import parse
from tests import references
from tests.golden import record

FOLDERS = sorted(path for path in record.CASES.iterdir() if path.is_dir())


@pytest.mark.parametrize("name", references.MADE)
def test_a_file_is_what_the_code_makes(name: str) -> None:
    """A changed command, setting, metric, route or record changes its page in the same commit.

    The docstring of a record is its description in the schema.
    """
    made = references.MADE[name]().splitlines()
    path = references.ROOT / name
    written = path.read_text().splitlines() if path.exists() else []
    changed = [line[:200] for line in difflib.unified_diff(written, made, "written", "from the code", n=0, lineterm="")]

    assert not changed, "\n".join([f"{name}: run `make references`. It differs in:", *changed[2:12]])


def test_every_file_of_the_folder_is_made() -> None:
    """A page that nothing makes would grow old."""
    assert {path.name for path in references.FOLDER.iterdir()} == set(references.PAGES)


def breaches(value: object, schema: Mapping[str, Any], definitions: Mapping[str, Any], where: str = "$") -> list[str]:
    """Where a value breaks a JSON Schema, for the keywords that ours use."""
    if "$ref" in schema:
        return breaches(value, definitions[schema["$ref"].rpartition("/")[2]], definitions, where)
    if "anyOf" in schema:
        found = [breaches(value, one, definitions, where) for one in schema["anyOf"]]
        return [] if [] in found else min(found, key=len)
    kinds = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}
    kind = schema.get("type")
    if kind in kinds and not isinstance(value, kinds[kind]):
        return [f"{where} is no {kind}"]
    if kind in {"integer", "number"} and (isinstance(value, bool) or not isinstance(value, int | float)):
        return [f"{where} is no {kind}"]
    wrong = [f"{where} is {value!r}"] if "enum" in schema and value not in schema["enum"] else []
    if isinstance(value, dict):
        known = schema.get("properties", {})
        wrong += [f"{where}.{name} is missing" for name in schema.get("required", ()) if name not in value]
        for name, inner in value.items():
            rule = known.get(name, schema.get("additionalProperties", True))
            if rule is False:
                wrong.append(f"{where}.{name} is unknown")
            elif isinstance(rule, dict):
                wrong += breaches(inner, rule, definitions, f"{where}.{name}")
    if isinstance(value, list):
        rules = [*schema.get("prefixItems", ()), *[schema.get("items", {})] * len(value)]
        for number, (inner, rule) in enumerate(zip(value, rules, strict=False)):
            wrong += breaches(inner, rule or {}, definitions, f"{where}[{number}]")
    return wrong


@pytest.mark.parametrize("folder", FOLDERS[:: len(FOLDERS) // 20], ids=lambda folder: folder.name)
def test_the_schema_of_a_verdict_describes_the_golden_cases(folder: Path) -> None:
    """A verdict with all its evidence, as `probe check --json` prints it; a sample of the cases."""
    schema = json.loads((references.FOLDER / "verdict.schema.json").read_text())
    case = record.read(folder)
    judged = verdict(
        time=case.seen.time,
        text=case.seen.target,
        target=parse(case.seen.target),
        evidence=case.evidence,
        vantage=record.vantage(case.seen),
    )

    assert breaches(json.loads(msgspec.json.encode(judged)), schema, schema["$defs"]) == []


def test_the_schema_of_a_verdict_refuses_what_is_none() -> None:
    """A status that does not exist, a missing time: the check above can fail."""
    schema = json.loads((references.FOLDER / "verdict.schema.json").read_text())

    found = breaches({"target": "x", "status": "odd", "vantage": {}}, schema, schema["$defs"])

    assert "$.time is missing" in found
    assert "$.status is 'odd'" in found
