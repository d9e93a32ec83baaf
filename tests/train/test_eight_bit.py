import pytest
import torch

from engine.job.channel import events_of
from engine.job.errors import JobError
from engine.job.events import Remark, Step
from engine.job.sections import TrainSection
from engine.library import compression
from engine.train.optimizer import Optimizer
from engine.train.session import train
from tests.train.tiny_runs import Crash, ScriptedDesk, crash_at, newest, run, tiny_job, told

pytest.importorskip("bitsandbytes")


def begun(bits, seed=0):
    """A large and a small weight, and an optimizer that remembers them in so many bits."""
    torch.manual_seed(seed)
    named = {"large": torch.nn.Parameter(torch.randn(80, 100)), "small": torch.nn.Parameter(torch.randn(7))}
    name = "adamw-8bit" if bits == 8 else "adamw"
    return named, Optimizer(named, TrainSection(optimizer=name, weight_decay=0.1, clip=0.0))


def steps(named, optimizer, numbers):
    for number in numbers:
        generator = torch.Generator().manual_seed(number)
        for weight in named.values():
            weight.grad = torch.randn(weight.shape, generator=generator)
        optimizer.correct(1e-2, optimizer.norm())


def test_it_goes_nearly_where_32_bits_go():
    (exact, precise), (near, coarse) = begun(32), begun(8)
    start = exact["large"].detach().clone()
    steps(exact, precise, range(20))
    steps(near, coarse, range(20))
    far = (exact["large"] - start).norm()
    assert 0 < (exact["large"] - near["large"]).norm() < 0.1 * far
    torch.testing.assert_close(exact["small"], near["small"])  # too small for 8 bits


def test_what_it_remembers_of_a_large_weight_is_a_quarter():
    (exact, precise), (near, coarse) = begun(32), begun(8)
    for named, optimizer in ((exact, precise), (near, coarse)):
        steps(named, optimizer, [0])

    def size(optimizer):
        kept = {key: value for key, value in optimizer.state().items() if key.endswith("/large")}
        return sum(value.numel() * value.element_size() for value in kept.values())

    assert size(coarse) < 0.27 * size(precise)


def test_restored_it_goes_on_to_the_last_bit():
    named, optimizer = begun(8)
    steps(named, optimizer, range(3))
    saved = {key: value.clone() for key, value in optimizer.state().items()}
    assert "qmap1/large" not in saved  # the same for all weights: stored with none
    other, resumed = begun(8, seed=1)
    with torch.no_grad():
        for name, weight in other.items():
            weight.copy_(named[name])
    resumed.restore(saved)
    steps(named, optimizer, range(3, 6))
    steps(other, resumed, range(3, 6))
    assert all(torch.equal(weight, other[name]) for name, weight in named.items())
    after = resumed.state()
    assert all(torch.equal(value, after[key]) for key, value in optimizer.state().items())


@pytest.mark.parametrize(("was", "would_be"), [(8, 32), (32, 8)])
def test_a_checkpoint_is_gone_on_with_in_its_own_bits(was, would_be):
    named, optimizer = begun(was)
    steps(named, optimizer, range(3))
    other, resumed = begun(would_be)
    with torch.no_grad():
        for name, weight in other.items():
            weight.copy_(named[name])
    resumed.restore(optimizer.state())
    steps(named, optimizer, range(3, 5))
    steps(other, resumed, range(3, 5))
    assert all(torch.equal(weight, other[name]) for name, weight in named.items())


@pytest.mark.parametrize("way", ["off", "on"])
def test_a_run_goes_on_after_a_crash_as_if_nothing_had_happened(way, tmp_path):
    values = {"optimizer": "adamw-8bit", "step_in_backward": way, "steps": 4}
    job = tiny_job(tmp_path, adapter="full", train=values)
    whole = told(run(job, tmp_path / "whole"), Step)
    with pytest.raises(Crash):
        run(job, tmp_path / "crashed", crash_at(3))
    folder = tmp_path / "crashed"
    train(job, ScriptedDesk(folder), newest(folder))
    resumed = {step.step: step.loss for step in told(events_of(folder), Step)}
    assert resumed == {step.step: step.loss for step in whole}


def test_where_it_is_not_installed_it_is_refused_in_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(compression, "find_spec", lambda name: None)
    job = tiny_job(tmp_path, train={"optimizer": "adamw-8bit"})
    with pytest.raises(JobError, match="needs the package bitsandbytes") as error:
        run(job, tmp_path / "run")
    assert "'train.optimizer'" in error.value.advice


def test_an_apple_gpu_has_none():
    assert "Apple" in compression.optimizer_problem_on("mps")
    assert compression.optimizer_problem_on("cuda") == compression.optimizer_problem_on("cpu") == ""


def test_by_itself_it_is_not_taken_where_memory_is_enough(tmp_path):
    events = run(tiny_job(tmp_path, adapter="full"), tmp_path / "run")
    assert not [remark for remark in told(events, Remark) if "8 bits" in remark.title]
