import dataclasses
import json
import math
import shutil
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from engine.job.adapters import ADAPTERS
from engine.job.commands import Save
from engine.job.errors import DataError, JobError, TrainingError
from engine.job.events import (
    Evaluated,
    Phase,
    Prepared,
    Remark,
    Sampled,
    Saved,
    Step,
    Trained,
)
from engine.job.methods import METHODS
from engine.job.record import RunRecord, read_record, write_record
from engine.library.memory_plan import Plan
from engine.models.generate import answer_ends, generate
from engine.models.load import load_model
from engine.models.recomputing import recompute_layers
from engine.train import fitting, loop, memory
from engine.train.session import train
from tests.models.tiny_models import FAMILIES, tiny_model, tiny_tokenizer
from tests.train.tiny_runs import WORDS, ScriptedDesk, newest, once, run, tiny_job, told, write_rows


@pytest.mark.parametrize("adapter", ["lora", "full"])
@pytest.mark.parametrize("method", METHODS)
def test_every_method_trains_with_every_adapter(method, adapter, tmp_path):
    events = run(tiny_job(tmp_path, method, adapter), tmp_path / "run")
    steps = told(events, Step)
    assert [step.step for step in steps] == [1, 2, 3]
    assert all(math.isfinite(step.loss) and step.gradient_norm > 0 for step in steps)
    lines = [line for chart in METHODS[method].charts for line in chart.lines]
    assert {line.metric for line in lines if not line.of_checks} - {"loss"} <= steps[-1].metrics.keys()
    (*_, check) = told(events, Evaluated)
    assert {line.metric for line in lines if line.of_checks} <= check.metrics.keys()
    assert told(events, Trained)[0].adapter == "adapter"
    assert told(events, Saved)[-1].step == 3
    moved = load_result(tmp_path, adapter).state_dict()
    before = load_model(tmp_path / "model", "float32", "cpu").model.state_dict()
    assert any(not torch.equal(moved[name], before[name]) for name in before)


def load_result(tmp_path, adapter):
    """The result as stock transformers and PEFT load it, the adapter built in."""
    if adapter == "full":
        return AutoModelForCausalLM.from_pretrained(tmp_path / "run" / "adapter", dtype=torch.float32)
    base = AutoModelForCausalLM.from_pretrained(tmp_path / "model", dtype=torch.float32)
    return PeftModel.from_pretrained(base, tmp_path / "run" / "adapter").merge_and_unload()


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_trains(family, tmp_path):
    job = tiny_job(tmp_path, family=family, train={"steps": 1})
    assert len(told(run(job, tmp_path / "run"), Step)) == 1


def test_the_story_is_told_in_order(tmp_path):
    events = run(tiny_job(tmp_path), tmp_path / "run")
    phases = [phase.name for phase in told(events, Phase)]
    assert phases == ["model", "rows", "first-step", "training", "saving"]
    kinds = [type(event) for event in events]
    assert kinds.index(Prepared) < kinds.index(Step) < kinds.index(Sampled) < kinds.index(Evaluated)
    assert kinds[-1] is Trained
    assert told(events, Sampled)[0].step == 0


@pytest.mark.parametrize("adapter", ["lora", "full"])
def test_the_first_samples_are_those_of_the_untrained_model_wherever_they_are_taken(adapter, tmp_path):
    """With an adapter the first update does not wait for them; where weights themselves learn it must."""
    job = tiny_job(tmp_path, adapter=adapter, train={"steps": 1, "learning_rate": 1.0})
    events = run(job, tmp_path / "run")
    kinds = [type(event) for event in events]
    assert (kinds.index(Step) < kinds.index(Sampled)) == (adapter == "lora")
    untrained = {event.prompt: event.answer for event in told(events, Sampled) if event.step == 0}
    loaded = load_model(tmp_path / "model", "float32", "cpu")
    ends = answer_ends(loaded.model, loaded.tokenizer)
    for prompt, answer in untrained.items():
        asked = generate(
            loaded.model, loaded.tokenizer, prompt, seed=42, temperature=0.0, max_new_tokens=4, end_ids=ends
        )
        assert answer == asked.text
    assert untrained != {event.prompt: event.answer for event in told(events, Sampled) if event.step == 1}


