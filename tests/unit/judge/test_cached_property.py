"""A property that is computed once per object."""

from __future__ import annotations

from dataclasses import dataclass, field

from probe.judge.cached_property import cached_property


@dataclass(frozen=True, eq=False)
class Thing:
    """Counts how often it was asked."""

    asked: list[str] = field(default_factory=list)

    @cached_property
    def control_outcome(self) -> str:
        """What it is."""
        self.asked.append("word")
        return f"word {len(self.asked)}"


def test_it_is_computed_at_the_first_read_and_kept() -> None:
    """For each object separately, frozen or not."""
    one, other = Thing(), Thing()

    assert [one.control_outcome, one.control_outcome, other.control_outcome] == ["word 1", "word 1", "word 1"]
    assert one.asked == ["word"]


def test_the_class_gives_the_property_itself() -> None:
    """With its docstring."""
    assert isinstance(Thing.control_outcome, cached_property)
    assert Thing.control_outcome.__doc__ == "What it is."
