"""Guard against getting slower: instructions of the hot paths. `python -m benchmarks.instructions`."""
