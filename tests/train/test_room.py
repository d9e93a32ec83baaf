"""A table of positions that text and learned positions fill to its end: GPT-2 trains, and a person is told."""

import math

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from engine.job.channel import events_of
from engine.job.errors import DataError, JobError
from engine.job.events import Remark, Step
from engine.job.job import with_value
from engine.models.adapters import load_adapter
from engine.models.generate import answer_ends, generate
from engine.models.load import load_model
from tests.models.tiny_models import tiny_tokenizer
from tests.train.tiny_runs import run, tiny_job, told, write_rows

KINDS = ("prefix", "prompt", "p-tuning")
POSITIONS = 48


@pytest.fixture
def gpt2(tmp_path):
    """A folder with a GPT-2 whose table has 48 positions."""
    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=400, n_embd=32, n_layer=2, n_head=2, n_positions=POSITIONS, eos_token_id=2, bos_token_id=1
    )
    GPT2LMHeadModel(config).save_pretrained(tmp_path / "model")
    tiny_tokenizer().save_pretrained(tmp_path / "model")
    return tmp_path / "model"


def long_job(folder, adapter, **settings):
    """A job whose rows are longer than the model's table of positions."""
    job = tiny_job(folder, "sft", adapter, rows={"max_tokens": 1024}, train={"steps": 2})
    row = {"instruction": "say it", "response": "hello dog " * 60}
    write_rows(folder / "sft.jsonl", [row | {"instruction": f"say it {n}"} for n in range(8)])
    for name, value in settings.items():
        job = with_value(job, f"adapter.{name}", value)
    return job


@pytest.mark.parametrize("adapter", ["lora", *KINDS])
def test_rows_are_cut_where_the_table_of_positions_ends(adapter, gpt2, tmp_path):
    job = long_job(tmp_path, adapter, **({"virtual_tokens": 10} if adapter in KINDS else {}))
    events = run(job, tmp_path / "run")
    assert all(math.isfinite(step.loss) for step in told(events, Step))
    longest = POSITIONS - (10 if adapter in KINDS else 0)
    (remark,) = (found for found in told(events, Remark) if "Rows are cut" in found.title)
    assert f"cut at {longest} tokens: the model has 48 positions" in remark.title


def test_rows_that_fit_are_not_spoken_of(gpt2, tmp_path):
    job = tiny_job(tmp_path, "sft", "prefix", rows={"max_tokens": 1024}, train={"steps": 1})
    assert not [one for one in told(run(job, tmp_path / "run"), Remark) if "Rows are cut" in one.title]


def test_a_reason_stands_beside_rows_of_which_none_fits(gpt2, tmp_path):
    job = with_value(long_job(tmp_path, "prefix", virtual_tokens=10), "rows.too_long", "drop")
    with pytest.raises(DataError, match="0 of 8 rows fit 38 tokens"):
        run(job, tmp_path / "run")
    assert any("of which Prefix takes 10" in one.title for one in told(events_of(tmp_path / "run"), Remark))


@pytest.mark.parametrize("adapter", KINDS)
def test_learned_positions_that_fill_the_table_are_refused_before_training(adapter, gpt2, tmp_path):
    with pytest.raises(JobError, match="no room is left"):
        run(long_job(tmp_path, adapter, virtual_tokens=POSITIONS), tmp_path / "run")


@pytest.mark.parametrize("adapter", KINDS)
def test_an_answer_ends_with_the_table_and_a_prompt_that_fills_it_is_refused(adapter, gpt2, tmp_path):
    run(long_job(tmp_path, adapter, virtual_tokens=10), tmp_path / "run")
    loaded = load_model(gpt2, "float32", "cpu")
    model = load_adapter(loaded.model, tmp_path / "run" / "adapter")
    settings = {"seed": 0, "temperature": 0.0, "max_new_tokens": 500, "end_ids": ()}
    answer = generate(model, loaded.tokenizer, "the dog", **settings)
    asked = len(
        loaded.tokenizer.apply_chat_template(
            [{"role": "user", "content": "the dog"}], add_generation_prompt=True
        )["input_ids"]
    )
    assert asked + answer.tokens == POSITIONS - 10
    assert answer_ends(model, loaded.tokenizer)
    with pytest.raises(DataError, match="at most 38"):
        generate(model, loaded.tokenizer, "the dog " * 30, **settings)
