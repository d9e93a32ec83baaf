import math

import pytest

from gui.widgets.chart_reading import fitting_range, legend_entries, lines_at
from gui.widgets.chart_series import Series
from gui.widgets.chart_spec import ChartSpec, Curve, validation_curve

SPEC = ChartSpec("loss", "Loss", (Curve("loss", "Training"), validation_curve("Validation")))


def _series(*pairs):
    series = Series(0.5)
    for step, value in pairs:
        series.append(step, value)
    return series


def test_a_reading_has_the_average_the_step_and_the_note():
    curves = [(SPEC.curves[0], _series((1, 1.0), (2, 2.0))), (SPEC.curves[1], _series())]
    lines = lines_at(2, curves, SPEC, is_brief=False, note="Saved")
    # average: (0.5 * 0.5 * 1 + 0.5 * 2) / 0.75 = 1.25 / 0.75
    assert [(line.text, line.quiet) for line in lines] == [
        ("Step 2", ""),
        ("Training 1.667", "(this step 2.000)"),
        ("", "Saved"),
    ]


def test_a_brief_reading_leaves_the_single_step_out():
    lines = lines_at(1, [(SPEC.curves[0], _series((1, 1.0)))], SPEC, is_brief=True, note="")
    assert [(line.text, line.quiet) for line in lines] == [("Step 1", ""), ("Training 1.000", "")]


def test_the_legend_explains_the_faint_line_once():
    assert [entry[0] for entry in legend_entries(SPEC, is_brief=False)] == [
        "Training (smoothed)",
        "Each step",
        "Validation",
    ]
    assert [entry[0] for entry in legend_entries(SPEC, is_brief=True)] == ["Training", "Validation"]


def test_the_range_has_room_around_all_values_and_the_guide():
    assert fitting_range([(1.0, 2.0), (math.nan, math.nan)], (0.0, 0.0), None) == pytest.approx((0.93, 2.07))
    low, high = fitting_range([(0.6, 0.9)], (0.0, 0.0), 0.5)
    assert low < 0.5
    assert high > 0.9


def test_the_range_rests_while_the_values_fit_well():
    assert fitting_range([(1.0, 2.0)], (0.9, 2.1), None) is None
    assert fitting_range([(1.0, 2.0)], (0.9, 1.9), None) is not None
    assert fitting_range([(1.0, 1.1)], (0.0, 2.0), None) is not None
    assert fitting_range([], (0.0, 1.0), 0.5) is None


def test_values_that_are_all_equal_get_a_range_with_height():
    low, high = fitting_range([(2.0, 2.0)], (0.0, 0.0), None)
    assert low < 2.0 < high
