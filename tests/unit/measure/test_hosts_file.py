"""Which names a host finds elsewhere than at its resolvers."""

from __future__ import annotations

from pathlib import Path

import pytest

from probe.measure.hosts_file import own_names


def host(etc: Path, nsswitch: str | None, hosts: str = "") -> Path:
    """A host configured so."""
    if nsswitch is not None:
        (etc / "nsswitch.conf").write_text(nsswitch)
    (etc / "hosts").write_text(hosts)
    return etc


def test_names_of_the_hosts_file_are_the_hosts_own(tmp_path: Path) -> None:
    """Every name of a line, lower case, without comments."""
    etc = host(
        tmp_path, "hosts: files dns\n", "127.0.0.1 localhost # box\n10.0.0.9  Blocked.Example. www.blocked.example\n"
    )
    assert own_names(etc, "linux") == {"localhost", "blocked.example", "www.blocked.example"}


@pytest.mark.parametrize(
    "nsswitch",
    ["hosts: files mdns4_minimal [NOTFOUND=return] dns", "hosts:\tfiles resolve [!UNAVAIL=return] dns", "hosts: ldap"],
)
def test_other_sources_make_any_name_the_hosts_own(tmp_path: Path, nsswitch: str) -> None:
    """What they know cannot be read."""
    assert own_names(host(tmp_path, nsswitch), "linux") is None


def test_a_host_without_nsswitch_asks_files_and_dns(tmp_path: Path) -> None:
    """As musl always does; a commented line is none."""
    assert own_names(host(tmp_path, None, "::1 me\n"), "linux") == {"me"}
    assert own_names(host(tmp_path, "# hosts: ldap\npasswd: ldap\n", "::1 me\n"), "linux") == {"me"}


def test_other_systems_are_asked_themselves(tmp_path: Path) -> None:
    """Windows and macOS have sources of their own."""
    assert own_names(host(tmp_path, "hosts: files dns"), "darwin") is None
    assert own_names(host(tmp_path, "hosts: files dns"), "win32") is None


def test_aliases_of_the_environment_make_any_name_the_hosts_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """HOSTALIASES renames hosts before they are looked up (hostname(7))."""
    monkeypatch.setenv("HOSTALIASES", "/home/me/aliases")
    assert own_names(host(tmp_path, "hosts: files dns"), "linux") is None


def test_a_host_without_a_hosts_file_has_no_names_of_its_own(tmp_path: Path) -> None:
    """Nothing to read is nothing listed."""
    assert own_names(tmp_path, "linux") == frozenset()