def test_prepared_and_steps_hold_the_true_numbers(tmp_path):
    events = run(tiny_job(tmp_path, train={"steps": None, "epochs": 2.0, "batch_size": 4}), tmp_path / "run")
    prepared, steps = told(events, Prepared)[0], told(events, Step)
    assert prepared.rows_train + prepared.rows_validation == 12
    assert prepared.steps == len(steps) == math.ceil(2 * prepared.rows_train / 4)
    assert (
        sum(step.tokens for step in steps) == 2 * prepared.tokens_per_epoch == told(events, Trained)[0].tokens
    )
    drawn = [row for step in steps for row in step.rows]
    assert len(drawn) == 2 * prepared.rows_train
    assert len(set(drawn)) == prepared.rows_train
    assert steps[-1].epoch == 2.0
    per_layer = (32 + 32) + 2 * (32 + 16) + (32 + 32) + 3 * (32 + 48)  # in and out of q, k and v, o, the MLP
    assert prepared.parameters_trained == 2 * 4 * per_layer  # layers, rank


def test_training_lowers_the_loss(tmp_path):
    job = tiny_job(tmp_path, train={"steps": 20, "learning_rate": 1e-2})
    steps = told(run(job, tmp_path / "run"), Step)
    assert sum(step.loss for step in steps[-4:]) < 0.8 * sum(step.loss for step in steps[:4])


def test_a_loss_that_is_no_number_ends_the_run_and_keeps_the_last_checkpoint(tmp_path, monkeypatch):
    original, calls = loop.accumulate, []

    def broken(training, step, examples, size):
        calls.append(size)
        losses = original(training, step, examples, size)
        return (
            [dataclasses.replace(loss, sum=loss.sum * math.nan) for loss in losses] if step == 3 else losses
        )

    monkeypatch.setattr(loop, "accumulate", broken)
    job = tiny_job(tmp_path, watch={"evaluate_every": 50})  # no checkpoint of the best beside it
    with pytest.raises(TrainingError, match="step 3") as error:
        run(job, tmp_path / "run", once(Step, 1, Save()))
    assert "lower learning rate" in error.value.advice
    assert newest(tmp_path / "run").name == "step-000001"
    assert not (tmp_path / "run" / "adapter").exists()


def test_rows_that_do_not_fit_are_counted_and_none_left_is_refused(tmp_path):
    job = tiny_job(tmp_path)
    long = " ".join(WORDS * 40)
    write_rows(tmp_path / "sft.jsonl", [{"instruction": "dog?", "response": long}] * 3)
    events = run(job, tmp_path / "run")
    assert told(events, Prepared)[0].rows_cut == 3
    write_rows(tmp_path / "sft.jsonl", [{"instruction": "dog?", "response": "   "}] * 3)
    with pytest.raises(DataError):
        run(job, tmp_path / "other")


def test_a_job_without_data_is_refused_before_anything_is_loaded(tmp_path):
    job = dataclasses.replace(tiny_job(tmp_path), data=())
    (tmp_path / "run").mkdir()
    with pytest.raises(JobError, match="no data"):
        train(job, ScriptedDesk(tmp_path / "run"))
    assert list((tmp_path / "run").iterdir()) == []


def test_the_data_of_another_method_is_refused(tmp_path):
    job = tiny_job(tmp_path, "dpo")
    write_rows(tmp_path / "dpo.jsonl", [{"instruction": "dog?", "response": "fox"}])
    with pytest.raises(DataError, match="Direct preference"):
        run(job, tmp_path / "run")


def test_a_pair_of_rows_without_validation_still_trains(tmp_path):
    job = tiny_job(tmp_path, rows={"validation": 0.0})
    events = run(job, tmp_path / "run")
    assert told(events, Evaluated) == []
    assert told(events, Trained)[0].best_step is None


def test_recomputed_activations_change_nothing(tmp_path):
    plain = run(tiny_job(tmp_path), tmp_path / "plain")
    saving = run(tiny_job(tmp_path, train={"checkpointing": "on"}), tmp_path / "saving")
    for one, other in zip(told(plain, Step), told(saving, Step), strict=True):
        assert one.loss == pytest.approx(other.loss, rel=1e-6)


def test_a_run_short_of_memory_computes_as_many_layers_again_as_the_estimate_says(tmp_path, monkeypatch):
    plain = run(tiny_job(tmp_path), tmp_path / "plain")
    passes = []

    def counted(model, count):
        passes.append(count)
        return recompute_layers(model, count)

    monkeypatch.setattr(fitting, "recompute_layers", counted)
    monkeypatch.setattr(memory, "choose_plan", lambda case: Plan(4, 1))
    saving = run(tiny_job(tmp_path), tmp_path / "saving")
    assert passes == [1]
    told_of = [remark.title for remark in told(saving, Remark)]
    assert "To fit into memory, 1 of 2 layers is computed again on the way back." in told_of
    for one, other in zip(told(plain, Step), told(saving, Step), strict=True):
        assert one.loss == pytest.approx(other.loss, rel=1e-6)


