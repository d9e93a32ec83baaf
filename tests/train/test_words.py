"""Words that learn, through a whole run: new tokens, all word vectors at their own rate, checkpoints, resume."""

import json

import pytest
import torch
from safetensors.torch import load_file

from engine.job.errors import JobError
from engine.job.events import Prepared, Remark, Sampled, Step
from engine.job.job import with_value
from engine.library.lineage import lineage_of
from engine.models.adapters import load_adapter
from engine.models.beginning import load_beginning
from engine.models.load import load_model, load_tokenizer
from tests.models.tiny_folders import tiny_folder
from tests.models.tiny_models import tiny_tokenizer
from tests.train.tiny_runs import Crash, crash_at, newest, run, tiny_job, told, write_rows

NEW = ["<tool>", "</tool>"]
FIRST = len(tiny_tokenizer())


def job_with(folder, method="sft", adapter="lora", tied=True, spare=0, words=False, tokens=NEW, **train):
    """A job whose rows hold the new tokens."""
    if not (folder / "model").exists():
        tiny_folder(folder / "model", tie_word_embeddings=tied, vocab_size=FIRST + spare)
    job = tiny_job(
        folder,
        method,
        adapter,
        settings={"embeddings": True} if words else None,
        model={"new_tokens": list(tokens)},
        train={"steps": 4, "learning_rate": 1e-2, **train},
    )
    answers = [f"<tool>{word}</tool> the fox" for word in ("dog", "fox", "lazy", "quick", "brown", "hello")]
    rows = {
        "sft": [{"instruction": f"say {i} <tool>", "response": text} for i, text in enumerate(answers)],
        "dpo": [
            {"prompt": f"say {i}", "chosen": text, "rejected": "no no"} for i, text in enumerate(answers)
        ],
        "pretrain": [{"text": f"{i} {text}"} for i, text in enumerate(answers)],
    }
    write_rows(folder / f"{method}.jsonl", rows[method] * 3)
    return job


def before(job):
    """The model as the run began it."""
    return load_beginning(lineage_of(job), "float32", "cpu")


def after(job, folder):
    """The model with what the run learned."""
    return load_adapter(before(job).model, folder / "adapter")


def changed_rows(job, folder):
    """Which words are read and written otherwise than before."""
    old, new = before(job).model, after(job, folder)
    return [
        (one.weight - other.weight).abs().amax(dim=1).nonzero().flatten().tolist()
        for one, other in (
            (new.get_input_embeddings(), old.get_input_embeddings()),
            (new.get_output_embeddings(), old.get_output_embeddings()),
        )
    ]


@pytest.mark.parametrize("spare", [0, 9])
@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize(("method", "adapter"), [("sft", "lora"), ("dpo", "lora"), ("sft", "dora")])
def test_only_the_new_tokens_vectors_change(method, adapter, tied, spare, tmp_path):
    job = job_with(tmp_path, method, adapter, tied, spare)
    events = run(job, tmp_path / "run")
    assert len(told(events, Step)) == 4
    assert told(events, Sampled)
    assert changed_rows(job, tmp_path / "run") == [[FIRST, FIRST + 1]] * 2
    prepared = told(events, Prepared)[0]
    assert prepared.parameters == before(job).info.parameters


def test_the_tokenizer_and_the_rows_stand_with_the_result(tmp_path):
    job = job_with(tmp_path)
    run(job, tmp_path / "run")
    tokenizer = load_tokenizer(tmp_path / "run" / "adapter")
    assert tokenizer("<tool>", add_special_tokens=False)["input_ids"] == [FIRST]
    config = json.loads((tmp_path / "run" / "adapter" / "adapter_config.json").read_text())
    assert config["trainable_token_indices"] == {"embed_tokens": [FIRST, FIRST + 1]}
    state = load_file(tmp_path / "run" / "adapter" / "adapter_model.safetensors")
    rows = [weight for name, weight in state.items() if "trainable_tokens_delta" in name]
    assert [tuple(weight.shape) for weight in rows] == [(2, 32)]


def test_a_run_without_new_tokens_leaves_no_tokenizer_beside_its_adapter(tmp_path):
    run(job_with(tmp_path, tokens=()), tmp_path / "run")
    assert not (tmp_path / "run" / "adapter" / "tokenizer.json").exists()


def test_a_new_token_becomes_the_likeliest_where_the_rows_have_it(tmp_path):
    job = job_with(tmp_path, steps=100, learning_rate=2e-2)
    run(job, tmp_path / "run")
    loaded = before(job)
    asked = [{"role": "user", "content": "say 1 <tool>"}]
    ids = loaded.tokenizer.apply_chat_template(asked, add_generation_prompt=True, return_dict=True)[
        "input_ids"
    ]
    chosen = []
    for model in (loaded.model, after(job, tmp_path / "run")):
        with torch.no_grad():
            chosen.append(int(model.eval()(torch.tensor([ids])).logits[0, -1].argmax()))
    assert chosen[0] != FIRST
    assert chosen[1] == FIRST


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("adapter", ["lora", "ia3", "freeze", "layernorm"])
def test_all_words_learn_in_pretraining_when_asked_to(adapter, tied, tmp_path):
    job = job_with(tmp_path, "pretrain", adapter, tied, words=True, tokens=())
    run(job, tmp_path / "run")
    read, written = changed_rows(job, tmp_path / "run")
    assert written == list(range(FIRST))  # every word is made likelier or less likely in each step
    assert read == written if tied else 3 < len(read) < FIRST


