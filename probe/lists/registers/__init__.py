"""Readers of official blocking registers and their mirrors; all yield the same records.

Registers hold URLs of pages that must not be opened, displayed or stored. So the readers keep only host names and
addresses: they never yield the path of a URL, and no message quotes a row.
"""
