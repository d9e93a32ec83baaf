"""Runs whose model has experts, after training: in Compare, as the beginning of another run, and exported."""

import json
import subprocess
import sys

import pytest
import torch

from engine.job.channel import ADAPTER, events_of
from engine.job.errors import ModelError
from engine.job.events import Check, Remark, Step
from engine.job.tasks import ExportTask
from engine.library.runs import create_run
from engine.models.load import load_model
from engine.use import reopen, stranger
from engine.use.export import export
from engine.use.open import open_beside, open_model
from engine.use.places import find_place
from tests.models.all_families import model_of
from tests.models.tiny_models import tiny_model, tiny_tokenizer
from tests.train.tiny_runs import ScriptedDesk, run, tiny_job, told
from tests.use import gguf_forward

IDS = torch.arange(3, 35).reshape(2, 16)
STEPS = {"steps": 4, "batch_size": 4, "learning_rate": 1e-2}
UPCYCLE = {"kind": "upcycle", "experts": 4}
MIXTURES = ["mixtral", "qwen2-moe", "qwen3-moe", "olmoe"]
READS_IT = """
import sys, torch
from transformers import AutoModelForCausalLM
model, report = AutoModelForCausalLM.from_pretrained(sys.argv[1], output_loading_info=True)
assert not report["missing_keys"] and not report["unexpected_keys"], report
assert not any(name.split(".")[0] in ("engine", "peft") for name in sys.modules)
ids = torch.arange(3, 35).reshape(2, 16)
with torch.no_grad():
    torch.save((type(model).__name__, model.eval()(input_ids=ids).logits), sys.argv[2])
"""


@pytest.fixture
def quick(monkeypatch):
    """The stranger's script in this process: starting one takes most of the time."""

    def answer(arguments, log, answered, stopped):
        reopen.main(*arguments)
        return ""

    monkeypatch.setattr(stranger, "_run", answer)


def trained(folder, **choices):
    folder.mkdir(exist_ok=True)
    job = tiny_job(folder, train=STEPS, **choices)
    place = create_run(job)
    run(job, place)
    return place


def exported(place, folder, form="merged", **more):
    (folder / "task").mkdir()
    desk = ScriptedDesk(folder / "task")
    export(ExportTask(run=str(place), format=form, out=str(folder / "out"), **more), desk)
    return told(events_of(folder / "task"), Check)


def logits(model):
    with torch.no_grad():
        return model(input_ids=IDS).logits


@pytest.mark.parametrize("adapter", ["full", "lora"])
@pytest.mark.parametrize("family", ["llama", "mistral", "qwen2", "qwen3"])
def test_a_grown_model_answers_as_its_export_does_for_a_stranger(family, adapter, tmp_path, quick):
    place = trained(tmp_path / "work", adapter=adapter, family=family, moe=UPCYCLE)
    opened = open_model(str(place))
    checks = exported(place, tmp_path)
    assert all(line.passed for line in checks), checks
    name, found = told_by_a_stranger(tmp_path)
    assert name == type(opened.model).__name__
    assert (found - logits(opened.model)).abs().max() < 1e-5
    config = json.loads((tmp_path / "out" / "config.json").read_text())
    assert not config.get("output_router_logits")
    assert config.get("norm_topk_prob", True) is True
    assert not (tmp_path / "out" / "adapter_config.json").exists()
    card = (tmp_path / "out" / "README.md").read_text()
    assert ("transformers and vLLM only" in card) == (family == "qwen2")


@pytest.mark.slow(reason="a process that imports transformers")
@pytest.mark.parametrize("adapter", ["full", "lora"])
def test_in_16_bits_the_export_agrees_with_it_but_for_near_ties(adapter, tmp_path, quick):
    place = trained(tmp_path / "work", adapter=adapter, moe=UPCYCLE)
    checks = exported(place, tmp_path, type="bfloat16")
    assert all(line.passed for line in checks), checks
    expected = logits(open_model(str(place)).model).log_softmax(-1)
    found = told_by_a_stranger(tmp_path)[1].float().log_softmax(-1)
    assert (expected.exp() * (expected - found)).sum(-1).mean() < 0.05
    assert (expected.argmax(-1) == found.argmax(-1)).float().mean() > 0.9


