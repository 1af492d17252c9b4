"""Comparison with other programs on the same servers in one run: `make bench`."""
