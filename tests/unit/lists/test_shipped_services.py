"""The shipped catalogue: every file is right, and says what the project promises about it."""

from pathlib import Path

import pytest

from probe.lists.catalogue import check, load
from probe.lists.service import Risk, Role, Service, default_set
from probe.model.address import is_bogon

FOLDER = Path(__file__).parents[3] / "targets" / "services"
FILES = {f"targets/services/{path.name}": path.read_bytes() for path in sorted(FOLDER.glob("*.toml"))}
PROMISED = {
    "wechat", "qq", "line", "blackberry-messenger", "vchat", "imo", "zello", "linkedin", "threema", "vk",
    "odnoklassniki", "mail-ru", "2ch-hk", "whatsapp", "telegram", "signal", "facebook", "instagram", "twitter",
    "youtube", "discord", "tor", "ipvanish", "expressvpn", "roskomsvoboda", "roskomnadzor", "paypal",
}  # fmt: skip


@pytest.fixture(scope="module")
def services() -> dict[str, Service]:
    """All of them, by name."""
    return {service.name: service for service in load(FILES)}


@pytest.mark.parametrize("path", FILES)
def test_every_file_is_right(path: str) -> None:
    """By itself; together they are checked below."""
    assert check({path: FILES[path]})[1] == ()


def test_every_service_of_the_story_is_there(services: dict[str, Service]) -> None:
    """One file each, names taken once."""
    assert set(services) == PROMISED


def test_the_default_set_is_small_and_ordinary(services: dict[str, Service]) -> None:
    """Nothing that puts a volunteer at risk is measured by default."""
    chosen = [service for service in services.values() if service.default]
    assert all(service.risk is Risk.ORDINARY for service in chosen)
    assert len(default_set(chosen)) <= 64


def test_what_is_gone_says_so_and_is_not_watched_by_default(services: dict[str, Service]) -> None:
    """Vchat and BBM outlived by their listings."""
    gone = {name for name, service in services.items() if service.gone}
    assert gone == {"vchat", "blackberry-messenger"}
    assert not any(services[name].default for name in gone)


def test_wechat_is_more_than_port_443(services: dict[str, Service]) -> None:
    """Short link tcp/80, long link tcp/8080."""
    assert {"tcp/80", "tcp/8080"} <= set(services["wechat"].ports)
    assert "dns://long.weixin.qq.com" in services["wechat"].targets()


def test_telegram_is_looked_at_by_address(services: dict[str, Service]) -> None:
    """Its transport has no server name."""
    assert sum(target.startswith("tcp://") for target in services["telegram"].targets()) == 5


def test_a_service_without_endpoints_says_why(services: dict[str, Service]) -> None:
    """An unknown address list is a fact, not an omission."""
    silent = {"vchat", "blackberry-messenger"}
    assert [
        s.name for s in services.values() if not s.endpoints and "No endpoint" not in s.note and s.name not in silent
    ] == []


def test_no_endpoint_is_a_reserved_address(services: dict[str, Service]) -> None:
    """Documentation and private addresses are laboratory matter."""
    assert not any(is_bogon(endpoint.address) for s in services.values() for endpoint in s.endpoints)


def test_the_registers_own_site_is_never_an_anchor(services: dict[str, Service]) -> None:
    """It answers Russian addresses only."""
    assert services["roskomnadzor"].role is Role.CONTROL_LIKE
