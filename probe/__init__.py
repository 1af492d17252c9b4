"""Notices when a network blocks a service, and when it stops.

`probe.model` holds the nouns, the pure rooms (`lists`, `plan`, `judge`, `detect`, `fuse`, `formats`) decide, and the
edges (`measure`, `agent`, `collector`, `cli`) touch the world. docs/architecture.md walks one target through them.
"""

__version__ = "0.1.0"
USER_AGENT = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"
"""Firefox on Windows, in requests to targets and to the collector: one that names this program would expose the
volunteer to whoever reads it on the way."""
