"""What words learned, in Compare, in every export, in what the data looks like, and in the runs that follow."""

import dataclasses
import json

import gguf
import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

from engine.job.channel import JOB_FILE, Desk, events_of
from engine.job.errors import JobError
from engine.job.events import Check
from engine.job.job import read_job, with_kind, with_value
from engine.job.tasks import ExportTask
from engine.library.lineage import as_trained as as_trained_of
from engine.library.lineage import lineage, lineage_of
from engine.library.runs import create_run
from engine.models.adapters import load_adapter
from engine.models.beginning import load_beginning
from engine.train.session import train
from engine.use import reopen, stranger
from engine.use.export import export
from engine.use.inspect import inspect_once
from engine.use.open import open_beside, open_model
from engine.use.places import find_place
from tests.models.every_adapter import logits
from tests.train.test_words import FIRST, job_with

SEEN = torch.tensor([[3, 9, FIRST, 12, FIRST + 1, 20]])


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    """The stranger's script in this process: starting one takes most of the time."""
    monkeypatch.setattr(stranger, "_run", lambda arguments, *_: reopen.main(*arguments) or "")


def trained(job, name, source=None):
    """The folder of a finished run that watches a prompt with a new token."""
    job = with_value(dataclasses.replace(job, name=name), "watch.prompts", ["say 2 <tool>"])
    if source is not None:
        job = with_value(job, "model.source", source)
    run = create_run(job)
    train(read_job(run / JOB_FILE), Desk(run))
    return run


def exported(run, folder, **changes):
    desk = folder / "task"
    desk.mkdir()
    export(ExportTask(run=str(run), out=str(folder / "out"), **changes), Desk(desk))
    checks = [event for event in events_of(desk) if isinstance(event, Check)]
    assert len(checks) == 5
    assert all(check.passed for check in checks), checks
    return folder / "out"


def as_trained(run):
    """The run's model with its adapter beside the base, logits over old and new tokens."""
    lineage_ = lineage_of(read_job(run / JOB_FILE))
    return logits(load_adapter(load_beginning(lineage_, "float32", "cpu").model, run / "adapter"), SEEN)


def as_trained_job(run):
    """The tokens that an estimate counts."""
    return as_trained_of(read_job(run / JOB_FILE)).model.new_tokens


CASES = [
    ("sft", "lora", False),
    ("sft", "dora", False),
    ("pretrain", "lora", True),
    ("pretrain", "oft", True),
    ("pretrain", "full", True),
    ("sft", "full", False),
]
cases = pytest.mark.parametrize(("method", "adapter", "words"), CASES)
both = pytest.mark.parametrize("tied", [True, False])


@both
@cases
def test_compare_and_a_plain_model_have_what_was_learned(method, adapter, words, tied, tmp_path):
    run = trained(job_with(tmp_path, method, adapter, tied, words=words), "first")
    expected = as_trained(run)
    opened = open_model(str(run), "cpu")
    torch.testing.assert_close(logits(opened.model, SEEN), expected, atol=2e-5, rtol=1e-5)
    assert opened.tokenizer("<tool>", add_special_tokens=False)["input_ids"] == [FIRST]
    assert opened.fingerprint != open_model(str(tmp_path / "model"), "cpu").fingerprint
    out = exported(run, tmp_path, format="merged", type="float32")
    model, tokenizer = AutoModelForCausalLM.from_pretrained(out), AutoTokenizer.from_pretrained(out)
    torch.testing.assert_close(logits(model, SEEN), expected, atol=2e-5, rtol=1e-5)
    assert tokenizer("a<tool>b</tool>", add_special_tokens=False)["input_ids"][1::2] == [FIRST, FIRST + 1]
    config = json.loads((out / "config.json").read_text())
    assert (config["vocab_size"], config["tie_word_embeddings"]) == (FIRST + 2, tied)


def test_a_base_that_others_share_keeps_its_own_words(tmp_path):
    run, bases = trained(job_with(tmp_path), "first"), {}
    open_model(str(run), "cpu", bases=bases)
    plain = open_model(str(tmp_path / "model"), "cpu", bases=bases)
    assert plain.model.config.vocab_size == len(plain.tokenizer) == FIRST


