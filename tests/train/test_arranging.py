import dataclasses

import pytest
import torch
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from engine.job.channel import Desk, events_of
from engine.job.events import Remark, Step
from engine.train.arranging import arranged
from engine.train.batches import pack
from engine.train.forward import Policy
from tests.models.all_families import model_of
from tests.models.every_adapter import adapted
from tests.models.tiny_models import FAMILIES, tiny_model
from tests.train.tiny_runs import example, run, tiny_job, told

ROWS = [example(at, length) for at, length in enumerate((9, 30, 7, 12))]


def way_of(tmp_path, asked="auto", model=None, rows=ROWS, device="cpu"):
    """The way that is chosen, and what was told about it."""
    policy = Policy(tiny_model() if model is None else model, device)
    found = arranged(asked, policy, rows, Desk(tmp_path))
    is_told = (tmp_path / "events.jsonl").exists()
    return found.way, [remark.title for remark in told(events_of(tmp_path), Remark)] if is_told else []


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_model_that_keeps_rows_apart_is_packed(family, dtype, tmp_path):
    assert way_of(tmp_path, model=tiny_model(family).to(dtype)) == ("packed", [])


@pytest.mark.parametrize("asked", ["auto", "on"])
def test_rows_are_padded_where_the_numbers_would_differ(asked, tmp_path, monkeypatch):
    def careless(module, query, key, value, mask, **options):
        is_whole = mask is not None and mask.dtype == torch.int32
        return attentions["sdpa"](module, query, key, value, None if is_whole else mask, **options)

    attentions = ALL_ATTENTION_FUNCTIONS._global_mapping
    monkeypatch.setitem(attentions, "segmented_sdpa", careless)
    model = tiny_model()
    way, remarks = way_of(tmp_path, asked, model)
    assert way == "grouped"
    assert remarks == ["Rows are padded: one after another this model gave them other numbers than alone."]
    assert model.config._attn_implementation == "sdpa"


def test_places_that_run_on_are_noticed(tmp_path, monkeypatch):
    def running_on(examples):
        batch = pack(examples)
        return dataclasses.replace(batch, places=torch.arange(batch.tokens).unsqueeze(0))

    monkeypatch.setattr("engine.train.arranging.pack", running_on)
    # A model whose places are learned: rotary ones tell distances alone, so that running on is the same there.
    assert way_of(tmp_path, model=model_of("gpt2"))[0] == "grouped"


@pytest.mark.parametrize("case", ["prefix", "prompt", "p-tuning"])
def test_learned_positions_before_the_text_mean_padding_and_only_who_asked_is_told(case, tmp_path):
    assert way_of(tmp_path, "auto", adapted(case)) == ("grouped", [])
    way, remarks = way_of(tmp_path, "on", adapted(case))
    assert way == "grouped"
    assert remarks == ["Rows are padded: what is trained here cannot take them one after another."]


def test_off_pads_rows_as_they_come(tmp_path):
    assert way_of(tmp_path, "off") == ("given", [])


def test_a_single_text_has_nothing_to_stand_behind(tmp_path):
    assert way_of(tmp_path, "on", rows=ROWS[:1]) == ("grouped", [])


def test_looking_at_the_model_leaves_chance_and_mode_as_they_were(tmp_path):
    model = tiny_model().train()
    before = torch.get_rng_state()
    way_of(tmp_path, model=model)
    assert torch.equal(torch.get_rng_state(), before)
    assert all(part.training for part in model.modules())


def test_a_run_with_learned_positions_goes_on_padded(tmp_path):
    job = tiny_job(tmp_path, adapter="prefix", rows={"packing": "on"})
    events = run(job, tmp_path / "run")
    assert len(told(events, Step)) == 3
    assert any(remark.title.startswith("Rows are padded") for remark in told(events, Remark))
