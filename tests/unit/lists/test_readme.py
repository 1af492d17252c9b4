"""targets/README.md agrees with the code."""

import tomllib
from pathlib import Path

import pytest

from probe.lists.catalogue import load
from probe.lists.formats import FORMATS
from probe.lists.selection import SENSITIVE
from probe.lists.service import Risk, Role, Service

README = (Path(__file__).parents[3] / "targets" / "README.md").read_text("utf-8")
EXAMPLE = README.partition("```toml\n")[2].partition("```")[0]


@pytest.mark.parametrize("known", [known.name for known in FORMATS])
def test_every_format_is_documented(known: str) -> None:
    """The table of formats also says what is kept by default."""
    there = f"`{known}`" in README
    assert there, f"targets/README.md: add a row for `{known}` to the table of formats, with what is kept by default"


def test_the_example_has_every_key_of_a_service_file() -> None:
    """The example is a valid service file."""
    raw = tomllib.loads(EXAMPLE)
    assert set(raw) == {*Service.__dataclass_fields__, "endpoint", "source"} - {"endpoints", "sources"}
    assert load({"line.toml": EXAMPLE.encode()})[0].name == "line"


def test_every_role_risk_and_sensitive_category_is_documented() -> None:
    assert all(word in README for word in [*Role, *Risk, *SENSITIVE])
