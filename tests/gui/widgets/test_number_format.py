import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QLocale

from gui.widgets.number_format import edit_number, plain_number, read_number, show_number

GERMAN = QLocale(QLocale.Language.German)


@pytest.mark.parametrize(
    ("value", "text"),
    [(2e-4, "2e-4"), (1e-8, "1e-8"), (0.01, "0.01"), (1.0, "1.0"), (0.999, "0.999"), (0.0, "0.0"), (16, "16"),
     (1.5e-5, "1.5e-5"), (-3e-4, "-3e-4"), (2.5e9, "2.5e9")],
)  # fmt: skip
def test_numbers_are_written_as_people_write_them(value, text):
    assert plain_number(value) == text


def test_whole_numbers_are_grouped_for_the_eye():
    assert show_number(1024) == "1,024"


def test_a_german_sees_a_comma_and_may_type_either():
    assert show_number(0.01, GERMAN) == "0,01"
    assert show_number(32_768, GERMAN) == "32.768"
    assert read_number("0,01", locale=GERMAN) == 0.01
    assert read_number("0.01", locale=GERMAN) == 0.01
    assert edit_number(32_768, GERMAN) == "32768"


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("2e-4", 2e-4),
        (" 3E-5 ", 3e-5),
        ("−0.5", -0.5),
        ("1 024", 1024.0),
        (".5", 0.5),
        ("1,024", 1024.0),
        ("0,5", 0.5),
    ],
)
def test_every_usual_notation_is_read(text, number):
    assert read_number(text) == number


@pytest.mark.parametrize("text", ["", "two", "1e999", "nan", "inf", "1_000", "1.2.3"])
def test_what_is_not_a_finite_number_is_none(text):
    assert read_number(text) is None


def test_a_fraction_is_not_a_whole_number():
    assert read_number("1.5", whole=True) is None
    assert read_number("2.0", whole=True) == 2


@given(st.floats(-1e9, 1e9, allow_nan=False).map(lambda value: float(f"{value:.6g}")))
def test_what_a_box_shows_is_read_back(value):
    assert read_number(edit_number(value)) == pytest.approx(value, rel=1e-9)


@given(st.integers(-(10**9), 10**9))
def test_whole_numbers_are_read_back_in_another_language(value):
    assert read_number(edit_number(value, GERMAN), whole=True, locale=GERMAN) == value