@both
@pytest.mark.parametrize(
    ("method", "adapter", "words", "spare"),
    [*((*case, 0) for case in CASES if case[1] != "full"), ("sft", "lora", False, 9)],
)
def test_alone_it_opens_by_the_code_of_its_card(method, adapter, words, spare, tied, tmp_path):
    run = trained(job_with(tmp_path, method, adapter, tied, spare, words), "first")
    out = exported(run, tmp_path, format="adapter")
    card = (out / "README.md").read_text()
    resize = f"base.resize_token_embeddings({FIRST + 2}, mean_resizing=False)"
    assert (resize in card) == (spare == 0)
    assert "| New tokens | `<tool>`, `</tool>` |" in card
    theirs = AutoModelForCausalLM.from_pretrained(tmp_path / "model", dtype="float32")
    if resize in card:
        torch.manual_seed(7)
        theirs.resize_token_embeddings(FIRST + 2, mean_resizing=False)
    theirs = PeftModel.from_pretrained(theirs, out)
    torch.testing.assert_close(logits(theirs, SEEN)[..., : FIRST + 2], as_trained(run)[..., : FIRST + 2])
    again = open_beside(find_place(str(out)), "cpu")
    torch.testing.assert_close(logits(again.model, SEEN), as_trained(run), atol=1e-5, rtol=1e-5)
    assert again.tokenizer("<tool>", add_special_tokens=False)["input_ids"] == [FIRST]
    assert AutoTokenizer.from_pretrained(out)("</tool>", add_special_tokens=False)["input_ids"] == [FIRST + 1]


def test_its_own_kind_of_adapter_opens_again(tmp_path):
    run = trained(job_with(tmp_path, "pretrain", "freeze", words=True), "first")
    out = exported(run, tmp_path, format="adapter")
    again = open_model(str(out), "cpu")
    torch.testing.assert_close(logits(again.model, SEEN), as_trained(run), atol=1e-5, rtol=1e-5)


@both
@pytest.mark.parametrize(("method", "words"), [("sft", False), ("pretrain", True)])
def test_one_file_for_chat_programs_holds_them(method, words, tied, tmp_path):
    run = trained(job_with(tmp_path, method, tied=tied, words=words), "first")
    out = exported(run, tmp_path, format="gguf", type="f32")
    reader = gguf.GGUFReader(next(out.glob("*.gguf")))
    tokens = reader.fields["tokenizer.ggml.tokens"]
    types = reader.fields["tokenizer.ggml.token_type"]
    assert len(tokens.data) == FIRST + 2
    assert [tokens.contents(FIRST), tokens.contents(FIRST + 1)] == ["<tool>", "</tool>"]
    assert types.contents(FIRST) == gguf.TokenType.USER_DEFINED
    names = {tensor.name: tensor for tensor in reader.tensors}
    assert names["token_embd.weight"].shape.tolist() == [32, FIRST + 2]
    assert ("output.weight" in names) == (not tied)
    learned = open_model(str(run), "cpu").model.get_input_embeddings().weight
    torch.testing.assert_close(torch.tensor(names["token_embd.weight"].data), learned)


def test_the_data_shows_them_as_single_tokens(tmp_path):
    job = job_with(tmp_path)
    found, rows = inspect_once(job)
    assert not found.refusal
    marks = [token for token in rows[0].tokens if token.id in (FIRST, FIRST + 1)]
    assert [(token.text, token.kind, token.special) for token in marks] == [
        ("<tool>", "prompt", False),
        ("<tool>", "trained", False),
        ("</tool>", "trained", False),
    ]
    plain, _ = inspect_once(with_value(job, "model.new_tokens", []))
    assert found.tokens < plain.tokens


@pytest.mark.parametrize("tokens", [["<|end|>"], [""], ["<a>", "<a>"]])
def test_tokens_that_cannot_be_added_are_told_with_the_data(tokens, tmp_path):
    found, rows = inspect_once(job_with(tmp_path, tokens=tokens))
    assert "'model.new_tokens'" in found.refusal
    assert found.rows == 18
    assert rows[0].cells


# Runs that begin from a run ---------------------------------------------------------------------------


def test_the_same_adapter_learns_on_with_the_same_tokens(tmp_path):
    first = trained(job_with(tmp_path), "first")
    for tokens in (["<tool>", "</tool>"], []):
        job = job_with(tmp_path, "dpo", tokens=tokens)
        found = lineage_of(with_value(job, "model.source", "first"))
        assert (found.start, found.beneath) == (first / "adapter", ())
        assert found.tokens == (("<tool>", "</tool>"),)
        assert found.learning == ("<tool>", "</tool>")
    second = trained(job_with(tmp_path, "dpo", tokens=()), "second", source="first")
    torch.testing.assert_close(
        logits(open_model(str(second), "cpu").model, SEEN), as_trained(second), atol=2e-5, rtol=1e-4
    )
    exported(second, tmp_path, format="adapter")
    assert as_trained_job(second) == ("<tool>", "</tool>")


