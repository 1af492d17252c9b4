"""`python -m benchmarks.detect.document`: write the tables and the diagram of docs/detector.md."""

from __future__ import annotations

from pathlib import Path

from probe.detect.document_tables import filled

PAGE = Path(__file__).parents[2] / "docs" / "detector.md"


def main() -> None:
    """Read, fill, write."""
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
