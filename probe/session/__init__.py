"""Measure lists of targets from one vantage: what `probe check` and each round of the agent do."""
