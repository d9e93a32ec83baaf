import pytest

from benchmarks.training.taken import Taken, refuse_other_work, taken_from


def taken(**changes):
    """Three updates with 100, 200 and 300 tokens that end at 10, 12 and 17 seconds."""
    values = {
        "tokens": (100, 200, 300),
        "ends": (10.0, 12.0, 17.0),
        "begun": 8.0,
        "rows": ((1, 2), (3, 4), (5, 6)),
        "learned": 60,
        "reference": 0.0,
        "wall": 20.0,
        "processor": 30.0,
        "memory": 1000,
    }
    return Taken(**{**values, **changes})


def test_the_first_update_warms_up():
    # 200 and 300 tokens between 10 and 17 seconds.
    assert taken().speed == pytest.approx(500 / 7)
    assert taken().later_speed == pytest.approx(500 / 7)


def test_looking_at_the_reference_counts_by_the_share_of_its_tokens():
    # 500 of 600 tokens are timed: 5 of 6 seconds are added to their 7.
    one = taken(reference=6.0)
    assert one.speed == pytest.approx(500 / 12)
    assert one.later_speed == pytest.approx(500 / 7)
    assert one.set_up == pytest.approx(2.0)


def test_a_second_epoch_is_timed_whole_and_left_out_of_the_first():
    one = taken(
        tokens=(100, 200, 300, 300, 200, 100),
        ends=(10.0, 12.0, 17.0, 18.0, 19.0, 20.0),
        rows=((1,), (2,), (3,), (3,), (2,), (1,)),
        wall=25.0,
        epochs=2,
    )
    assert one.epoch_tokens == 600
    assert one.speed == pytest.approx(500 / 7)
    assert one.later_speed == pytest.approx(600 / 3)
    assert one.everything == pytest.approx(25 - 3)
    assert one.per_processor_second == pytest.approx(1200 / 30)


def test_it_comes_back_from_its_json_values():
    assert taken_from(taken().plain()) == taken()


UPDATES = [[2, 1], [3, 4], [5, 6]]


def test_the_same_rows_in_any_order_within_an_update_are_the_same_work():
    refuse_other_work("ours", taken(), [100, 200, 300], 60, UPDATES)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"rows": ((1, 3), (2, 4), (5, 6))}, "other rows"),
        ({"tokens": (100, 201, 299)}, "in its updates"),
        ({"learned": 61}, "learned 61 tokens"),
        ({"rows": (), "tokens": (100, 200, 301)}, "601 tokens in an epoch instead of 600"),
    ],
)
def test_other_work_is_refused(changes, words):
    with pytest.raises(RuntimeError, match=words):
        refuse_other_work("ours", taken(**changes), [100, 200, 300], 60, UPDATES)


def test_a_side_that_chooses_its_batches_has_the_tokens_of_the_epoch():
    refuse_other_work("packed", taken(rows=(), tokens=(250, 250, 100)), [100, 200, 300], 60, UPDATES)
