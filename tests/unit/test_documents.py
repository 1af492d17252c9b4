"""The documents say what the code says."""

from __future__ import annotations

import importlib.metadata
import re
import tomllib
from pathlib import Path

import pytest

import probe

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


def name_of(requirement: str) -> str:
    """The package of a requirement line."""
    return re.split(r"[<>=~!\[; (]", requirement)[0].lower()


def brought_along(package: str) -> set[str]:
    """What a package requires without any extra, and what that requires."""
    found: set[str] = set()
    waiting = [package]
    while waiting:
        lines = importlib.metadata.requires(waiting.pop()) or []
        required = {name_of(line) for line in lines if ";" not in line}
        waiting += required - found
        found |= required
    return found


def test_the_base_install_adds_at_most_eight_packages_each_justified() -> None:
    """Each run-time dependency has its line in docs/dependencies.md; one that another brings along adds nothing."""
    names = [name_of(line) for line in PROJECT["project"]["dependencies"]]
    justified = (ROOT / "docs/dependencies.md").read_text().lower()

    assert len(set(names) - set().union(*map(brought_along, names))) <= 8
    assert [name for name in names if f"| {name} |" not in justified] == []


@pytest.mark.parametrize("path", sorted(ROOT.glob("requirements/*.txt")), ids=lambda path: path.name)
def test_pins_have_hashes_and_no_addresses(path: Path) -> None:
    """A lock file that recorded where it was made would be of no use elsewhere."""
    text = path.read_text()
    packages = re.findall(r"^[a-z0-9].*==.*", text, re.MULTILINE)

    assert packages
    assert "://" not in text
    assert all("--hash=sha256:" in text.split(line, 1)[1].split("==", 1)[0] for line in packages)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_between_documents_lead_somewhere(path: Path) -> None:
    """Every relative link names a file that is there."""
    links = re.findall(r"\]\((?!https?:|#|mailto:)([^)#]+)", path.read_text())

    assert [link for link in links if not (path.parent / link).exists()] == []


def test_every_module_named_in_the_architecture_is_there() -> None:
    """A path in `docs/architecture.md` is a path in the tree."""
    text = (ROOT / "docs/architecture.md").read_text()
    named = re.findall(r"`(probe/[a-z_/]+(?:\.py)?|(?:agent|measure|collector)/[a-z_]+\.py)`", text)

    assert named
    assert [n for n in named if not ((ROOT / n).exists() or (ROOT / "probe" / n).exists())] == []


def test_the_changelog_has_a_place_for_this_version() -> None:
    """A version is released under its number, or collects under Unreleased."""
    text = (ROOT / "CHANGELOG.md").read_text()

    assert f"## [{probe.__version__}]" in text or "## [Unreleased]" in text
    assert probe.__version__ in (ROOT / "CITATION.cff").read_text()
