"""Formats that others read: batches, JSON Lines, Atom feeds. Pure."""