def told_by_a_stranger(folder):
    """The class that stock transformers opens the export as, and its logits."""
    command = [sys.executable, "-P", "-c", READS_IT, str(folder / "out"), str(folder / "out.pt")]
    subprocess.run(command, check=True, capture_output=True, cwd=folder)
    return torch.load(folder / "out.pt")


@pytest.mark.parametrize("adapter", ["full", "lora"])
def test_compare_shows_the_very_model_that_was_trained(adapter, tmp_path):
    """Its loss goes on where training ended: the experts are made again as they were."""
    place = trained(tmp_path / "work", adapter=adapter, moe=UPCYCLE)
    beside = open_beside(find_place(str(place)))
    built_in = open_model(str(place))
    assert (logits(beside.model) - logits(built_in.model)).abs().max() < 1e-4
    step = open_model(f"{place}@4")
    assert torch.equal(logits(step.model), logits(built_in.model))
    assert not torch.equal(
        logits(step.model), logits(load_model(find_place(str(place)).base, "float32").model)
    )


def test_columns_of_the_dense_base_and_the_grown_model_share_nothing_that_changes(tmp_path):
    place, bases = trained(tmp_path / "work", adapter="lora", moe=UPCYCLE), {}
    dense = open_model(str(tmp_path / "work" / "model"), bases=bases)
    before = logits(dense.model)
    open_model(str(place), bases=bases)
    again = open_model(str(tmp_path / "work" / "model"), bases=bases)
    assert torch.equal(logits(again.model), before)
    assert type(again.model).__name__ == "LlamaForCausalLM"


def test_an_adapter_beside_grown_experts_does_not_leave_alone(tmp_path):
    place = trained(tmp_path / "work", adapter="lora", moe=UPCYCLE)
    with pytest.raises(ModelError, match="beside experts that its base does not have"):
        exported(place, tmp_path, "adapter")


def test_another_run_begins_from_a_grown_model_as_from_any_with_experts(tmp_path):
    place = trained(tmp_path / "work", adapter="full", moe=UPCYCLE)
    second = tiny_job(tmp_path / "work", adapter="lora", train=STEPS, model={"source": str(place)})
    events = run(second, tmp_path / "second")
    assert not [event for event in told(events, Remark) if event.title.startswith("Grown")]
    assert len(told(events, Step)) == 4
    adapter = json.loads((tmp_path / "second" / ADAPTER / "adapter_config.json").read_text())
    assert adapter["target_parameters"] == ["mlp.experts.down_proj", "mlp.experts.gate_up_proj"]
    again = tiny_job(
        tmp_path / "work", adapter="full", train=STEPS, model={"source": str(place)}, moe=UPCYCLE
    )
    with pytest.raises(ModelError, match="has experts already"):
        run(again, tmp_path / "third")


def test_what_learned_beside_grown_experts_is_no_beginning_until_it_is_exported(tmp_path):
    place = trained(tmp_path / "work", adapter="lora", moe=UPCYCLE)
    second = tiny_job(tmp_path / "work", train=STEPS, model={"source": str(place)})
    with pytest.raises(ModelError, match="learned beside experts that it grew") as error:
        run(second, tmp_path / "second")
    assert "Export it as one complete model" in error.value.advice


def test_gguf_of_qwen2s_experts_is_refused_with_the_reason(tmp_path):
    place = trained(tmp_path / "work", adapter="full", family="qwen2", moe=UPCYCLE)
    with pytest.raises(ModelError, match="weighs the experts of Qwen2-MoE models in another way"):
        exported(place, tmp_path, "gguf")


@pytest.mark.parametrize("adapter", ["full", "lora"])
@pytest.mark.parametrize("family", ["llama", "mistral", "qwen3"])
def test_a_grown_model_is_one_file_for_a_chat_program(family, adapter, tmp_path, quick):
    place = trained(tmp_path / "work", adapter=adapter, family=family, moe=UPCYCLE)
    checks = exported(place, tmp_path, "gguf", type="f32")
    assert all(line.passed for line in checks), checks
    (file,) = (tmp_path / "out").glob("*.gguf")
    found = gguf_forward.logits(file, IDS)
    assert (found - logits(open_model(str(place)).model)).abs().max() < 1e-4


