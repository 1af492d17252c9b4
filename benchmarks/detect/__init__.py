"""Measure the delay and the errors of change detection: `python -m benchmarks.detect`."""
