"""An error is one line that says what, where and how to mend."""

from __future__ import annotations

from probe import errors


def test_an_error_says_what_where_and_how_to_mend_it_in_one_line() -> None:
    """The three parts stand in the order a reader needs them."""
    error = errors.ListError("unknown scheme 'ftp'", where="list.csv:3", mend="write https://host/")

    assert str(error) == "list.csv:3: unknown scheme 'ftp' (write https://host/)"


def test_an_error_without_place_or_advice_is_just_its_words() -> None:
    """Nothing empty is printed."""
    assert str(errors.UplinkError("revoked")) == "revoked"


def test_the_tree_is_as_it_is_drawn() -> None:
    """Every class of the module stands in its docstring, and every usage error leaves with status 2."""
    classes = [c for c in vars(errors).values() if isinstance(c, type) and issubclass(c, errors.ProbeError)]

    assert all(c.__name__ in (errors.__doc__ or "") for c in classes)
    assert all(c.status == errors.ExitStatus.USAGE for c in classes if issubclass(c, errors.UsageError))
