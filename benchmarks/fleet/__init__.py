"""The load of a fleet of agents on a real collector: quiet rounds, and a national event."""
