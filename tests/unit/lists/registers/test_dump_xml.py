"""The official dump: every layout seen, bad records, and hostile files."""

import contextlib
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from probe.errors import ListError
from probe.lists.lines import BadRow
from probe.lists.registers import dump_xml
from probe.lists.registers.assemble import MAX_DECISION
from probe.lists.registers.register_entry import BlockType, RegisterDecision, RegisterEntry, RegisterItem, SnapshotTime

HEAD = (
    '<?xml version="1.0" encoding="windows-1251"?>\n'
    '<reg:register updateTime="2024-06-11T17:20:03.000+03:00" formatVersion="2.4" xmlns:reg="http://rsoc.ru">\n'
)
OLD = (
    '<content id="71666" includeTime="2014-03-13T18:33:42" urgencyType="1" entryType="3" hash="88">'
    '<decision date="2014-03-13" number="27/3-3420-14/" org="Генпрокуратура"/>'
    "<url><![CDATA[http://www.news.example/тайна раз]]></url><domain><![CDATA[www.news.example]]></domain>"
    "<ip>192.0.2.10</ip><ip>192.0.2.11</ip></content>"
)
MASK = (
    '<content id="5" includeTime="2016-11-17T10:02:14" entryType="6" blockType="domain-mask" hash="76">'
    '<decision date="2016-08-04" number="2-3491/2016" org="суд"/><domain><![CDATA[*.work.example]]></domain></content>'
)
PRETTY = """<content id="7" includeTime="2024-06-05T00:55:02" entryType="4" blockType="ip" ts="2024-06-05T13:40:02">
 <decision date="2017-04-28" number="7-Restricting" org="Роскомнадзор"/>
 <ip ts="2019-09-07T06:49:00+03:00">198.51.100.7</ip>
 <ipSubnet>203.0.113.0/24</ipSubnet>
 <ipv6>2001:0db8:0000:0000:0000:0000:0000:0001</ipv6>
 <ipv6Subnet>2001:db8:1::/48</ipv6Subnet>
</content>
"""
GOOD = (HEAD + OLD + "\n" + MASK + "\n" + PRETTY + "</reg:register>\n").encode("cp1251")


def read(content: bytes, size: int = 10**9) -> list[RegisterItem]:
    """All items of a file that is given in pieces."""
    return list(dump_xml.read((content[at : at + size] for at in range(0, len(content), size)), "dump.xml"))


def records(content: str) -> list[RegisterEntry]:
    """The entries of a register with that content."""
    return [i for i in read((HEAD + content + "</reg:register>").encode("cp1251")) if isinstance(i, RegisterEntry)]


