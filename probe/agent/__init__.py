"""The agent: rounds of measurements from one vantage, its state on disk, and its reports to a collector."""
