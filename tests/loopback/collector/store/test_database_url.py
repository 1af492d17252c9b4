"""Addresses of databases."""

from __future__ import annotations

from pathlib import Path

import pytest

from probe.collector.store.database_url import open_store, shown, sqlite_path
from probe.errors import UsageError


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("c.sqlite", "c.sqlite"),
        ("/var/lib/c.sqlite", "/var/lib/c.sqlite"),
        ("sqlite:///var/lib/c.sqlite", "/var/lib/c.sqlite"),
        ("sqlite:///C:/data/c.sqlite", "C:/data/c.sqlite"),
        ("C:\\data\\c.sqlite", "C:\\data\\c.sqlite"),
        (Path("c.sqlite"), "c.sqlite"),
    ],
)
def test_a_path_or_a_url_of_sqlite_names_a_file(url: str | Path, path: str) -> None:
    """The path of a URL is absolute, as in a URL of a file."""
    assert sqlite_path(url) == Path(path)


@pytest.mark.parametrize("url", ["postgresql://h/d", "postgres://a:b@h1:1,h2:2/d?target_session_attrs=read-write"])
def test_a_url_of_postgresql_names_no_file(url: str) -> None:
    """Both schemes of its own connection strings are known."""
    assert sqlite_path(url) is None


@pytest.mark.parametrize("url", ["mysql://h/d", "sqlite://", "sqlite:///", "sqlite://host/path"])
def test_another_kind_of_database_is_refused_in_one_line(url: str) -> None:
    """It never becomes the name of a file."""
    with pytest.raises(UsageError, match="is no database that this program knows"):
        open_store(url)


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("postgresql://user:geheim@host:5432/name", "postgresql://user:***@host:5432/name"),
        ("postgresql://user@host/name?password=geheim&a=b", "postgresql://user@host/name?password=***&a=b"),
        ("/var/lib/c.sqlite", "/var/lib/c.sqlite"),
    ],
)
def test_messages_show_no_password(url: str, text: str) -> None:
    """They go to logs and terminals."""
    assert shown(url) == text


async def test_a_url_of_sqlite_opens_its_file(tmp_path: Path) -> None:
    """It is made when it is not there."""
    await open_store(f"sqlite://{tmp_path}/c.db").close()

    assert (tmp_path / "c.db").exists()
