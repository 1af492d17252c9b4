"""What readers yield."""

import dataclasses

import pytest

from probe.lists.entries import BadLine, Entry


class TestEntry:
    """A target of a list."""

    def test_needs_nothing_but_its_target(self) -> None:
        """A plain list knows no more."""
        assert Entry("example.org") == Entry("example.org", service="", category="", source="", line=0)

    def test_cannot_be_changed(self) -> None:
        """Records are frozen."""
        with pytest.raises(dataclasses.FrozenInstanceError):
            Entry("example.org").target = "other"  # type: ignore[misc]


class TestBadLine:
    """A line that is no entry."""

    def test_is_a_value_and_no_exception(self) -> None:
        """Readers yield it among the good ones."""
        assert BadLine(3, "no") == BadLine(3, "no")
        assert not isinstance(BadLine(3, "no"), BaseException)
