"""Service files are read, and every error in them is named with file and line."""

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
    """Service files without errors."""

    def test_services_are_ordered_by_name(self) -> None:
        """The order of the files does not matter."""
        other = GOOD.replace('"line"', '"imo"').replace("line.me", "imo.im").replace("203.104.138.138", "203.104.138.1")
        assert [s.name for s in load({"line.toml": GOOD.encode(), "imo.toml": other.encode()})] == ["imo", "line"]

    def test_a_service_has_its_endpoints_and_sources(self) -> None:
        """Each fact has its source and the date of the source."""
        service = load({"a/line.toml": GOOD.encode()})[0]
        assert service.targets() == ("https://line.me/", "tcp://203.104.138.138:443")
        assert service.sources[0].checked.isoformat() == "2019-09-08"
        assert service.sources[0].verified


class TestBadFiles:
    """Service files with errors."""

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
    def test_an_error_names_file_and_line(self, before: str, after: str, message: str) -> None:
        """The message says what is wrong, where, and how to mend it."""
        text = error_of(GOOD.replace(before, after))
        assert text.startswith(message), text

    @pytest.mark.parametrize("deep", ["asns = " + "[" * 3000, "sample = " + "9" * 5000])
    def test_a_file_that_the_toml_parser_cannot_handle_is_a_list_error(self, deep: str) -> None:
        """`tomllib` raises RecursionError and ValueError for these files (found by fuzzing)."""
        assert error_of(GOOD + deep).startswith("line.toml:")

    def test_ports_are_of_tcp_or_udp(self) -> None:
        """Both protocols, up to the highest port number, are accepted."""
        (service,) = load(
            {"line.toml": GOOD.replace("default = true", 'default = true\nports = ["tcp/443", "udp/65535"]').encode()}
        )

        assert service.ports == ("tcp/443", "udp/65535")

    def test_a_service_without_anything_to_measure_is_refused(self) -> None:
        """Names alone only assign entries of registers to a service."""
        bare = GOOD.replace('urls = ["https://line.me/"]\n', "").partition("[[endpoint]]")[0]
        bare += "[[source]]" + GOOD.partition("[[source]]")[2]

        assert "there is nothing to measure" in error_of(bare)

    def test_a_host_name_is_no_url(self) -> None:
        """A host name alone is a target, but `urls` accepts only URL targets."""
        assert "'line.me' is not written as a URL target" in error_of(GOOD.replace("https://line.me/", "line.me"))

    def test_a_service_without_sources_is_refused(self) -> None:
        """Every shipped fact has a source."""
        assert "no fact has a source" in error_of(GOOD.partition("[[source]]")[0])

    def test_a_name_of_two_services_is_refused(self) -> None:
        """Otherwise one listing would count for two services."""
        other = GOOD.replace('"line"', '"zzz"')
        with pytest.raises(ListError, match=r"zzz.toml:8: the name 'line.me' is line's already") as caught:
            load({"line.toml": GOOD.encode(), "zzz.toml": other.replace('urls = ["https://line.me/"]\n', "").encode()})
        assert caught.value.mend

    def test_one_check_reports_all_errors_of_all_files(self) -> None:
        """Services without errors are returned with the errors of the others."""
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
def test_any_bytes_give_list_errors(content: bytes) -> None:
    """No other exception is raised."""
    _, errors = check({"x.toml": content})
    assert errors


@given(st.integers(0, len(GOOD)), st.integers(0, 40), st.text(max_size=10))
def test_a_damaged_file_gives_errors_and_no_crash(at: int, cut: int, put: str) -> None:
    """A good file with one part replaced by random text raises nothing."""
    check({"line.toml": (GOOD[:at] + put + GOOD[at + cut :]).encode()})


class TestWork:
    """The work that a hostile file can cause is bounded."""

    def test_a_key_of_many_parts_is_refused_before_it_is_parsed(self) -> None:
        """The work of `tomllib` grows with the square of the parts: 100,000 of them take all memory."""
        start = time.process_time()
        _, errors = check({"x.toml": b"a = 1\na" + b".a" * 30_000 + b" = 1"})
        assert [(error.where, error.what) for error in errors] == [("x.toml:2", "more than 300 dots in a line")]
        assert time.process_time() - start < 0.5

    def test_the_work_grows_with_the_number_of_names(self) -> None:
        """Hosts are looked up by their suffixes, and the number of problems named is bounded."""
        names = ", ".join(f'"{n:x}.example"' for n in range(1500))
        hosts = ", ".join(f'"{n:x}.test"' for n in range(1500))
        start = time.process_time()
        _, errors = check({"line.toml": GOOD.replace("names = [", f"resolve = [{hosts}]\nnames = [{names}, ").encode()})
        assert len(errors) <= MAX_PROBLEMS
        assert time.process_time() - start < 2
