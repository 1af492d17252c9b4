"""Events and changes for tests of alerts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from probe.model.event import Confidence, Event, Network, Scope
from probe.model.verdict import Cause, Status

NOW = datetime(2026, 5, 4, 4, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)


def network_event(asn: int = 64500, **fields: Any) -> Event:
    """An ongoing block of WeChat on one network of Russia."""
    whole: dict[str, Any] = {
        "id": f"{asn:016x}",
        "revision": 1,
        "service": "wechat",
        "scope": Scope.NETWORK,
        "network": Network(asn=asn, country="RU"),
        "status": Status.BLOCKED,
        "causes": (Cause.TCP_TIMEOUT,),
        "confidence": Confidence.ONE_SOURCE,
        "onset": NOW,
        "known": NOW,
    }
    return Event(**(whole | fields))


def country_event(networks: int = 3, **fields: Any) -> Event:
    """An ongoing block of WeChat in Russia."""
    return network_event(
        0,
        **(
            {"id": "c" * 16, "scope": Scope.COUNTRY, "network": Network(country="RU"), "networks": networks}
            | {"confidence": Confidence.CONFIRMED, "vantages": networks}
            | fields
        ),
    )


def lifted(event: Event) -> Event:
    """The event as it is once it has lifted."""
    return msgspec.structs.replace(event, lifted=NOW + HOUR)
