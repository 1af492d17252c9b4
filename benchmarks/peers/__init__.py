"""Beside the peers, on the same servers, in the same run: `make bench`."""
