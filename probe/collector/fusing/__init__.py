"""Fuses what vantages report into events, in the background."""
