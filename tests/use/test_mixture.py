"""A mixture of LoRA experts taken away: a stock model of experts that a stranger opens and that computes the same."""

import json
import subprocess
import sys
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from engine.job.adapters import ADAPTERS
from engine.job.channel import ADAPTER, Desk, events_of
from engine.job.errors import ModelError
from engine.job.events import Check, Exported
from engine.job.job import Job, choose
from engine.job.moe import MOE
from engine.job.record import update_record
from engine.job.sections import DataSource, ModelSection, WatchSection
from engine.job.tasks import ExportTask
from engine.library.export_plan import plan_export, written_as
from engine.library.lora_mixture import NOT_DENSE
from engine.library.models import check_model
from engine.library.runs import create_run
from engine.models.adapters import save_adapter
from engine.models.load import load_model
from engine.models.stock_mixture import as_stock
from engine.use import reopen, stranger
from engine.use.export import export
from engine.use.mixture import Nearness, near_enough, nearness
from engine.use.open import open_model
from engine.use.trial import Trial
from tests.models.test_lora_experts import IDS, logits, mixture
from tests.use import gguf_forward
from tests.use.tuned_runs import data_file, saved_model

STOCK = {"llama": "mixtral", "mistral": "mixtral", "qwen2": "qwen2_moe", "qwen3": "qwen3_moe"}
ODD = {
    "llama": {"rope_theta": 5000.0, "tie_word_embeddings": True},
    "mistral": {"sliding_window": 6},
    "qwen2": {"rms_norm_eps": 1e-3},
    "qwen3": {"head_dim": 16},
}


@pytest.fixture
def quick(monkeypatch):
    """The stranger's script in this process: starting one takes most of the time."""
    monkeypatch.setattr(stranger, "_run", lambda arguments, *_: reopen.main(*arguments) or "")


def tuned_run(folder, family="llama", experts=4, top_k=2, dtype=torch.float32, moved=0.1, **changes):
    """A finished run whose experts were moved at random, and its base's folder."""
    base = saved_model(folder / "base", family, dtype=dtype, **changes)
    job = Job(
        name="mixture",
        model=ModelSection(source=str(base)),
        data=(DataSource(path=str(data_file(folder))),),
        adapter=choose(ADAPTERS, "lora", "adapter", {"rank": 4}),
        moe=choose(MOE, "lora-experts", "moe", {"experts": experts, "top_k": top_k}),
        watch=WatchSection(prompts=("how are you?",), sample_tokens=8),
    )
    run = create_run(job)
    model = load_model(base, "float32", "cpu").model
    torch.manual_seed(2)
    tuned = mixture_on(model, job, moved)
    save_adapter(tuned, run / ADAPTER)
    update_record(run, status="done", step=7, steps=7)
    return run, job, base


def mixture_on(model, job, moved):
    from engine.models.adapters import name_base, trained_parameters
    from engine.models.lora_experts import add_lora_experts

    tuned = add_lora_experts(model, job)
    name_base(tuned, job.model.source)
    with torch.no_grad():
        for weight in trained_parameters(tuned).values():
            weight.add_(torch.randn_like(weight) * moved)
    return tuned.eval()


def exported(run, folder, **changes):
    desk = folder / "task"
    desk.mkdir()
    export(ExportTask(run=str(run), out=str(folder / "out"), **changes), Desk(desk))
    return folder / "out", events_of(desk)


@pytest.mark.parametrize(
    ("family", "experts", "top_k"), [(f, 4, 2) for f in STOCK] + [("llama", 8, 4), ("qwen3", 2, 2)]
)
def test_the_stock_model_computes_what_was_trained_also_from_disk(family, experts, top_k, tmp_path):
    tuned, _ = mixture(family, experts, top_k, moved=0.1, **ODD[family])
    expected = logits(tuned)
    found = as_stock(tuned, torch.float32)
    assert found.model.config.model_type == STOCK[family]
    assert (found.layers, found.layers_changed, found.rounding) == (2, 2, 0.0)
    torch.testing.assert_close(logits(found.model), expected, atol=1e-4, rtol=0)
    found.model.save_pretrained(tmp_path)
    again, report = AutoModelForCausalLM.from_pretrained(tmp_path, output_loading_info=True)
    assert not report["missing_keys"]
    assert not report["unexpected_keys"]
    torch.testing.assert_close(logits(again.eval()), expected, atol=1e-4, rtol=0)