@pytest.mark.parametrize("adapter", ["lora", "full"])
def test_word_vectors_move_at_their_own_rate(adapter, tmp_path):
    # Adam's first step has the length of the learning rate, whatever the gradient.
    job = job_with(
        tmp_path, "pretrain", adapter, False, words=True, tokens=(), steps=1, warmup=0.0, learning_rate=1e-3
    )
    for rate in (1.0, 0.1):
        folder = tmp_path / str(rate)
        run(with_value(job, "method.embedding_rate", rate), folder)
        new, old = after(job, folder), before(job).model
        for one, other in (
            (new.get_input_embeddings(), old.get_input_embeddings()),
            (new.get_output_embeddings(), old.get_output_embeddings()),
        ):
            assert (one.weight - other.weight).abs().max().item() == pytest.approx(1e-3 * rate, rel=2e-2)
        if adapter == "full":
            inner = [model.model.layers[0].mlp.up_proj.weight for model in (new, old)]
            assert (inner[0] - inner[1]).abs().max().item() == pytest.approx(1e-3, rel=2e-2)


@pytest.mark.parametrize("words", [True, False])
def test_new_tokens_learn_with_the_whole_model(words, tmp_path):
    job = job_with(tmp_path, "pretrain", "full", words=words)
    events = run(job, tmp_path / "run")
    whole = load_model(tmp_path / "run" / "adapter", "float32", "cpu")
    assert whole.info.vocab == FIRST + 2
    assert whole.tokenizer("</tool>", add_special_tokens=False)["input_ids"] == [FIRST + 1]
    assert told(events, Prepared)[0].parameters_trained == whole.info.parameters


RESUMED = [
    ("sft", "lora", {}, False),
    ("dpo", "lora", {"pissa": True}, False),
    ("pretrain", "lora", {}, True),
    ("pretrain", "lora", {"pissa": True}, True),
    ("pretrain", "oft", {}, True),
    ("pretrain", "freeze", {"trained_layers": 1}, True),
    ("pretrain", "full", {}, True),
]


@pytest.mark.parametrize(("method", "adapter", "values", "words"), RESUMED)
def test_a_resumed_run_ends_bit_for_bit_as_one_that_went_through(method, adapter, values, words, tmp_path):
    job = job_with(tmp_path, method, adapter, words=words)
    for name, value in values.items():
        job = with_value(job, f"adapter.{name}", value)
    run(job, tmp_path / "whole")
    with pytest.raises(Crash):
        run(job, tmp_path / "resumed", crash_at(3))
    events = run(job, tmp_path / "resumed", resume_from=newest(tmp_path / "resumed"))
    assert not any("not to the last digit" in remark.title for remark in told(events, Remark))
    for file in (
        "adapter_model.safetensors",
        "model.safetensors",
        "training.safetensors",
        "optimizer.safetensors",
    ):
        one, other = newest(tmp_path / "whole") / file, newest(tmp_path / "resumed") / file
        assert one.exists() == other.exists()
        if one.exists():
            a, b = load_file(one), load_file(other)
            assert a.keys() == b.keys()
            assert all(torch.equal(a[name], b[name]) for name in a)


def test_recomputing_activations_gives_the_same_step(tmp_path):
    losses = []
    for checkpointing in ("off", "on"):
        job = job_with(tmp_path, "pretrain", words=True, checkpointing=checkpointing, steps=2)
        losses.append([step.loss for step in told(run(job, tmp_path / checkpointing), Step)])
    assert losses[0] == pytest.approx(losses[1], abs=1e-6)


@pytest.mark.parametrize("words", [True, False])
def test_rows_that_stand_one_after_another_teach_words_the_same(words, tmp_path):
    losses = []
    for packing in ("off", "on"):
        job = with_value(job_with(tmp_path, "pretrain", words=words), "rows.packing", packing)
        losses.append([step.loss for step in told(run(job, tmp_path / packing), Step)])
    assert losses[0] == pytest.approx(losses[1], abs=1e-5)


@pytest.mark.parametrize("words", [True, False])
def test_beside_compressed_weights_words_learn_and_fit_the_full_ones(words, tmp_path):
    pytest.importorskip("bitsandbytes")
    tiny_folder(tmp_path / "model", hidden_size=64, intermediate_size=128, tie_word_embeddings=True)
    job = job_with(tmp_path, "pretrain", words=words, steps=6)
    job = with_value(job, "model.quantization", "nf4")
    steps = told(run(job, tmp_path / "run"), Step)
    assert steps[-1].loss < steps[0].loss
    plain = with_value(job, "model.quantization", "none")
    read, written = changed_rows(plain, tmp_path / "run")
    assert read == written
    assert len(read) == (len(before(plain).model.lm_head.weight) if words else 2)


def test_a_token_that_exists_is_refused_before_anything_is_trained(tmp_path):
    job = job_with(tmp_path, tokens=["<tool>", "<|end|>"])
    with pytest.raises(JobError, match=r"'<\|end\|>', which is one token of this model already"):
        run(job, tmp_path / "run")


def test_an_adapter_that_cannot_carry_them_is_refused(tmp_path):
    with pytest.raises(JobError, match="Prefix cannot learn new tokens"):
        run(job_with(tmp_path, adapter="prefix"), tmp_path / "run")
