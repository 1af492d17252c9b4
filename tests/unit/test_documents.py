"""The documents say what the code says."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import re
import tomllib
from pathlib import Path

import pytest

import probe
from probe.formats.batch import MAX_BYTES, MAX_COMPRESSED
from probe.judge.repetition import MIN_STOPPED_PAGES, MIN_TIMEOUTS
from probe.plan.context import HopLimits

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
LIVING = [path for path in DOCUMENTS if path.name != "CHANGELOG.md" and path.parent.name != "decisions"]
"""Documents about the present program; the others are about earlier ones."""


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


def test_the_base_install_adds_at_most_eleven_packages_each_justified() -> None:
    """Each run-time dependency has its line in docs/dependencies.md; one that another brings along adds nothing."""
    names = [name_of(line) for line in PROJECT["project"]["dependencies"]]
    justified = (ROOT / "docs/dependencies.md").read_text().lower()

    assert len(set(names) - set().union(*map(brought_along, names))) <= 11
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


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_to_a_part_of_a_document_lead_to_a_heading(path: Path) -> None:
    """The part behind `#` is a heading of that document, as GitHub writes it in addresses."""
    links = re.findall(r"\]\((?!https?:|mailto:)([^)#]*)#([^)]+)\)", path.read_text())
    documents = [(path.parent / name if name else path, part) for name, part in links]

    assert [part for place, part in documents if place.suffix == ".md" and part not in parts_of(place)] == []


def parts_of(document: Path) -> set[str]:
    """The headings of a document as they stand in addresses: lower case, hyphens for blanks, no punctuation."""
    headings = re.findall(r"^#+ (.*)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", LIVING, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_path_named_in_a_document_is_there(path: Path) -> None:
    """A path in backticks, from the root of the repository or from `probe/`, is a path in the tree."""
    named = re.findall(r"`((?:[\w.-]+/)+[\w.-]*|[\w-]+/[\w.-]+)`", path.read_text())
    rooms = {folder.name for base in (ROOT, ROOT / "probe") for folder in base.iterdir() if folder.is_dir()}
    ours = [name for name in named if name.partition("/")[0] in rooms]

    missing = [name for name in ours if not any((base / name).exists() for base in (ROOT, ROOT / "probe"))]
    assert not missing, f"{path.name} names {missing}, which are not there (renamed?)"


def test_every_name_in_the_glossary_is_in_the_code() -> None:
    """A dotted name of `docs/ontology.md` is a module, or a class of one."""
    names = sorted(set(re.findall(r"`(probe(?:\.\w+)+)`", (ROOT / "docs/ontology.md").read_text())))

    assert names
    assert [name for name in names if not is_defined(name)] == []


def is_defined(name: str) -> bool:
    """Whether a dotted name is a module, or an attribute of one."""
    module, _, attribute = name.rpartition(".")
    if attribute[0].islower():
        return importlib.util.find_spec(name) is not None
    return importlib.util.find_spec(module) is not None and hasattr(importlib.import_module(module), attribute)


@pytest.mark.parametrize(
    ("document", "words", "number"),
    [
        ("docs/methods/README.md", r"timed out in the \*same\* way (\w+) times", MIN_TIMEOUTS),
        ("docs/methods/README.md", r"\(a page that stopped: (\w+) times\)", MIN_STOPPED_PAGES),
        ("docs/methods/README.md", r"(\w+) times in all, five where the control was served", HopLimits().silent_tries),
        ("docs/methods/README.md", r"three times in all, (\w+) where the control was served", HopLimits().proof_tries),
        ("docs/operations.md", r"at most (\d+) MB compressed", MAX_COMPRESSED // 2**20),
        ("docs/operations.md", r"and (\d+) MB decompressed", MAX_BYTES // 2**20),
    ],
)
def test_a_number_in_a_document_is_the_number_in_the_code(document: str, words: str, number: int) -> None:
    """Figures that a reader relies on; add a row when you write one down."""
    spelled = ["none", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]

    (found,) = re.findall(words, (ROOT / document).read_text())

    assert found in {str(number), *spelled[number : number + 1]}


def test_the_changelog_has_a_place_for_this_version() -> None:
    """A version is released under its number, or collects under Unreleased."""
    text = (ROOT / "CHANGELOG.md").read_text()

    assert f"## [{probe.__version__}]" in text or "## [Unreleased]" in text
    assert probe.__version__ in (ROOT / "CITATION.cff").read_text()