STRANGER = """
import sys
import torch
from transformers import AutoModelForCausalLM
from safetensors.torch import save_file

model = AutoModelForCausalLM.from_pretrained(sys.argv[1]).eval()
with torch.no_grad():
    scores = model(input_ids=torch.arange(3, 35).reshape(2, 16)).logits
save_file({"scores": scores}, sys.argv[2])
assert not any(name.startswith(("engine", "tests")) for name in sys.modules)
"""


@pytest.mark.slow(reason="a process that imports transformers, for every family")
@pytest.mark.parametrize("family", STOCK)
def test_a_fresh_process_with_transformers_alone_computes_the_same(family, tmp_path, quick):
    run, _, _ = tuned_run(tmp_path, family, **ODD[family])
    expected = logits(open_model(str(run), "cpu").model)
    out, _ = exported(run, tmp_path, format="merged")
    found = told_by_a_stranger(out, tmp_path)
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=0)


@pytest.mark.slow(reason="a process that imports transformers")
@pytest.mark.parametrize("family", ["llama", "qwen3"])
def test_in_16_bits_a_fresh_process_agrees_but_for_near_ties(family, tmp_path, quick):
    run, _, _ = tuned_run(tmp_path, family, moved=0.02, initializer_range=0.1)
    expected = logits(open_model(str(run), "cpu").model).log_softmax(-1)
    out, _ = exported(run, tmp_path, format="merged", type="bfloat16")
    found = told_by_a_stranger(out, tmp_path).float().log_softmax(-1)
    assert (expected.exp() * (expected - found)).sum(-1).mean() < 0.05
    assert (expected.argmax(-1) == found.argmax(-1)).float().mean() > 0.9


def told_by_a_stranger(out, folder):
    arguments = [sys.executable, "-P", "-c", STRANGER, str(out), str(folder / "scores")]
    subprocess.run(arguments, check=True, cwd=folder, capture_output=True)
    return load_file(folder / "scores")["scores"]


@pytest.mark.parametrize("family", STOCK)
def test_the_export_passes_its_own_checks_and_says_what_it_is(family, tmp_path, quick):
    run, job, base = tuned_run(tmp_path, family)
    out, events = exported(run, tmp_path, format="merged")
    checks = [event for event in events if isinstance(event, Check)]
    assert len(checks) == 6
    assert all(check.passed for check in checks), checks
    config = json.loads((out / "config.json").read_text())
    assert config["model_type"] == STOCK[family]
    assert config.get("norm_topk_prob", True) is True
    assert config.get("output_router_logits", False) is False
    assert (config["num_experts_per_tok"], config["vocab_size"]) == (2, 400)
    assert not (out / "adapter_config.json").exists()
    card = (out / "README.md").read_text()
    assert NOT_DENSE in card
    assert ("llama.cpp" in card) == (family == "qwen2")
    size = plan_export(job, check_model(base), "merged", "float32")
    weights = sum(path.stat().st_size for path in out.glob("*.safetensors"))
    assert weights == pytest.approx(size.file_bytes, rel=0.05)  # beside the numbers stand their names
    found = check_model(out)
    assert (found.parameters, found.active) == (size.parameters, size.active)


def test_how_large_it_becomes_is_counted_by_hand(tmp_path):
    _, job, base = tuned_run(tmp_path)
    info = check_model(base)
    found = plan_export(job, info, "merged", "bfloat16")
    # Three more copies of three matrices of 32 x 48 in each of two layers, and a router of 4 x 32.
    assert found.parameters == info.parameters + 2 * (3 * 3 * 32 * 48 + 4 * 32)
    assert found.active == found.parameters - 2 * 2 * 3 * 32 * 48  # two of four experts rest
    assert found.file_bytes == found.memory_bytes == 2 * found.parameters
    assert written_as(job, info).model_type == "mixtral"


def test_in_16_bits_it_is_judged_by_divergence_and_agreement(tmp_path, quick):
    run, _, _ = tuned_run(tmp_path, moved=0.02)
    out, events = exported(run, tmp_path, format="merged", type="bfloat16")
    checks = [event for event in events if isinstance(event, Check)]
    assert "divergence" in checks[2].detail
    assert all(check.passed for check in checks), checks
    assert json.loads((out / "config.json").read_text())["dtype"] == "bfloat16"