@both
def test_further_tokens_stand_on_the_first_ones(tied, tmp_path):
    first = trained(job_with(tmp_path, tied=tied), "first")
    job = job_with(tmp_path, "dpo", tied=tied, tokens=["<end-of-tool>", "<tool>"])
    second = trained(job, "second", source="first")
    found = lineage_of(read_job(second / JOB_FILE))
    assert found.beneath == (first / "adapter",)
    assert found.tokens == (("<tool>", "</tool>"), ("<end-of-tool>",))
    before = open_model(str(first), "cpu").model.get_input_embeddings().weight
    after = open_model(str(second), "cpu").model.get_input_embeddings().weight
    assert after.shape[0] == FIRST + 3
    moved = (after[:-1] - before).abs().amax(dim=1).nonzero().flatten().tolist()
    assert moved == [FIRST]  # <tool> learned on, </tool> stayed
    out = exported(second, tmp_path, format="merged", type="float32")
    tokenizer = AutoTokenizer.from_pretrained(out)
    assert tokenizer("<end-of-tool></tool>", add_special_tokens=False)["input_ids"] == [FIRST + 2, FIRST + 1]
    torch.testing.assert_close(
        logits(AutoModelForCausalLM.from_pretrained(out), SEEN), as_trained(second), atol=1e-5, rtol=1e-5
    )


def test_a_run_stands_on_one_that_taught_all_words_and_adds_tokens(tmp_path):
    trained(job_with(tmp_path, "pretrain", words=True, tokens=["<a>"]), "first")
    second = trained(job_with(tmp_path, tokens=["<tool>"]), "second", source="first")
    assert lineage_of(read_job(second / JOB_FILE)).tokens == (("<a>",), ("<tool>",))
    torch.testing.assert_close(
        logits(open_model(str(second), "cpu").model, SEEN), as_trained(second), atol=2e-5, rtol=1e-4
    )


def test_all_words_learn_on_as_one_adapter(tmp_path):
    first = trained(job_with(tmp_path, "pretrain", words=True), "first")
    job = with_value(job_with(tmp_path, "pretrain", words=True), "model.source", "first")
    assert lineage_of(job).start == first / "adapter"
    more = with_value(job, "model.new_tokens", ["<more>"])
    assert lineage_of(more).beneath == (first / "adapter",)
    without = with_value(job, "method.embeddings", False)
    assert lineage_of(without).beneath == (first / "adapter",)


def test_a_run_begins_from_a_whole_model_with_its_tokens(tmp_path):
    trained(job_with(tmp_path, adapter="full"), "whole")
    second = trained(job_with(tmp_path, "dpo"), "second", source="whole")
    found = lineage_of(read_job(second / JOB_FILE))
    assert found.tokens == ((),)
    assert found.learning == ("<tool>", "</tool>")  # named again, they learn on
    torch.testing.assert_close(
        logits(open_model(str(second), "cpu").model, SEEN), as_trained(second), atol=2e-5, rtol=1e-4
    )


def test_the_rows_of_a_chained_run_are_read_with_its_tokens(tmp_path):
    trained(job_with(tmp_path), "first")
    job = with_value(job_with(tmp_path, tokens=()), "model.source", "first")
    _, rows = inspect_once(job)
    assert FIRST in [token.id for token in rows[0].tokens]


def test_an_exported_adapter_is_a_model_to_begin_from(tmp_path):
    out = exported(trained(job_with(tmp_path), "first"), tmp_path, format="adapter")
    found = lineage(str(out))
    assert found.tokens == (("<tool>", "</tool>"), ())
    loaded = load_beginning(found, "float32", "cpu")
    assert loaded.info.vocab == FIRST + 2
    torch.testing.assert_close(
        logits(loaded.model, SEEN), as_trained_folder(out, tmp_path), atol=1e-5, rtol=1e-5
    )


def as_trained_folder(out, folder):
    return logits(open_beside(find_place(str(out)), "cpu").model, SEEN)


def test_a_reference_without_the_tokens_is_refused(tmp_path):
    job = with_value(job_with(tmp_path, "dpo"), "method.reference", str(tmp_path / "model"))
    with pytest.raises(JobError, match="divides text into other tokens"):
        trained(job, "first")


def test_a_run_with_the_tokens_can_be_the_reference(tmp_path):
    trained(job_with(tmp_path), "first")
    job = with_kind(job_with(tmp_path, "dpo"), "adapter", "dora")
    trained(with_value(job, "method.reference", "first"), "second", source="first")
