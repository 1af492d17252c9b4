"""How soon and how truthfully changes are found: `python -m benchmarks.detect`."""
