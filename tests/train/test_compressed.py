"""QLoRA: an adapter beside weights of 4 bits, on the processor; what it learned on the full weights afterwards."""

import pytest
import torch
from safetensors.torch import load_file

from engine.job.errors import JobError
from engine.job.events import Prepared, Step
from engine.library import compression
from engine.library.compression import problem_on, quantization_problem
from engine.library.devices import Device, Machine
from engine.models.adapters import load_adapter, merge
from engine.models.load import load_model
from tests.models.every_adapter import IDS, logits
from tests.models.tiny_folders import tiny_folder
from tests.train.tiny_runs import Crash, crash_at, newest, run, tiny_job, told

NF4 = {"quantization": "nf4"}


def wide_folder(folder):
    """A model whose widths divide by 64, as compressed blocks need."""
    return tiny_folder(folder, hidden_size=64, intermediate_size=128)


def compressed_job(folder, method="sft", adapter="lora", **train):
    wide_folder(folder / "model")
    return tiny_job(folder, method, adapter, model=NF4, train={"learning_rate": 1e-2, **train})


def machine(kind):
    return Machine("test", 4, 8, 8, (Device(kind, kind, 8, 8),))


def test_the_matrices_are_compressed_and_the_rest_is_not(tmp_path):
    folder = wide_folder(tmp_path / "model")
    whole = load_model(folder, "float32", "cpu").model
    loaded = load_model(folder, "float32", "cpu", "nf4")
    small = loaded.model
    assert small.model.layers[0].mlp.up_proj.weight.dtype == torch.uint8
    # Two numbers in a byte.
    assert (
        small.model.layers[0].mlp.up_proj.weight.numel() * 2
        == whole.model.layers[0].mlp.up_proj.weight.numel()
    )
    assert torch.equal(small.model.embed_tokens.weight, whole.model.embed_tokens.weight)
    hidden = torch.randn(5, 64)
    exact = whole.model.layers[0].mlp.up_proj(hidden)
    error = (small.model.layers[0].mlp.up_proj(hidden) - exact).norm() / exact.norm()
    assert 0 < error < 0.15


@pytest.mark.parametrize("adapter", ["lora", "dora", "bottleneck"])
@pytest.mark.parametrize("method", ["sft", "dpo"])
def test_an_adapter_learns_beside_them_and_fits_the_full_weights(adapter, method, tmp_path):
    job = compressed_job(tmp_path, method, adapter, steps=8, batch_size=12)
    events = run(job, tmp_path / "run")
    steps = told(events, Step)
    assert steps[-1].loss < steps[0].loss
    assert told(events, Prepared)[0].dtype == "float32"
    base = load_model(tmp_path / "model", "float32", "cpu").model
    before = logits(base)
    learned = load_adapter(base, tmp_path / "run" / "adapter")
    assert not torch.equal(logits(learned), before)
    if adapter in ("lora", "dora"):
        expected = logits(learned)
        torch.testing.assert_close(logits(merge(learned)), expected, atol=1e-4, rtol=1e-4)


def test_only_the_adapter_learns_in_float32(tmp_path):
    prepared = told(run(compressed_job(tmp_path), tmp_path / "run"), Prepared)[0]
    # Rank 4 on q, k, v, o (64 wide, keys 32) and three matrices of 64 x 128, in each of two layers.
    each = 4 * (2 * (64 + 64) + 2 * (64 + 32) + 3 * (64 + 128))
    assert prepared.parameters_trained == 2 * each
    state = load_file(tmp_path / "run" / "adapter" / "adapter_model.safetensors")
    assert {weight.dtype for weight in state.values()} == {torch.float32}


def test_it_resumes_bit_for_bit(tmp_path):
    job = compressed_job(tmp_path, steps=4)
    run(job, tmp_path / "whole")
    with pytest.raises(Crash):
        run(job, tmp_path / "cut", crash_at(3))
    run(job, tmp_path / "cut", resume_from=newest(tmp_path / "cut"))
    name = "adapter_model.safetensors"
    one, other = (load_file(tmp_path / run_name / "adapter" / name) for run_name in ("whole", "cut"))
    assert all(torch.equal(one[key], other[key]) for key in one)


def test_it_computes_alike_before_and_after_an_answer(tmp_path):
    model = load_model(wide_folder(tmp_path / "model"), "float32", "cpu", "nf4").model.train()
    before = model(input_ids=IDS).logits.detach()
    logits(model)
    assert torch.equal(model.train()(input_ids=IDS).logits.detach(), before)


@pytest.mark.parametrize("adapter", ["full", "freeze", "layernorm", "oft", "ia3", "prefix"])
def test_what_would_change_compressed_weights_is_refused_in_words(adapter, tmp_path):
    with pytest.raises(JobError, match=r"model\.quantization"):
        run(tiny_job(tmp_path, adapter=adapter, model=NF4), tmp_path / "run")


def test_where_it_cannot_be_done_the_reason_is_told(tmp_path, monkeypatch):
    assert problem_on("cpu") == problem_on("cuda") == quantization_problem(machine("cpu")) == ""
    assert "Apple" in quantization_problem(machine("mps"))
    monkeypatch.setattr(compression, "find_spec", lambda name: None)
    assert "bitsandbytes" in quantization_problem(machine("cuda"))
    with pytest.raises(JobError, match="bitsandbytes"):
        load_model(tiny_folder(tmp_path / "model"), "float32", "cpu", "nf4")


def test_widths_that_blocks_do_not_divide_are_refused(tmp_path):
    with pytest.raises(JobError, match="64 does not divide"):
        load_model(tiny_folder(tmp_path / "model"), "float32", "cpu", "nf4")
