"""What people call a service: the shipped catalogue, read once."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from probe.errors import ProbeError
from probe.lists import catalogue
from probe.lists.service import Service
from probe.settings import paths


@cache
def services() -> Mapping[str, Service]:
    """Name -> service. None at all where the catalogue is missing or broken: pages can do without."""
    try:
        files = {str(path): path.read_bytes() for path in sorted((paths.shipped_folder() / "services").glob("*.toml"))}
        return {service.name: service for service in catalogue.load(files)}
    except (ProbeError, OSError):
        return {}


def called(name: str) -> str:
    """`WeChat` for `wechat`; the name itself where the catalogue has none."""
    service = services().get(name)
    return service.title if service else name
