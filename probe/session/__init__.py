"""One way to measure a list of targets from one vantage, used by `probe check` and by the agent alike."""
