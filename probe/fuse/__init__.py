"""Joins what many vantages say into events. Pure: any order of reports gives the events of the sorted history."""