class TestLayouts:
    """Every layout seen between 2014 and 2024."""

    def test_the_time_of_publication_comes_first(self) -> None:
        """It is read from the attributes of the root, in UTC."""
        assert read(GOOD)[0] == SnapshotTime(datetime(2024, 6, 11, 14, 20, 3, tzinfo=UTC))

    def test_a_record_by_url_keeps_the_name_and_no_path(self) -> None:
        """The path may lead to a page that must not be opened."""
        record = records(OLD)[0]
        assert record == RegisterEntry(
            line=3, id="71666", entry_type=3, block_type=BlockType.URL,
            decision=RegisterDecision("2014-03-13", "27/3-3420-14/", "Генпрокуратура"),
            included=datetime(2014, 3, 13, 15, 33, 42, tzinfo=UTC),
            hosts=("www.news.example",), addresses=("192.0.2.10", "192.0.2.11"), urls=1,
        )  # fmt: skip
        assert "тайна" not in repr(read(GOOD))

    def test_a_mask_keeps_its_star(self) -> None:
        """All names under it are blocked."""
        assert records(MASK)[0].hosts == ("*.work.example",)
        assert records(MASK)[0].block_type is BlockType.DOMAIN_MASK

    def test_the_layout_of_2024_is_read(self) -> None:
        """It is indented, with other attribute order, times on elements, and IPv6 with all its zeros."""
        record = records(PRETTY)[0]
        assert record.addresses == ("198.51.100.7", "2001:db8::1")
        assert record.networks == ("203.0.113.0/24", "2001:db8:1::/48")
        assert record.changed == datetime(2024, 6, 5, 10, 40, 2, tzinfo=UTC)

    def test_a_register_in_utf_8_is_read(self) -> None:
        """Some mirrors convert it."""
        text = GOOD.decode("cp1251").replace("windows-1251", "UTF-8")
        assert [getattr(i, "hosts", None) for i in read(text.encode())] == [
            getattr(i, "hosts", None) for i in read(GOOD)
        ]

    def test_an_undefined_byte_makes_only_its_own_name_unreadable(self) -> None:
        """windows-1251 has no character 0x98, and XML allows no control characters."""
        content = GOOD.replace(b"*.work.example", b"*.wo\x98rk\x01.example")
        found = [item for item in read(content) if isinstance(item, RegisterEntry)]
        assert len(found) == 3
        assert found[1].unreadable == 1

    @given(st.integers(1, 400))
    @example(1)
    def test_the_items_do_not_depend_on_the_size_of_the_pieces(self, size: int) -> None:
        """The network may split the file anywhere."""
        assert read(GOOD, size) == read(GOOD)


class TestBadRecords:
    """A bad record does not affect the others."""

    def test_a_record_of_unknown_kind_is_a_bad_row_with_its_line(self) -> None:
        """Its text is not quoted, because rows of a register must not be displayed."""
        content = (HEAD + MASK.replace("domain-mask", "dns-secret") + OLD + "</reg:register>").encode("cp1251")
        items = read(content)
        assert items[1] == BadRow(3, "a record of an unknown blockType or entryType")
        assert isinstance(items[2], RegisterEntry)

    @pytest.mark.parametrize("entry", ["x", "-1", "1000", "\u0661"])
    def test_a_record_whose_entry_type_is_no_number_is_a_bad_row(self, entry: str) -> None:
        """Type 1 is never taken for another type."""
        content = (HEAD.replace("windows-1251", "UTF-8") + MASK.replace('entryType="6"', f'entryType="{entry}"')
                   + "</reg:register>").encode()  # fmt: skip
        assert isinstance(read(content)[1], BadRow)

    def test_a_record_without_an_entry_type_has_type_0(self) -> None:
        """The default selection skips unknown types."""
        assert records(MASK.replace('entryType="6"', ""))[0].entry_type == 0

    def test_a_record_that_is_too_large_is_a_bad_row(self) -> None:
        """Its texts are not kept while it is read."""
        huge = "<ip>192.0.2.1</ip>" * 450_000
        found = read((HEAD + MASK.replace("<domain>", huge + "<domain>") + OLD + "</reg:register>").encode("cp1251"))
        assert isinstance(found[1], BadRow)
        assert isinstance(found[2], RegisterEntry)

    def test_with_an_endless_text_is_set_aside(self) -> None:
        """Bounded by characters, whatever the element."""
        found = read((HEAD + MASK.replace("*.work", "w" * 200_000) + OLD + "</reg:register>").encode("cp1251"))
        assert [type(item) for item in found] == [SnapshotTime, BadRow, RegisterEntry]


class TestBadFiles:
    """Files of other formats, and broken files."""

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (GOOD[:-40], "not a whole XML file"),
            (GOOD[: len(GOOD) // 2], "not a whole XML file"),
            (b"", "not a whole XML file"),
            (b"<html></html>", "the first element is no register"),
            (GOOD.replace(b"</content>", b"</contend>", 1), "not XML (mismatched tag)"),
            (GOOD.replace(b"windows-1251", b"koi8-r"), "the encoding is neither windows-1251 nor UTF-8"),
        ],
    )
    def test_a_bad_file_is_refused_with_the_reason(self, content: bytes, message: str) -> None:
        """A dump cut short is not taken for a thousand delistings."""
        with pytest.raises(ListError) as caught:
            read(content)
        assert caught.value.where.startswith("dump.xml:")
        assert message in str(caught.value)

    def test_records_before_the_error_are_yielded(self) -> None:
        """The consumer discards them when the error is raised."""
        found: Iterator[RegisterItem] = dump_xml.read([GOOD[:-20]], "dump.xml")
        assert len([next(found) for _ in range(2)]) == 2


