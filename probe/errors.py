"""The exceptions that this program raises on purpose.

::

    ProbeError                  one clear line for a person: what is wrong, where, how to mend it
    ├── UsageError              wrong arguments, settings or input files         exit 2
    │   ├── TargetError         a text that is not a target
    │   ├── ListError           a list, catalogue or register that cannot be read
    │   ├── SettingsError       a settings file or variable with a mistake
    │   └── RecordError         a line or file that is not a verdict, batch or transition
    ├── StateError              a state file of a newer version, locked or damaged       exit 2
    ├── StorageError            the disk is full or cannot be written           exit 1
    ├── UplinkError             the collector cannot be reached or refuses this agent    exit 1
    │   └── EnrolmentRefusedError   it refuses the token itself
    └── DownloadError           a list cannot be downloaded; the last good copy stays    exit 1

Network failures are not exceptions but values (`probe.model.failure.Failure`), because they are what is measured.
"""

from __future__ import annotations

from enum import IntEnum


class ExitStatus(IntEnum):
    """Exit statuses (contract: `probe check`)."""

    OK = 0
    NOT_ALL_WELL = 1
    USAGE = 2
    OFFLINE = 3
    INTERRUPTED = 130
    """128 + SIGINT, as shells report it."""


class ProbeError(Exception):
    """One clear line: what is wrong, where, and how to mend it.

    Args:
        what: what is wrong, without a full stop.
        where: file, file:line, address or setting; empty when there is no such place.
        mend: what the reader can do about it; empty when there is nothing.
    """

    status = ExitStatus.NOT_ALL_WELL

    def __init__(self, what: str, *, where: str = "", mend: str = "") -> None:
        self.what = what
        self.where = where
        self.mend = mend
        place = f"{where}: " if where else ""
        advice = f" ({mend})" if mend else ""
        super().__init__(f"{place}{what}{advice}")


class UsageError(ProbeError):
    """Wrong arguments, settings or input files."""

    status = ExitStatus.USAGE


class TargetError(UsageError):
    """A text that is not a target."""


class ListError(UsageError):
    """A list, catalogue or register that cannot be read."""


class SettingsError(UsageError):
    """A settings file or variable with a mistake."""


class RecordError(UsageError):
    """A line or file that is not a verdict, batch or transition."""


class StateError(ProbeError):
    """A newer version wrote the state file, or it is locked or damaged."""

    status = ExitStatus.USAGE


class StorageError(ProbeError):
    """The disk is full or cannot be written."""


class UplinkError(ProbeError):
    """The collector cannot be reached, or refuses this agent."""


class EnrolmentRefusedError(UplinkError):
    """The collector refuses the token itself: trying again with it cannot help."""


class DownloadError(ProbeError):
    """A list cannot be downloaded. The last good copy stays."""
