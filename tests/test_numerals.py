import pytest

from restore_cli.numerals import is_number, is_whole, number


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5", 5.0),
        ("-0.25", -0.25),
        (".5", 0.5),
        ("5.", 5.0),
        ("+1e-3", 0.001),
        (" 7 ", 7.0),
        ("007", 7.0),
    ],
)
def test_numbers_are_read_as_people_write_them(text: str, value: float) -> None:
    assert number(text) == value


ODD = [
    "",
    " ",
    ".",
    "-",
    "1_0",
    "١٠",
    "５",
    "0x10",
    "nan",
    "inf",
    "-Infinity",
    "1e400",
    "1,5",
    "1e",
    "1 0",
    "−1",
]


@pytest.mark.parametrize("text", ODD)
def test_what_only_python_takes_for_a_number_is_none(text: str) -> None:
    assert not is_number(text)
    assert not is_whole(text)
    with pytest.raises(ValueError, match="is not a number"):
        number(text)


def test_a_whole_number_has_no_point_and_no_exponent() -> None:
    assert all(map(is_whole, ("0", "-3", "+12", " 4 ")))
    assert not any(map(is_whole, ("1.0", "1e3")))