def test_smaller_portions_change_nothing(tmp_path):
    whole = run(tiny_job(tmp_path), tmp_path / "whole")
    single = run(tiny_job(tmp_path, train={"micro_batch": 1}), tmp_path / "single")
    for one, other in zip(told(whole, Step), told(single, Step), strict=True):
        assert one.loss == pytest.approx(other.loss, rel=1e-5)


def test_dpo_starts_at_a_coins_toss_with_and_without_an_adapter(tmp_path):
    for adapter in ("lora", "full"):
        first = told(run(tiny_job(tmp_path, "dpo", adapter), tmp_path / adapter), Step)[0]
        assert first.loss == pytest.approx(math.log(2), abs=1e-6)
        assert first.metrics["reward_margin"] == pytest.approx(0, abs=1e-5)


def test_data_that_vanishes_while_training_changes_nothing(tmp_path):
    job = tiny_job(tmp_path)
    data = Path(job.data[0].path)
    calm = run(job, tmp_path / "calm")

    def remove(event):
        if isinstance(event, Step) and event.step == 1:
            data.unlink()
        return []

    robbed = run(job, tmp_path / "robbed", remove)
    assert not data.exists()
    assert [step.loss for step in told(robbed, Step)] == [step.loss for step in told(calm, Step)]
    assert told(robbed, Trained)


def test_a_bad_line_among_good_ones_is_listed_in_the_run_and_trains_the_others(tmp_path):
    job = tiny_job(tmp_path, rows={"malformed": "skip"})
    data = Path(job.data[0].path)
    data.write_text('{"instruction": "dog?", "resp\n' + data.read_text("utf-8"), "utf-8")
    prepared = told(run(job, tmp_path / "run"), Prepared)[0]
    assert (prepared.rows_train + prepared.rows_validation, prepared.rows_skipped) == (12, 1)
    [line] = (tmp_path / "run" / "skipped.jsonl").read_text("utf-8").splitlines()
    skipped = json.loads(line)
    assert (skipped["line"], skipped["reason"]) == (1, "malformed line")
    assert "is not valid JSON at column" in skipped["detail"]


def test_the_run_remembers_its_data(tmp_path):
    job, folder = tiny_job(tmp_path), tmp_path / "run"
    folder.mkdir()
    write_record(folder, RunRecord(name="r"))
    run(job, folder)
    assert list(read_record(folder).data_hashes) == [job.data[0].path]


def test_the_adapter_names_its_base_as_the_job_does(tmp_path):
    job = tiny_job(tmp_path)
    run(job, tmp_path / "run")
    config = json.loads((tmp_path / "run" / "adapter" / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == job.model.source


def test_a_model_trained_whole_is_stored_as_its_base_was(tmp_path):
    job = tiny_job(tmp_path, adapter="full")
    shutil.rmtree(tmp_path / "model")
    tiny_model().to(torch.bfloat16).save_pretrained(tmp_path / "model")
    tiny_tokenizer().save_pretrained(tmp_path / "model")
    run(job, tmp_path / "run")
    stored = load_file(tmp_path / "run" / "adapter" / "model.safetensors")
    assert {tensor.dtype for tensor in stored.values()} == {torch.bfloat16}
    assert load_model(tmp_path / "run" / "adapter").tokenizer.chat_template


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_a_16_bit_run_learns_in_float32(adapter, tmp_path):
    job = tiny_job(
        tmp_path, "dpo", adapter, model={"dtype": "bfloat16"}, train={"steps": 8, "learning_rate": 3e-3}
    )
    events = run(job, tmp_path / "run")
    steps = told(events, Step)
    assert told(events, Prepared)[0].dtype == "bfloat16"
    if (
        ADAPTERS[adapter].starts_at_base and adapter != "dora"
    ):  # which divides by a length, in 16 bits as well
        assert steps[0].loss == pytest.approx(math.log(2), abs=1e-6)  # the same path for policy and reference
    assert steps[-1].loss < steps[0].loss
    optimizer = load_file(newest(tmp_path / "run") / "optimizer.safetensors")
    assert {tensor.dtype for tensor in optimizer.values()} == {torch.float32}


def test_running_text_is_continued_not_asked(tmp_path):
    job = tiny_job(tmp_path, "pretrain", watch={"prompts": ["hello dog"], "sample_every": 50})
    sampled = told(run(job, tmp_path / "run"), Sampled)[0]
    loaded = load_model(tmp_path / "model", "float32", "cpu")
    with torch.no_grad():
        ids = loaded.tokenizer("hello dog", return_tensors="pt")["input_ids"]
        for _ in range(4):
            ids = torch.cat([ids, loaded.model(ids).logits[:, -1:].argmax(-1)], dim=1)
    first = len(loaded.tokenizer("hello dog")["input_ids"])
    assert sampled.answer == loaded.tokenizer.decode(ids[0, first:], skip_special_tokens=True)
