"""Settings: defaults, file, environment and command line, merged into one frozen record."""

from probe.settings.merge import defaults_text, load, load_file, variable
from probe.settings.options import Settings

__all__ = ["Settings", "defaults_text", "load", "load_file", "variable"]
