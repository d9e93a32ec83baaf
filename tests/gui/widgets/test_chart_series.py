import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gui.widgets.chart_series import BLOCK, BUCKETS, Series, decayed_sum


def _naive_average(values, factor):
    total = weight = 0.0
    result = []
    for value in values:
        is_finite = np.isfinite(value)
        total = factor * total + ((1 - factor) * value if is_finite else 0.0)
        weight = factor * weight + ((1 - factor) if is_finite else 0.0)
        result.append(total / weight if weight else np.nan)
    return np.array(result)


def _filled(values, smoothing=0.9):
    series = Series(smoothing)
    for place, value in enumerate(values):
        series.append(place + 1, value, 100.0 * (place + 1), 0.5 * (place + 1))
    return series


def test_the_first_average_is_the_first_value():
    assert _filled([3.0, 3.0, 3.0]).smoothed() == pytest.approx([3.0, 3.0, 3.0])


def test_the_average_of_two_values_is_worked_out_by_hand():
    # a = 0.5: sums 0.5, 1.25; weights 0.5, 0.75
    assert _filled([1.0, 2.0], smoothing=0.5).smoothed() == pytest.approx([1.0, 1.25 / 0.75])


@given(
    st.lists(st.one_of(st.floats(-1e3, 1e3), st.just(float("nan"))), max_size=300),
    st.sampled_from([0.0, 0.5, 0.9, 0.99]),
)
@settings(max_examples=40, deadline=None)
def test_the_running_average_agrees_with_a_plain_loop(values, factor):
    series = _filled(values, factor)
    np.testing.assert_allclose(series.smoothed(), _naive_average(values, factor), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("factor", [0.0, 0.3, 0.97])
def test_changing_the_factor_gives_what_that_factor_would_have_given(factor):
    values = np.random.default_rng(0).normal(size=5 * BLOCK + 7)
    series = _filled(values, 0.9)
    series.set_smoothing(factor)
    np.testing.assert_allclose(series.smoothed(), _naive_average(values, factor), rtol=1e-9)
    series.append(10_000, 2.0)
    np.testing.assert_allclose(series.smoothed()[-1], _naive_average([*values, 2.0], factor)[-1], rtol=1e-9)


def test_a_decayed_sum_over_many_blocks_agrees_with_a_plain_loop():
    values = np.random.default_rng(1).normal(size=BLOCK * BLOCK + 100)
    total, wanted = 0.0, []
    for value in values:
        total = 0.99 * total + value
        wanted.append(total)
    np.testing.assert_allclose(decayed_sum(values, 0.99), wanted, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("count", [0, 1, 50, 2 * BUCKETS, 5000, BLOCK * BUCKETS, 100_003])
def test_a_thinned_line_keeps_the_extremes_and_stays_small(count):
    values = np.random.default_rng(count).normal(size=count)
    series = _filled(values)
    x, y = series.raw_line("step", 0, count)
    assert len(x) == len(y) <= 2 * BUCKETS + 2 * BLOCK
    if count:
        assert y.min() == values.min()
        assert y.max() == values.max()
        assert (np.diff(x) >= 0).all()
        assert x[0] == 1


def test_a_thinned_line_has_the_low_and_high_of_every_bucket():
    values = np.random.default_rng(3).normal(size=4000)
    _, y = _filled(values).raw_line("step", 0, 4000)
    wanted = values.reshape(BUCKETS, 8)
    np.testing.assert_array_equal(y[0::2], wanted.min(axis=1))
    np.testing.assert_array_equal(y[1::2], wanted.max(axis=1))


def test_a_smoothed_line_ends_with_the_newest_value():
    series = _filled(np.random.default_rng(4).normal(size=12_345))
    x, y = series.smooth_line("step", 0, 12_345)
    assert len(x) <= 700
    assert x[-1] == 12_345
    assert y[-1] == series.smoothed()[-1]


def test_a_step_that_comes_again_replaces_what_followed_it():
    series = _filled([5.0, 4.0, 3.0, 2.0])
    series.append(3, 9.0)
    assert series.column("step").tolist() == [1, 2, 3]
    assert series.column("value").tolist() == [5.0, 4.0, 9.0]
    np.testing.assert_allclose(series.smoothed(), _naive_average([5.0, 4.0, 9.0], 0.9))


def test_blocks_are_right_after_steps_were_replaced():
    values = np.random.default_rng(5).normal(size=40_000)
    series = _filled(values)
    series.append(20_000, 50.0)
    for step in range(20_001, 40_001):
        series.append(step, 0.0)
    _, y = series.raw_line("step", 0, len(series))
    assert y.max() == 50.0
    assert y.min() == values[:19_999].min()


def test_the_window_has_a_neighbour_on_each_side():
    series = _filled(np.arange(100.0))
    assert series.window("step", 10, 20) == (8, 21)
    assert series.window("tokens", 1000, 2000) == (8, 21)
    assert series.window("seconds", -5, 500) == (0, 100)


def test_the_nearest_value_is_found_on_either_side():
    series = _filled([1.0, 2.0, 3.0])
    assert series.nearest("step", 1.4) == 0
    assert series.nearest("step", 1.6) == 1
    assert series.nearest("step", 99) == 2
    assert series.nearest("step", -99) == 0
    assert Series().nearest("step", 1) is None


def test_values_that_are_not_finite_leave_gaps():
    series = _filled([1.0, float("inf"), float("nan"), 2.0])
    assert np.isnan(series.column("value")[1:3]).all()
    assert np.isfinite(series.smoothed()).all()
