from types import SimpleNamespace

import pytest
import torch

from engine.job.channel import Desk, events_of
from engine.job.events import Remark
from engine.job.job import job_from_values
from engine.library.memory_plan import Plan
from engine.train import fitting
from engine.train.fitting import fit_into_memory, optimizer_for
from engine.train.in_backward import InBackward
from engine.train.memory import Fit, bound_memory
from tests.models.every_adapter import adapted
from tests.models.test_recomputing import counted, step
from tests.train.tiny_runs import run, tiny_job, told


class Loaded:
    """What is asked of a loaded model: where it is, and its layers."""

    def __init__(self, device="cpu"):
        self.device, self.info = device, SimpleNamespace(layers=2)


def titles(folder):
    return [event.title for event in events_of(folder)]


def test_the_plan_is_followed_and_more_is_done_when_memory_runs_out(tmp_path):
    model = adapted("lora")
    passes = counted(model)
    fit = Fit(Plan(4, 1), least=4, layers=2)
    rows = fit_into_memory(job_from_values({}), model, fit, Loaded(), Desk(tmp_path))
    assert rows.size == 4
    step(model)
    assert passes == [2, 1]
    failures = iter([torch.OutOfMemoryError("CUDA out of memory.")])

    def work(size):
        for failure in failures:
            raise failure
        step(model)
        return size

    assert rows.fitting(work) == 4
    assert passes == [4, 3]
    assert titles(tmp_path)[0] == "To fit into memory, 1 of 2 layers is computed again on the way back."


@pytest.mark.parametrize("fit", [Fit(Plan(1)), Fit(Plan(1, 2), layers=2)])
def test_where_no_more_layers_may_be_computed_again_rows_alone_can_be_fewer(fit, tmp_path):
    job = job_from_values({"train": {"checkpointing": "on"}})
    rows = fit_into_memory(job, adapted("lora"), fit, Loaded(), Desk(tmp_path))
    with pytest.raises(Exception, match="single row"):
        rows.fitting(lambda size: (_ for _ in ()).throw(torch.OutOfMemoryError("CUDA out of memory.")))
    assert titles(tmp_path) == []  # what was asked for is not told


def test_kept_values_go_to_main_memory_from_an_nvidia_gpu_alone(tmp_path, monkeypatch):
    moved = []
    monkeypatch.setattr(fitting, "offload_layers", moved.append)
    job, model = job_from_values({"train": {"offload": True}}), adapted("lora")
    fit_into_memory(job, model, Fit(Plan(1)), Loaded("cuda"), Desk(tmp_path))
    assert moved == [model]
    assert titles(tmp_path) == []
    events = run(tiny_job(tmp_path, train={"offload": True, "steps": 1}), tmp_path / "run")
    assert moved == [model]
    assert [remark.title for remark in told(events, Remark)] == [
        "Intermediate values stay where they are: only an NVIDIA GPU has a memory of its own."
    ]


@pytest.mark.parametrize(
    ("plan", "values", "words"),
    [
        (Plan(4), {}, []),
        (Plan(4, optimizer="adamw-8bit"), {}, ["remembers in 8 bits"]),
        (Plan(4, optimizer="adamw-8bit"), {"optimizer": "adamw-8bit"}, []),
        (Plan(4, in_backward=True), {}, ["cut off in each by itself"]),
        (Plan(4, in_backward=True), {"clip": 0.0}, []),
        (Plan(4, in_backward=True), {"step_in_backward": "on"}, []),
        (Plan(4), {"step_in_backward": "on"}, ["corrected all together"]),
    ],
)
def test_what_was_chosen_unasked_is_told(plan, values, words, tmp_path):
    pytest.importorskip("bitsandbytes")
    job = job_from_values({"train": values})
    weight = {"w": torch.nn.Parameter(torch.ones(80, 80))}
    optimizer = optimizer_for(job, plan, weight, lambda name: 1.0, Desk(tmp_path))
    assert isinstance(optimizer, InBackward) == plan.in_backward
    weight["w"].grad = torch.ones(80, 80)
    optimizer.correct(1e-3, optimizer.norm())
    assert any(key.startswith("state1/") for key in optimizer.state()) == (plan.optimizer == "adamw-8bit")
    found = titles(tmp_path)
    assert len(found) == len(words)
    assert all(part in title for part, title in zip(words, found, strict=True))


def test_an_apple_gpu_says_where_its_own_limit_is_unless_someone_set_another(monkeypatch):
    shares = []
    monkeypatch.setattr(torch.mps, "set_per_process_memory_fraction", shares.append)
    monkeypatch.delenv("PYTORCH_MPS_HIGH_WATERMARK_RATIO", raising=False)
    for device in ("cpu", "cuda", "mps"):
        bound_memory(device)
    assert shares == [1.0]
    monkeypatch.setenv("PYTORCH_MPS_HIGH_WATERMARK_RATIO", "0.0")
    bound_memory("mps")
    assert shares == [1.0]