def test_compare_answers_with_the_mixture_beside_its_base(tmp_path):
    run, job, base = tuned_run(tmp_path)
    opened = open_model(str(run), "cpu")
    model = load_model(base, "float32", "cpu").model
    torch.manual_seed(2)
    assert torch.equal(logits(opened.model), logits(mixture_on(model, job, 0.1)))
    assert opened.merged is None


def test_what_was_learned_can_leave_alone_in_our_own_format(tmp_path, quick):
    run, _, base = tuned_run(tmp_path)
    expected = logits(open_model(str(run), "cpu").model)
    out, events = exported(run, tmp_path, format="adapter")
    checks = [event for event in events if isinstance(event, Check)]
    assert all(check.passed for check in checks), checks
    assert isinstance(events[-1], Exported)
    config = json.loads((out / "adapter_config.json").read_text())
    assert (config["format"], config["kind"]) == ("tunewright", "lora-experts")
    assert config["base_model_name_or_path"] == str(base)
    assert torch.equal(logits(open_model(str(out), "cpu").model), expected)


@pytest.mark.parametrize(("family", "kind"), [("llama", "f32"), ("mistral", "q8_0"), ("qwen3", "f32")])
def test_one_file_for_a_chat_program_computes_what_was_trained(family, kind, tmp_path, quick):
    run, _, _ = tuned_run(tmp_path, family)
    expected = logits(open_model(str(run), "cpu").model)
    out, events = exported(run, tmp_path, format="gguf", type=kind)
    checks = [event for event in events if isinstance(event, Check)]
    assert len(checks) == 6
    assert all(check.passed for check in checks), checks
    (file,) = out.glob("*.gguf")
    found = gguf_forward.logits(file, IDS)
    if kind == "f32":
        torch.testing.assert_close(found, expected, atol=1e-4, rtol=0)
    assert (found.argmax(-1) == expected.argmax(-1)).float().mean() > 0.9


def test_one_file_for_a_chat_program_is_refused_for_qwen2_with_the_reason(tmp_path):
    run, _, _ = tuned_run(tmp_path, "qwen2")
    with pytest.raises(ModelError, match="in another way: not to a sum of one"):
        exported(run, tmp_path, format="gguf")
    assert not (tmp_path / "out").exists()


def test_nearness_by_hand():
    class Model(torch.nn.Module):
        def __init__(self, scores):
            super().__init__()
            self.scores = scores

        def forward(self, input_ids, use_cache):
            return type("Out", (), {"logits": self.scores})()

    one = torch.tensor([[[0.5, 0.25, 0.25], [0.2, 0.4, 0.4]]]).log()
    other = torch.tensor([[[0.25, 0.5, 0.25], [0.2, 0.4, 0.4]]]).log()
    trial = Trial(["x"], [[1, 2]], ["y"], [True], [])
    found = nearness(Model(one), Model(other), trial, "cpu")
    assert found.places == 2
    assert found.agreed == 0.5
    assert found.difference == pytest.approx(0.6931472, abs=1e-6)  # ln 2
    # .5 ln(.5 / .25) + .25 ln(.25 / .5) = .25 ln 2, over two places
    assert found.divergence == pytest.approx(0.125 * 0.6931472, abs=1e-6)


def test_a_model_that_predicts_otherwise_fails_the_receipt():
    same = Nearness(100, 1e-5, 1e-8, 1.0)
    assert near_enough(same, "float32").passed
    assert not near_enough(replace(same, difference=1e-2), "float32").passed
    assert near_enough(replace(same, difference=2.0, divergence=0.01, agreed=0.96), "bfloat16").passed
    assert not near_enough(replace(same, divergence=0.2), "bfloat16").passed
    assert not near_enough(replace(same, agreed=0.5), "bfloat16").passed
    assert not near_enough(replace(same, places=0), "float32").passed


def test_a_swapped_router_would_be_noticed():
    tuned, _ = mixture(moved=0.1)
    expected = logits(tuned)
    stock = as_stock(tuned, torch.float32).model
    with torch.no_grad():
        gate = stock.model.layers[0].mlp.gate.weight
        gate.copy_(gate.flip(0))
    trial = Trial(["x"], IDS.tolist(), ["y"], [True], [])

    class Before(torch.nn.Module):
        def forward(self, input_ids, use_cache):
            row = IDS.tolist().index(input_ids[0].tolist())
            return type("Out", (), {"logits": expected[row : row + 1]})()

    assert not near_enough(nearness(Before(), stock, trial, "cpu"), "float32").passed
