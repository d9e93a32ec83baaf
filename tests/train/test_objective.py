import pytest
import torch

from engine.job.job import job_from_values
from engine.models import tiles
from engine.models.head import head_of
from engine.train.batches import collate
from engine.train.forward import Policy, scored_logits
from engine.train.objective import objective_of
from tests.models.tiny_models import tiny_model
from tests.train.tiny_runs import example


@pytest.mark.parametrize("family", ["llama", "gemma2"])
def test_label_smoothing_from_tiles_equals_torch_cross_entropy(family, monkeypatch):
    monkeypatch.setitem(tiles._WIDTHS, "cpu", (48, 48))
    model, batch = tiny_model(family), collate([example(0, 12), example(1, 5)])
    job = job_from_values({"method": {"kind": "sft", "label_smoothing": 0.1}})
    objective = objective_of(job, Policy(model, "cpu", head=head_of(model)), None)
    loss = objective.over([], 1)(batch)
    expected = torch.nn.functional.cross_entropy(
        scored_logits(model, batch), batch.targets, label_smoothing=0.1
    )
    assert loss.mean().item() == pytest.approx(expected.item(), rel=1e-6)
    (found,) = torch.autograd.grad(loss.mean(), model.model.norm.weight)
    (wanted,) = torch.autograd.grad(expected, model.model.norm.weight)
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-6)
