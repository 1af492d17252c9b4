"""Fusion: the reports of many vantages become events and the present board. Pure.

The reports may come in any order: the events are those of the sorted history.
"""
