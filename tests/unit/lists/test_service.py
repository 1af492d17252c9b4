"""A service and its targets."""

from probe.lists.service import Endpoint, Risk, Role, Service, ServiceIndex, default_set
from probe.model.target import parse


def made(name: str = "line", **rest: object) -> Service:
    """A service with all required fields."""
    return Service(
        name=name, title=name, operator="o", role=Role.WATCHED, category="COMT", risk=Risk.ORDINARY,
        **{"default": True, **rest},  # type: ignore[arg-type]
    )  # fmt: skip


class TestTargets:
    """The targets of a service."""

    def test_targets_are_urls_then_names_then_addresses(self) -> None:
        """Names alone do not show whether a service works, so its addresses are measured too."""
        service = made(urls=("https://line.me/",), resolve=("legy.example",), endpoints=(Endpoint("192.0.2.1", 8080),))
        assert service.targets() == ("https://line.me/", "dns://legy.example", "tcp://192.0.2.1:8080")
        assert all(str(parse(target)) == target for target in service.targets())

    def test_ipv6_addresses_are_in_brackets(self) -> None:
        """The contract writes them so."""
        assert made(endpoints=(Endpoint("2001:db8::1", 80),)).targets() == ("tcp://[2001:db8::1]:80",)

    def test_ranges_are_measured_only_with_a_sample_and_then_on_every_tcp_port(self) -> None:
        """Ranges without a sample cost a volunteer no traffic."""
        ranges, ports = ("203.104.144.0/21", "2001:db8::/32"), ("tcp/80", "tcp/443", "udp/443")
        assert made(ranges=ranges, ports=ports).targets() == ()
        assert made(ranges=ranges, ports=ports, sample=16).range_targets() == (
            "203.104.144.0/21:80",
            "203.104.144.0/21",
            "[2001:db8::/32]:80",
            "2001:db8::/32",
        )
        assert made(ranges=ranges[:1], sample=16).targets() == ("203.104.144.0/21",)
        assert all(str(parse(target)) == target for target in made(ranges=ranges, ports=ports, sample=16).targets())

    def test_hosts_are_the_names_that_are_resolved(self) -> None:
        """A dry run prints them."""
        assert made(urls=("https://a.example/", "http://a.example/"), resolve=("b.example",)).hosts() == (
            "a.example",
            "b.example",
        )


class TestDefaultSet:
    """The targets that are measured by default."""

    def test_the_default_set_has_only_services_marked_as_default(self) -> None:
        """It maps each target to its service."""
        services = [made("a", urls=("https://a.example/",)), made("b", urls=("https://b.example/",), default=False)]
        assert default_set(services) == {"https://a.example/": "a"}


class TestOwners:
    """The service that a name belongs to."""

    def test_the_longest_suffix_decides(self) -> None:
        """weixin.qq.com belongs to WeChat although qq.com belongs to QQ."""
        owners = ServiceIndex([made("qq", names=("qq.com",)), made("wechat", names=("weixin.qq.com",))])
        assert owners.owner_of("long.weixin.qq.com") == "wechat"
        assert owners.owner_of("im.qq.com") == "qq"
        assert owners.owner_of("*.qq.com") == "qq"

    def test_a_name_that_only_shares_its_last_letters_has_no_owner(self) -> None:
        """Labels are compared, not characters: t.co does not match microsoft.co."""
        assert ServiceIndex([made("twitter", names=("t.co",))]).owner_of("microsoft.co") == ""
        assert ServiceIndex([made("twitter", names=("t.co",))]).owner_of("reddit.co") == ""
