"""The service catalogue: one file a service, every error with file and line."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.errors import ListError
from probe.lists.catalogue import MAX_BYTES, MAX_PROBLEMS, check, load

GOOD = """\
name = "line"
title = "LINE"
operator = "LY"
role = "watched"
category = "COMT"
risk = "ordinary"
default = true
urls = ["https://line.me/"]
names = ["line.me"]

[[endpoint]]
address = "203.104.138.138"
port = 443

[[source]]
fact = "names"
origin = "register"
checked = 2019-09-08
"""


def error_of(text: str, path: str = "line.toml") -> str:
    """The one error of one file."""
    with pytest.raises(ListError) as caught:
        load({path: text.encode()})
    return str(caught.value)


class TestGoodFiles:
    """Files become services."""

    def test_come_in_the_order_of_their_names(self) -> None:
        """Whatever the order of the files."""
        other = GOOD.replace('"line"', '"imo"').replace("line.me", "imo.im").replace("203.104.138.138", "203.104.138.1")
        assert [s.name for s in load({"line.toml": GOOD.encode(), "imo.toml": other.encode()})] == ["imo", "line"]

    def test_carry_their_endpoints_and_sources(self) -> None:
        """Each fact has its source and its date."""
        service = load({"a/line.toml": GOOD.encode()})[0]
        assert service.targets() == ("https://line.me/", "tcp://203.104.138.138:443")
        assert service.sources[0].checked.isoformat() == "2019-09-08"
        assert service.sources[0].verified


class TestBadFiles:
    """Every error names file and line."""

    @pytest.mark.parametrize(
        ("before", "after", "message"),
        [
            ('role = "watched"', 'role = "watch"', "line.toml:4: Invalid enum value 'watch' - at `$.role`"),
            ('title = "LINE"\n', "", "line.toml:1: Object missing required field `title`"),
            ("port = 443", 'port = "443"', "line.toml:11: Expected `int`, got `str` - at `$.endpoints[0].port`"),
            ("port = 443", "port = 0", "line.toml:12: 0 is no port"),
            ("default = true", "defualt = true", "line.toml:7: the key 'defualt' is unknown"),
            ("port = 443", "prt = 443", "line.toml:13: the key 'prt' is unknown"),
            ("risk =", "risk", "line.toml:6: not TOML"),
            ('"https://line.me/"', '"https://LINE.me"', "line.toml:8: 'https://LINE.me' is not written as"),
            ('"https://line.me/"', '"https://line.me:0/"', "line.toml:8: 'https://line.me:0/' has a port"),
            ('"https://line.me/"', '"https://other.example/"', "line.toml:8: 'other.example' is measured but"),
            ('["line.me"]', '["LINE.me"]', "line.toml:9: 'LINE.me' is no host name"),
            ("203.104.138.138", "192.168.0.1", "line.toml:12: '192.168.0.1' is no public address"),
            ('name = "line"', 'name = "Line"', "line.toml:1: the name 'Line' is not the file's (write name = 'line')"),
            ('"COMT"', '"messenger"', "line.toml:5: 'messenger' is no category code"),
            ("default = true", 'default = true\ngone = "2019"', "line.toml:7: a service that is gone is in"),
            ("default = true", 'default = true\nranges = ["203.104.128.1/20"]', "line.toml:8: '203.104.128.1/20' is"),
            ("default = true", "default = true\nsample = 16", "line.toml:8: the sample is of no range"),
            ("default = true", 'default = true\nranges = ["1.0.0.0/24"]\nsample = 2', "line.toml:9: the sample is of"),
            ("default = true", 'default = true\nports = ["tcp/0"]', "line.toml:8: 'tcp/0' is no port"),
            ("default = true", "default = true\nasns = [0]", "line.toml:8: 0 is no AS number"),
            ("default = true", 'default = true\nranges = ["1.0.0.1/24"]', "line.toml:8: '1.0.0.1/24' is no prefix"),
            ("default = true", 'default = true\nranges = ["1.0.0.0"]', "line.toml:8: '1.0.0.0' is not written as"),
        ],
    )  # fmt: skip
    def test_are_named_with_their_line(self, before: str, after: str, message: str) -> None:
        """One clear line each: what, where, how to mend."""
        text = error_of(GOOD.replace(before, after))
        assert text.startswith(message), text

    @pytest.mark.parametrize("deep", ["asns = " + "[" * 3000, "sample = " + "9" * 5000])
    def test_what_the_parser_itself_chokes_on_is_an_error_like_any_other(self, deep: str) -> None:
        """Found by the fuzzer: the library ends such files with other exceptions than its own."""
        assert error_of(GOOD + deep).startswith("line.toml:")

    def test_its_ports_may_be_of_both_kinds(self) -> None:
        """As firewalls write them."""
        (service,) = load(
            {"line.toml": GOOD.replace("default = true", 'default = true\nports = ["tcp/443", "udp/65535"]').encode()}
        )

        assert service.ports == ("tcp/443", "udp/65535")

    def test_a_service_has_something_to_look_at(self) -> None:
        """Names alone are for registers."""
        bare = GOOD.replace('urls = ["https://line.me/"]\n', "").partition("[[endpoint]]")[0]
        bare += "[[source]]" + GOOD.partition("[[source]]")[2]

        assert "there is nothing to measure" in error_of(bare)

    def test_a_url_may_be_of_any_of_its_kinds_but_must_be_one(self) -> None:
        """A lone name is a target too, and no URL."""
        assert "'line.me' is not written as a URL target" in error_of(GOOD.replace("https://line.me/", "line.me"))

    def test_a_service_without_sources_is_none(self) -> None:
        """Facts without grounds do not ship."""
        assert "no fact has a source" in error_of(GOOD.partition("[[source]]")[0])

    def test_a_name_belongs_to_one_service(self) -> None:
        """Or a listing would count for two."""
        other = GOOD.replace('"line"', '"zzz"')
        with pytest.raises(ListError, match=r"zzz.toml:8: the name 'line.me' is line's already") as caught:
            load({"line.toml": GOOD.encode(), "zzz.toml": other.replace('urls = ["https://line.me/"]\n', "").encode()})
        assert caught.value.mend

    def test_all_errors_of_all_files_are_found_at_once(self) -> None:
        """One run reports every error."""
        services, errors = check(
            {
                "line.toml": GOOD.encode(),
                "b.toml": b"name =",
                "c.toml": b"\xff",
                "d.toml": b"#" * (MAX_BYTES + 1),
                "e.toml": GOOD.replace('"COMT"', '"x"').replace("port = 443", "port = 70000").encode(),
            }
        )
        assert [service.name for service in services] == ["line"]
        assert [e.where.partition(":")[0] for e in errors].count("e.toml") >= 3
        assert {e.where.partition(":")[0] for e in errors} == {"b.toml", "c.toml", "d.toml", "e.toml"}


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_never_fails_with_anything_but_a_list_error(content: bytes) -> None:
    """Whatever stands in a file."""
    _, errors = check({"x.toml": content})
    assert errors


@given(st.integers(0, len(GOOD)), st.integers(0, 40), st.text(max_size=10))
def test_a_damaged_file_gives_errors_and_no_crash(at: int, cut: int, put: str) -> None:
    """A good file with a hole and something else in it."""
    check({"line.toml": (GOOD[:at] + put + GOOD[at + cut :]).encode()})


class TestWork:
    """What a hostile file may cost."""

    def test_a_key_of_many_parts_is_refused_before_it_is_read(self) -> None:
        """The library's work grows with the square of the parts: 100,000 of them took all memory."""
        start = time.perf_counter()
        _, errors = check({"x.toml": b"a = 1\na" + b".a" * 30_000 + b" = 1"})
        assert [(error.where, error.what) for error in errors] == [("x.toml:2", "more than 300 dots in a line")]
        assert time.perf_counter() - start < 0.5

    def test_many_names_cost_no_more_than_their_number(self) -> None:
        """Each host is looked up by its suffixes, and only so many problems are named."""
        names = ", ".join(f'"{n:x}.example"' for n in range(1500))
        hosts = ", ".join(f'"{n:x}.test"' for n in range(1500))
        start = time.perf_counter()
        _, errors = check({"line.toml": GOOD.replace("names = [", f"resolve = [{hosts}]\nnames = [{names}, ").encode()})
        assert len(errors) <= MAX_PROBLEMS
        assert time.perf_counter() - start < 2
