"""What the helpers of all measurements know of hosts: addresses that were served for a name, and names without any.

The helper of one measurement knows the first host of a redirect chain only. Another measurement may have that host as
its own input; then the helper's answer there says whether the host works from elsewhere, and where it is.
"""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime, timedelta

import msgspec

from probe.model.verdict import ControlFacts, Status

MAX_HOSTS = 100_000
"""Hosts that are remembered; of more, the least recently seen are forgotten."""
MAX_ADDRESSES = 32
MAX_AGE = timedelta(hours=24)
"""Time between two measurements of which one's helper may speak for the other."""


class BookEntry(msgspec.Struct, frozen=True):
    """What is known of a host.

    Attributes:
        time: of the measurement whose helper was served.
        addresses: that are the host's.
    """

    time: datetime
    addresses: tuple[str, ...]


class AddressBook:
    """Remembers what helpers were served."""

    def __init__(self) -> None:
        self._served: OrderedDict[str, BookEntry] = OrderedDict()

    def add(self, host: str, control: ControlFacts | None) -> None:
        """Learn from the control of a measurement of a host."""
        if control is None or control.statuses != (Status.REACHABLE,) or host not in control.addresses:
            return
        known = self._served.pop(host, None)
        earlier = known.addresses if known is not None and abs(control.time - known.time) <= MAX_AGE else ()
        addresses = dict.fromkeys((*control.addresses[host], *earlier))
        self._served[host] = BookEntry(control.time, tuple(addresses)[:MAX_ADDRESSES])
        if len(self._served) > MAX_HOSTS:
            self._served.popitem(last=False)

    def served(self, host: str, time: datetime) -> BookEntry | None:
        """What is known of a host about a time; None where its helper was not served then."""
        found = self._served.get(host)
        return found if found is not None and abs(found.time - time) <= MAX_AGE else None
