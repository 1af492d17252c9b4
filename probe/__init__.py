"""Notices when a network blocks a service, and when it stops.

`probe.model` holds the nouns, the pure rooms (`lists`, `plan`, `judge`, `detect`, `fuse`, `formats`) decide, and the
edges (`measure`, `agent`, `collector`, `cli`) touch the world. docs/architecture.md walks one target through them.
"""

__version__ = "0.1.0"
