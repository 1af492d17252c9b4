"""A bound on the work of parsing TOML."""

from probe.toml_bounds import MAX_LINE_DOTS, overdotted_line


def test_the_first_line_with_too_many_dots_is_found() -> None:
    many = "a" + ".a" * (MAX_LINE_DOTS + 1)

    assert overdotted_line(f"x = 1\n{many} = 1\n{many} = 2\n") == 2
    assert overdotted_line(many) == 1


def test_as_many_dots_as_the_bound_are_allowed_in_each_line() -> None:
    """An array of many addresses has one item a line."""
    line = "." * MAX_LINE_DOTS

    assert overdotted_line(f"{line}\n" * 3) == 0
    assert overdotted_line("") == 0