@pytest.mark.parametrize("family", ["mixtral", "qwen3-moe"])
def test_so_is_lora_on_a_model_with_experts(family, tmp_path, quick):
    (tmp_path / "work").mkdir()
    model_of(family).save_pretrained(tmp_path / "work" / "model")
    tiny_tokenizer().save_pretrained(tmp_path / "work" / "model")
    place = trained(tmp_path / "work", adapter="lora", moe={"train_router": True})
    checks = exported(place, tmp_path, "gguf", type="f32")
    assert all(line.passed for line in checks), checks
    (file,) = (tmp_path / "out").glob("*.gguf")
    found = gguf_forward.logits(file, IDS)
    assert (found - logits(open_model(str(place)).model)).abs().max() < 1e-4


@pytest.mark.parametrize("form", ["merged", "adapter"])
@pytest.mark.parametrize("family", MIXTURES)
def test_lora_on_a_model_with_experts_is_exported_in_both_forms(family, form, tmp_path, quick):
    (tmp_path / "work").mkdir()
    model_of(family).save_pretrained(tmp_path / "work" / "model")
    tiny_tokenizer().save_pretrained(tmp_path / "work" / "model")
    place = trained(tmp_path / "work", adapter="lora", moe={"train_router": True})
    checks = exported(place, tmp_path, form)
    assert all(line.passed for line in checks), checks


@pytest.mark.slow(reason="a process that imports transformers, for every family")
@pytest.mark.parametrize("family", MIXTURES)
def test_a_base_that_tells_its_routers_scores_leaves_without_them_for_a_stranger(family, tmp_path, quick):
    (tmp_path / "work").mkdir()
    model = model_of(family)
    model.config.output_router_logits = True
    model.save_pretrained(tmp_path / "work" / "model")
    tiny_tokenizer().save_pretrained(tmp_path / "work" / "model")
    place = trained(tmp_path / "work", adapter="lora", moe={"train_router": True})
    exported(place, tmp_path)
    config = json.loads((tmp_path / "out" / "config.json").read_text())
    assert not config.get("output_router_logits")
    assert config.get("norm_topk_prob") == getattr(model.config, "norm_topk_prob", None)
    name, found = told_by_a_stranger(tmp_path)
    assert name == type(model).__name__
    assert (found - logits(open_model(str(place)).model)).abs().max() < 1e-4


def test_assembled_models_are_trained_and_leave_as_one(tmp_path, quick):
    work = tmp_path / "work"
    sources = []
    for seed in (1, 2):
        model = tiny_model()
        for name, weight in model.named_parameters():
            if ".mlp." in name:
                weight.data += 0.1 * torch.randn(weight.shape, generator=torch.Generator().manual_seed(seed))
        model.save_pretrained(tmp_path / f"source-{seed}")
        tiny_tokenizer().save_pretrained(tmp_path / f"source-{seed}")
        (tmp_path / f"topic-{seed}.txt").write_text(["the lazy dog\nbrown fox", "12 + 34\n46"][seed - 1])
        sources.append(str(tmp_path / f"source-{seed}"))
    topics = [str(tmp_path / f"topic-{seed}.txt") for seed in (1, 2)]
    assembled = {"kind": "assemble", "sources": sources, "prompts": topics}
    place = trained(work, adapter="full", moe=assembled)
    remarks = told(events_of(place), Remark)
    assert any(remark.title.startswith("Assembled 2 models into one: ") for remark in remarks)
    opened = open_model(str(place))
    stored = load_model(tmp_path / "source-2", "float32", "cpu").model
    block = opened.model.model.layers[0].mlp
    assert torch.equal(
        block.experts.down_proj[1], stored.model.layers[0].mlp.down_proj.weight
    )  # only routers learned
    checks = exported(place, tmp_path)
    assert all(line.passed for line in checks), checks
