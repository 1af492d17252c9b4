"""The service catalogue: TOML files, one per service, checked as a whole.

`targets/README.md` describes the format. Every error of every file is reported at once, with file and line.
"""

from __future__ import annotations

import ipaddress
import re
import tomllib
from collections.abc import Mapping
from typing import Any

import msgspec

from probe.errors import ListError, TargetError
from probe.lists.service import Endpoint, Service, Source, suffixes
from probe.model.address import is_bogon, parse_address
from probe.model.target import UrlTarget, normalise_host, parse
from probe.toml_bounds import MAX_LINE_DOTS, overdotted_line

MAX_BYTES = 64 * 1024
"""Bytes in a TOML file; the largest shipped one has 8 KB."""
MAX_PROBLEMS = 100
"""Problems named in one file."""

_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_CATEGORY = re.compile(r"[A-Z]{2,5}")
_PORT = re.compile(r"(tcp|udp)/([1-9][0-9]{0,4})")


def load(files: Mapping[str, bytes]) -> tuple[Service, ...]:
    """Read service files that must be free of errors.

    Args:
        files: path as messages show it -> content.

    Returns:
        The services, ordered by name.

    Raises:
        ListError: the first error that `check` finds.
    """
    services, errors = check(files)
    if errors:
        raise errors[0]
    return services


def check(files: Mapping[str, bytes]) -> tuple[tuple[Service, ...], tuple[ListError, ...]]:
    """Read service files and collect every error in them.

    Returns:
        The services whose files have no error, ordered by name; the errors, each with file and line.
    """
    services: dict[str, Service] = {}
    errors: list[ListError] = []
    owners: dict[str, str] = {}
    for path, content in sorted(files.items()):
        try:
            text, service = _read(path, content)
        except ListError as error:
            errors.append(error)
            continue
        found = [*_problems(path, service), *_taken(service, owners)]
        errors.extend(
            ListError(what, where=f"{path}:{line_of(text, needle)}", mend=mend)
            for what, needle, mend in found[:MAX_PROBLEMS]
        )
        if not found:
            owners.update(dict.fromkeys(service.names, service.name))
            services[service.name] = service
    return tuple(services[name] for name in sorted(services)), tuple(errors)


def read_toml(content: bytes, where: str) -> tuple[str, dict[str, Any]]:
    """The text and the content of a TOML file, with bounds on its size and on the work of reading it.

    Raises:
        ListError: it is too large, not UTF-8, or not TOML; `where` is file and line.
    """
    if len(content) > MAX_BYTES:
        raise ListError(f"larger than {MAX_BYTES} bytes", where=where, mend="is it the right file?")
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ListError("not UTF-8", where=f"{where}:{line}", mend="save the file as UTF-8") from error
    if line := overdotted_line(text):
        raise ListError(f"more than {MAX_LINE_DOTS} dots in a line", where=f"{where}:{line}", mend="one item a line")
    try:
        return text, tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # not TOML, a number of thousands of digits, a thousand brackets
        place = re.search(r"at line (\d+)", str(error))
        line = int(place[1]) if place else text.count("\n") + 1
        raise ListError(f"not TOML ({error})", where=f"{where}:{line}") from error


def line_of(text: str, needle: str) -> int:
    """The first line that contains `needle`, to locate a value after TOML has been read."""
    position = text.find(needle)
    return text.count("\n", 0, position) + 1 if position >= 0 else 1


_Problem = tuple[str, str, str]  # what is wrong, the text to locate in the file, how to mend it


def _read(path: str, content: bytes) -> tuple[str, Service]:
    text, raw = read_toml(content, path)
    for known, table in [
        (_KEYS, raw),
        *((set(Endpoint.__dataclass_fields__), table) for table in _tables(raw, "endpoint")),
        *((set(Source.__dataclass_fields__), table) for table in _tables(raw, "source")),
    ]:
        unknown = next((key for key in table if key not in known), "")
        if unknown:
            raise ListError(
                f"the key {unknown!r} is unknown",
                where=f"{path}:{line_of(text, unknown)}",
                mend="known are " + ", ".join(sorted(known)),
            )
    return text, _service(path, text, raw)


_KEYS = {*Service.__dataclass_fields__, "endpoint", "source"} - {"endpoints", "sources"}


def _tables(raw: dict[str, Any], key: str) -> list[dict[str, Any]]:
    tables = raw.get(key, [])
    return [table for table in tables if isinstance(table, dict)] if isinstance(tables, list) else []


