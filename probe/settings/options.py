"""The settings and their types. `defaults.toml` beside this file has the default and the explanation of each.

The `description` of a type completes the error message about a bad value: "write ...".
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Seconds = Annotated[float, Meta(ge=0.05, le=604800, description="a number of seconds, 0.05 to 604800")]
Delay = Annotated[float, Meta(ge=0, le=86400, description="a number of seconds, 0 to 86400")]
Period = Annotated[float, Meta(ge=0, le=31622400, description="a number of seconds, 0 to 31622400")]
Days = Annotated[float, Meta(ge=0, le=3660, description="a number of days, 0 to 3660")]
Share = Annotated[float, Meta(ge=0, le=0.9, description="a share, 0 to 0.9")]
Rate = Annotated[float, Meta(ge=0, le=100000, description="a number a second; 0 for no limit")]
Retests = Annotated[int, Meta(ge=0, le=10, description="a whole number, 0 to 10")]
Concurrency = Annotated[int, Meta(ge=1, le=10000, description="a whole number, 1 to 10000")]
Count = Annotated[int, Meta(ge=0, le=10**12, description="a whole number; 0 for no limit")]
SampleSize = Annotated[int, Meta(ge=3, le=1024, description="a whole number, 3 to 1024")]
AsNumber = Annotated[int, Meta(ge=0, le=4294967295, description="an AS number, 0 when not known")]
Country = Annotated[str, Meta(pattern="^([A-Z]{2})?$", description="two capital letters (ISO 3166), or nothing")]
Flag = Annotated[bool, Meta(description="true or false")]
Text = Annotated[str, Meta(description="text in quotation marks")]
OptionalHostName = Annotated[str, Meta(pattern=r"^[a-z0-9.-]*$", description="a host name in lower case, or nothing")]
Texts = Annotated[tuple[str, ...], Meta(description='a list of texts: ["...", "..."]')]
Urls = Annotated[
    tuple[Annotated[str, Meta(pattern=r"^https?://[^/\s]+")], ...],
    Meta(description='a list of URLs: ["https://host/", ...]'),
]
Resolvers = Annotated[
    tuple[Annotated[str, Meta(pattern=r"^(https|tls)://[^/\s]+")], ...],
    Meta(description="a list of https://address/dns-query and tls://address:853"),
]
QuietSpans = Annotated[
    tuple[Annotated[str, Meta(pattern=r"^([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d$")], ...],
    Meta(description='a list of hours: ["23:00-07:00", ...]'),
]
SendMode = Annotated[Literal["never", "always"], Meta(description='"never" or "always"')]
LocaliseMode = Annotated[Literal["never", "changes", "always"], Meta(description='"never", "changes" or "always"')]
CaptureMode = Annotated[Literal["never", "numbers", "pcap"], Meta(description='"never", "numbers" or "pcap"')]
TlsLibrary = Annotated[Literal["openssl", "boringssl"], Meta(description='"openssl" or "boringssl"')]
BudgetPreset = Annotated[Literal["none", "metered"], Meta(description='"none" or "metered"')]
Role = Annotated[Literal["vantage", "control"], Meta(description='"vantage" or "control"')]


class AgentSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`[agent]`: the agent, its state and its collector."""

    consent: Flag
    role: Role
    state: Text
    interval: Seconds
    jitter: Share
    spread: Share
    schedule: Text
    quiet_hours: QuietSpans
    time_zone: Text
    start_delay: Delay
    once_delay: Delay
    round_limit: Delay
    retests: Retests
    retest_window: Delay
    full_every: Delay
    blocked_every: Delay
    stretch_after: Period
    collectors: Urls
    token_file: Text
    further_collectors: Urls
    further_token_files: Texts
    ca_file: Text
    uplink_timeout: Seconds
    outbox_bytes: Count
    history_days: Days
    control: Text
    control_max_age: Delay
    control_repeat: Delay


class NetworkSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`[network]`: the network that the agent measures from, as it is published."""

    asn: AsNumber
    country: Country


class TargetsSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`[targets]`: which targets are watched."""

    services: Texts
    files: Texts
    networks: Texts
    prefixes: Texts
    exclude: Texts


class MeasureSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`[measure]`: how targets are measured."""

    timeout: Seconds
    concurrency: Concurrency
    pace: Rate
    round_connections: Count
    round_bytes: Count
    trusted_resolvers: Resolvers
    anchors: Urls
    domestic_anchors: Urls
    allowed_name: OptionalHostName
    range_sample: SampleSize
    localise: LocaliseMode
    send: SendMode
    packets: CaptureMode
    tls: TlsLibrary


class BudgetSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`[budget]`: the traffic of a day and of a month, in UTC."""

    preset: BudgetPreset
    day_connections: Count
    day_packets: Count
    day_bytes: Count
    month_connections: Count
    month_packets: Count
    month_bytes: Count


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """All settings, merged. `source` is the settings file, empty when there is none."""

    agent: AgentSettings
    network: NetworkSettings
    targets: TargetsSettings
    measure: MeasureSettings
    budget: BudgetSettings
    source: str = ""


SECTIONS: dict[str, type[msgspec.Struct]] = {
    "agent": AgentSettings,
    "network": NetworkSettings,
    "targets": TargetsSettings,
    "measure": MeasureSettings,
    "budget": BudgetSettings,
}
