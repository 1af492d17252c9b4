"""Whose networks are whose: each reader of a public source of prefixes yields the same records."""
