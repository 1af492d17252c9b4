"""Observations and control in, verdict out: pure, ordered, every verdict naming the rule that decided."""

from __future__ import annotations

from probe.judge.judging import Judgment, again, judge, verdict
from probe.judge.rules import RULES, RULES_VERSION

__all__ = ["RULES", "RULES_VERSION", "Judgment", "again", "judge", "verdict"]
