"""Judge evidence: observations and control in, a verdict with the rule that decided out. Pure."""

from __future__ import annotations

from probe.judge.judging import Judgment, again, judge, verdict
from probe.judge.rules import RULES, RULES_VERSION

__all__ = ["RULES", "RULES_VERSION", "Judgment", "again", "judge", "verdict"]
