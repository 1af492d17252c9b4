"""The shipped catalogue is free of errors and contains what the project promises."""

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
    """All shipped services by name."""
    return {service.name: service for service in load(FILES)}


@pytest.mark.parametrize("path", FILES)
def test_every_file_is_free_of_errors(path: str) -> None:
    """Each file is checked alone; the `services` fixture checks them together."""
    assert check({path: FILES[path]})[1] == ()


def test_every_promised_service_is_there(services: dict[str, Service]) -> None:
    """Each has one file."""
    assert set(services) == PROMISED


def test_the_default_set_has_at_most_64_targets_of_ordinary_services(services: dict[str, Service]) -> None:
    """Nothing that puts a volunteer at risk is measured by default."""
    chosen = [service for service in services.values() if service.default]
    assert all(service.risk is Risk.ORDINARY for service in chosen)
    assert len(default_set(chosen)) <= 64


def test_services_that_ended_say_so_and_are_not_in_the_default_set(services: dict[str, Service]) -> None:
    """The listings of Vchat and BBM outlast the services."""
    gone = {name for name, service in services.items() if service.gone}
    assert gone == {"vchat", "blackberry-messenger"}
    assert not any(services[name].default for name in gone)


def test_wechat_has_the_ports_of_its_short_and_long_links(services: dict[str, Service]) -> None:
    """The short link uses tcp/80, the long link tcp/8080."""
    assert {"tcp/80", "tcp/8080"} <= set(services["wechat"].ports)
    assert "dns://long.weixin.qq.com" in services["wechat"].targets()


def test_telegram_is_measured_by_address(services: dict[str, Service]) -> None:
    """Its transport has no server name."""
    assert sum(target.startswith("tcp://") for target in services["telegram"].targets()) == 5


def test_a_service_without_endpoints_says_why(services: dict[str, Service]) -> None:
    """The note states that no address is known from a source."""
    silent = {"vchat", "blackberry-messenger"}
    assert [
        s.name for s in services.values() if not s.endpoints and "No endpoint" not in s.note and s.name not in silent
    ] == []


def test_no_endpoint_is_a_reserved_address(services: dict[str, Service]) -> None:
    """Documentation and private addresses belong to tests."""
    assert not any(is_bogon(endpoint.address) for s in services.values() for endpoint in s.endpoints)


def test_the_site_of_roskomnadzor_is_no_anchor(services: dict[str, Service]) -> None:
    """It answers Russian addresses only."""
    assert services["roskomnadzor"].role is Role.CONTROL_LIKE
