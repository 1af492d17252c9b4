"""Readers of public sources of prefixes (who holds or announces which); all yield the same records."""
