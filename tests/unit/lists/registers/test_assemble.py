"""Register entries are assembled from the texts of a row."""

import pytest

from probe.lists.registers.assemble import MAX_DECISION, implied_type, make_decision, make_entry


class TestAssemble:
    """Texts are cleaned and counted, and paths of URLs are discarded."""

    def test_names_addresses_and_prefixes_are_separated(self) -> None:
        """Repeated ones are dropped."""
        texts = [("domain", "a.example"), ("domain", "A.example"), ("ip", "192.0.2.1"), ("ip", "192.0.2.0/24")]
        record = make_entry(texts, line=1)
        assert (record.hosts, record.addresses, record.networks) == (("a.example",), ("192.0.2.1",), ("192.0.2.0/24",))

    def test_the_host_of_a_url_is_used_only_where_there_is_no_name(self) -> None:
        """URLs are counted in either case."""
        assert make_entry([("url", "http://a.example/secret")], line=1).hosts == ("a.example",)
        record = make_entry([("url", "http://a.example/secret"), ("domain", "b.example")], line=1)
        assert (record.hosts, record.urls) == (("b.example",), 1)
        assert "secret" not in repr(record)

    def test_texts_that_cannot_be_read_are_counted(self) -> None:
        """Blank texts are not."""
        assert make_entry([("domain", "-"), ("ip", "300.1.1.1"), ("ip", " ")], line=1).unreadable == 2


class TestDecision:
    """Decisions of authorities."""

    def test_the_texts_of_a_decision_are_trimmed_and_bounded(self) -> None:
        """A hostile file can hold texts of any length."""
        decision = make_decision(" 2017-04-28 ", "n" * 9999, "a")
        assert (decision.date, len(decision.number)) == ("2017-04-28", MAX_DECISION)

    @pytest.mark.parametrize(
        ("authority", "number", "entry_type"),
        [
            ("Роскомнадзор", "7-Restricting", 4),
            ("Роскомнадзор", "123-РИ", 0),
            ("Генпрокуратура", "27-31-2018/Ид2971-18", 3),
            ("Мосгорсуд", "3-12/2015", 2),
            ("ФНС", "2-6-14/2024", 0),
            ("суд", "2-946/13", 0),
        ],
    )
    def test_a_decision_implies_an_entry_type_only_where_it_is_certain(
        self, authority: str, number: str, entry_type: int
    ) -> None:
        """An unknown type is treated as the most sensitive one."""
        assert implied_type(make_decision("", number, authority)) == entry_type
