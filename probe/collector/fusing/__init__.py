"""Fusion in the background: the reports of vantages become published events."""
