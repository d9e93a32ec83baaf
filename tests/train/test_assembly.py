import pytest

from engine.job.job import job_from_values
from engine.train.assembly import examples_in_use, order_of, rhythm_of
from engine.train.batches import Order
from tests.train.tiny_runs import example


@pytest.mark.parametrize(
    ("settings", "rows", "draws", "updates"),
    [
        ({"epochs": 1.5, "batch_size": 4}, 10, 15, 4),
        ({"steps": 7, "batch_size": 4}, 10, 28, 7),
        ({"epochs": 0.01, "batch_size": 4}, 10, 1, 1),
    ],
)
def test_the_run_is_as_long_as_was_asked(settings, rows, draws, updates):
    order = order_of(job_from_values({"train": settings}), rows)
    assert (order.draws, order.updates) == (draws, updates)


def test_by_itself_it_looks_about_eight_times():
    rhythm = rhythm_of(job_from_values({}), Order(100, 10, 800, 0), rows_kept_back=10)
    assert (rhythm.evaluate_every, rhythm.sample_every) == (10, 10)


def test_many_rows_kept_back_are_looked_at_less_often():
    rhythm = rhythm_of(job_from_values({}), Order(100, 10, 800, 0), rows_kept_back=160)
    assert rhythm.evaluate_every == 27  # 0.6 * 800 / 160 = 3 times in 80 updates


def test_a_rhythm_that_was_asked_for_is_kept():
    job = job_from_values({"watch": {"evaluate_every": 3, "sample_every": 5}})
    rhythm = rhythm_of(job, Order(100, 10, 800, 0), rows_kept_back=10)
    assert (rhythm.evaluate_every, rhythm.sample_every) == (3, 5)


def test_examples_in_use_come_as_their_updates_will_have_them():
    order, examples = Order(6, 4, 8, seed=0), [example(index, 4) for index in range(6)]
    groups = examples_in_use(order, examples)
    assert [[one.index for one in group] for group in groups] == [order.of_update(1), order.of_update(2)]
    assert len(examples_in_use(Order(6, 6, 60, seed=0), examples)) == 1