class TestHostileFiles:
    """Files that try to exhaust memory or to read other files."""

    @pytest.mark.parametrize(
        "declaration",
        [
            '<!DOCTYPE r [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>',
            '<!DOCTYPE r SYSTEM "file:///etc/passwd">',
            '<!DOCTYPE r [<!ENTITY % x SYSTEM "http://192.0.2.1/x">%x;]>',
        ],
    )
    def test_a_document_type_is_refused(self, declaration: str) -> None:
        """It allows entity bombs and external files."""
        with pytest.raises(ListError, match="has a document type"):
            read(GOOD.replace(b"<reg:register", declaration.encode() + b"<reg:register", 1))

    def test_a_tag_without_end_is_refused(self) -> None:
        """The error comes before the tag fills the memory."""
        with pytest.raises(ListError, match="a tag longer than"):
            read((HEAD + '<content id="').encode() + b"x" * (3 * dump_xml.MAX_TAG), 65536)

    def test_deep_nesting_is_refused(self) -> None:
        """The format has three levels."""
        with pytest.raises(ListError, match="nested deeper"):
            read((HEAD + "<a>" * 50).encode())

    def test_too_many_different_element_names_are_refused(self) -> None:
        """The parser keeps each name for ever."""
        with pytest.raises(ListError, match="different elements"):
            read((HEAD + "".join(f"<e{n}/>" for n in range(20_000))).encode())

    @given(st.binary(max_size=300))
    def test_random_bytes_give_a_list_error(self, content: bytes) -> None:
        """No other exception is raised."""
        with pytest.raises(ListError):
            read(content)

    @given(st.integers(0, len(GOOD)), st.integers(0, 60), st.binary(max_size=30))
    def test_a_damaged_dump_gives_records_or_a_list_error(self, at: int, cut: int, put: bytes) -> None:
        """A part of a good dump is replaced by random bytes."""
        with contextlib.suppress(ListError):
            items = read(GOOD[:at] + put + GOOD[at + cut :])
            assert all(isinstance(item, SnapshotTime | RegisterEntry | BadRow) for item in items)


def test_a_record_of_too_many_texts_is_a_bad_row() -> None:
    """Each text takes memory, and an empty element has only five bytes."""
    content = HEAD + "<content>" + "<ip/>" * (dump_xml.MAX_TEXTS + 1) + "</content></reg:register>"
    found = read(content.encode("cp1251"))
    assert [type(item) for item in found if not isinstance(item, SnapshotTime)] == [BadRow]


def test_a_record_of_too_many_characters_is_a_bad_row() -> None:
    """Each text is within its bound, and there are few of them."""
    texts = ("<url>" + "x" * 60_000 + "</url>") * (dump_xml.MAX_RECORD // 60_000 + 1)
    content = f"{HEAD}<content>{texts}</content>{OLD}</reg:register>"
    found = read(content.encode("cp1251"))
    assert [type(item) for item in found] == [SnapshotTime, BadRow, RegisterEntry]


def test_cached_decisions_are_bounded_in_length() -> None:
    """Thousands of decisions are cached, to share them between records."""
    dump = dump_xml._Dump("dump.xml")
    dump.feed(f'{HEAD}<content><decision date="" number="{"x" * 100_000}" org=""/></content>'.encode("cp1251"))
    (key,) = dump._decisions
    assert [len(text) for text in key] == [0, MAX_DECISION, 0]