def _service(path: str, text: str, raw: dict[str, Any]) -> Service:
    shaped = {key: value for key, value in raw.items() if key not in {"endpoint", "source"}}
    shaped["endpoints"] = raw.get("endpoint", [])
    shaped["sources"] = raw.get("source", [])
    try:
        return msgspec.convert(shaped, Service, strict=True)
    except msgspec.ValidationError as error:
        found = re.search(r"\$\.([a-z]+)", str(error)) or re.search(r"field `([a-z]+)`", str(error))
        key = found[1] if found else ""
        needle = {"endpoints": "[[endpoint]]", "sources": "[[source]]"}.get(key, key)
        raise ListError(str(error), where=f"{path}:{line_of(text, needle)}") from error


def _problems(path: str, service: Service) -> list[_Problem]:
    """The errors in the values of one service; their types are already checked."""
    found: list[_Problem] = []
    stem = path.replace("\\", "/").rpartition("/")[2].removesuffix(".toml")
    if not _NAME.fullmatch(service.name) or service.name != stem:
        found.append((f"the name {service.name!r} is not the file's", "name", f"write name = {stem!r}"))
    if not _CATEGORY.fullmatch(service.category):
        found.append(
            (f"{service.category!r} is no category code", "category", "two to five capitals, as in the public lists")
        )
    if not service.targets():
        found.append(("there is nothing to measure", "name", "give urls, resolve or [[endpoint]]"))
    if service.gone and service.default:
        found.append(("a service that is gone is in the default set", "default", "write default = false"))
    if not service.sources:
        found.append(("no fact has a source", "name", "add [[source]] with fact, origin, checked"))
    found.extend(_names(service))
    found.extend(_urls(service))
    found.extend(_networks(service))
    return found


def _names(service: Service) -> list[_Problem]:
    known = frozenset(service.names)
    found: list[_Problem] = [
        (f"{name!r} is no host name in lower case and A-labels", name, "")
        for name in (*service.names, *service.resolve)
        if normalise_host(name) != name or parse_address(name) is not None
    ]
    found.extend(
        (f"{host!r} is measured but is under none of the names", host, "add it to names")
        for host in (*service.resolve, *_url_hosts(service))
        if known.isdisjoint(suffixes(host))
    )
    return found


def _urls(service: Service) -> list[_Problem]:
    found: list[_Problem] = []
    for url in service.urls:
        try:
            target = parse(url)
        except TargetError as error:
            found.append((error.what, url, error.mend))
            continue
        if not isinstance(target, UrlTarget) or str(target) != url:
            found.append((f"{url!r} is not written as a URL target", url, f"write {str(target)!r}"))
    return found


def _url_hosts(service: Service) -> list[str]:
    hosts = []
    for url in service.urls:
        try:
            target = parse(url)
        except TargetError:
            continue  # _urls reports it
        if isinstance(target, UrlTarget):
            hosts.append(target.host)
    return hosts


def _networks(service: Service) -> list[_Problem]:
    found: list[_Problem] = []
    for endpoint in service.endpoints:
        address = parse_address(endpoint.address)
        if address is None or str(address) != endpoint.address or is_bogon(endpoint.address):
            found.append((f"{endpoint.address!r} is no public address", endpoint.address, ""))
        if not 1 <= endpoint.port <= 65535:
            found.append((f"{endpoint.port} is no port", endpoint.address, ""))
    for text in service.ranges:
        try:
            network = ipaddress.ip_network(text)
        except ValueError as error:
            found.append((f"{text!r} is no prefix ({error})", text, ""))
            continue
        if str(network) != text:
            found.append((f"{text!r} is not written as a prefix", text, f"write {str(network)!r}"))
    if service.sample and not (service.ranges and 3 <= service.sample <= 1024):
        found.append(("the sample is of no range, or not 3 to 1024", "sample", "give ranges, or leave sample out"))
    for text in service.ports:
        match = _PORT.fullmatch(text)
        if match is None or int(match[2]) > 65535:
            found.append((f"{text!r} is no port", text, "write tcp/443 or udp/443"))
    found.extend(
        (f"{asn} is no AS number", str(asn), "1 to 4294967294") for asn in service.asns if not 1 <= asn <= 4294967294
    )
    return found


def _taken(service: Service, owners: Mapping[str, str]) -> list[_Problem]:
    return [
        (f"the name {name!r} is {owners[name]}'s already", name, "a name belongs to one service")
        for name in service.names
        if name in owners
    ]
