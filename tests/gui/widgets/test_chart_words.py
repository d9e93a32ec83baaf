import math

import pytest

from gui.widgets.chart_words import place_words, tick_words, value_words


@pytest.mark.parametrize(
    ("value", "text"),
    [(1.3141, "1.314"), (0.0213, "0.0213"), (1.7e-4, "1.7e-4"), (12.345, "12.35"), (1840.2, "1,840"), (-0.94, "−0.940"),
     (0.0, "0.0000"), (math.nan, "–")],
)  # fmt: skip
def test_values_are_read_out_with_fitting_digits(value, text):
    assert value_words(value) == text


def test_shares_are_per_cent():
    assert value_words(0.8149, is_share=True) == "81 %"
    assert tick_words(0.75, 0.25, is_share=True) == "75 %"


def test_ticks_have_no_more_digits_than_their_spacing():
    assert [tick_words(value, 0.5) for value in (0.5, 1.0, -1.5)] == ["0.5", "1.0", "−1.5"]
    assert tick_words(2.0, 1.0) == "2"
    assert tick_words(0.25, 0.05) == "0.25"
    assert tick_words(2e-4, 1e-4) == "2e-4"


@pytest.mark.parametrize(
    ("place", "axis", "text"),
    [(1200, "step", "1,200"), (1_250_000, "tokens", "1.25M"), (900, "tokens", "900"), (200, "seconds", "3:20"),
     (3723, "seconds", "1:02:03")],
)  # fmt: skip
def test_places_are_written_as_their_axis_wants(place, axis, text):
    assert place_words(place, axis) == text
