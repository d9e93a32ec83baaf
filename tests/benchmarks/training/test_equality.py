import math

import pytest
import torch

from benchmarks.training import equality
from benchmarks.training.cases import Case, Texts
from benchmarks.training.equality import Gradients, difference
from benchmarks.training.ours import job_for
from benchmarks.training.texts import write_rows

# Each imports transformers and TRL and builds trainers.
pytestmark = pytest.mark.slow


def gradients(loss, **by_matrix):
    return Gradients(loss, {name: torch.tensor(values) for name, values in by_matrix.items()})


def test_the_worst_matrix_is_told_relative_to_its_size():
    # (3, 4) is 5 long: off by 0.001 is 2e-4 of it.
    found = difference(
        gradients(2.0, a=[3.0, 4.001], b=[1.0, 0.0]), gradients(2.0, a=[3.0, 4.0], b=[1.0, 0.0])
    )
    assert found.gradient == pytest.approx(2e-4, rel=1e-2)
    assert found.worst == "a"
    assert not found.is_small("sft")
    assert not found.is_small("dpo")


def test_the_loss_and_what_is_no_number_are_noticed():
    same = {"a": [3.0, 4.0]}
    assert difference(gradients(2.0, **same), gradients(2.0, **same)).is_small("sft")
    assert not difference(gradients(2.0, **same), gradients(2.00002, **same)).is_small("sft")
    assert not difference(gradients(2.0, a=[math.nan, 4.0]), gradients(2.0, **same)).is_small("sft")


def test_a_matrix_on_one_side_alone_is_refused():
    with pytest.raises(RuntimeError, match="other matrices"):
        difference(gradients(2.0, a=[3.0]), gradients(2.0, a=[3.0], b=[1.0]))


@pytest.mark.parametrize("method", ["sft", "dpo"])
def test_our_run_has_the_loss_and_gradients_of_trl(tmp_path, method):
    found = equality.compared("Gemma2", method, tmp_path)
    assert found.is_small(method), found


def test_a_run_that_trains_otherwise_is_noticed(tmp_path):
    """A twentieth more of the adapter's weight, in the run itself."""
    model = equality.tiny_model("Llama", tmp_path / "model")
    case = Case("Llama", "", "sft", 4, 1, Texts(70, 20, longest=256), ())
    data = write_rows(case, equality.WORDS, tmp_path / "rows.jsonl")
    changes = {"model": {"source": str(model), "dtype": "float32"}, "adapter": {"alpha": 33.6}}
    ours = equality.ours(job_for(case, model, data, changes), tmp_path / "run")
    assert not difference(ours, equality.theirs("sft", model, data, tmp_path / "trl")).is_small("sft")
