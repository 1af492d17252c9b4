"""Who runs a resolver, in the words of the warning before the first check."""

from __future__ import annotations

from pathlib import Path

import pytest

from probe.cli import first_use
from probe.cli.first_use import operators, warn_once, warning
from probe.settings import load_file

SHIPPED = load_file(None, {}).measure.trusted_resolvers


def test_known_resolvers_are_named_and_others_shown_by_address() -> None:
    assert operators(SHIPPED) == "Cloudflare, Quad9, Google"
    assert operators(["tls://[2001:db8::1]:853", "https://192.0.2.1/dns-query"]) == "2001:db8::1, 192.0.2.1"
    assert operators(["https://1.1.1.1/dns-query", "tls://1.0.0.1:853"]) == "Cloudflare"


def test_without_a_trusted_resolver_nobody_is_named() -> None:
    assert len(warning(SHIPPED)) == 2
    assert len(warning([])) == 1


def test_without_a_terminal_nothing_is_said_or_remembered(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    warn_once(SHIPPED, tmp_path / "state")

    assert capsys.readouterr().err == ""
    assert not (tmp_path / "state").exists()


def test_on_a_terminal_it_is_said_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for expected in (2, 0):
        monkeypatch.setattr(first_use.sys.stderr, "isatty", lambda: True)
        warn_once(SHIPPED, tmp_path / "state")

        assert capsys.readouterr().err.count("\n") == expected
