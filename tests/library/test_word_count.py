"""What words take, counted from a shape alone, against the parameters of the real modules and by hand."""

from dataclasses import replace

import pytest

from engine.job.adapters import ADAPTERS
from engine.job.job import Job, with_kind, with_value
from engine.library.devices import Device, Machine
from engine.library.estimate import estimate
from engine.library.lineage import lineage_of
from engine.library.models import describe
from engine.library.speed import token_operations
from engine.library.trained_count import trained_count
from engine.library.word_count import with_new_tokens, words_bytes, words_count, words_written_twice
from engine.models.adapters import trained_parameters
from engine.models.beginning import load_beginning
from engine.train.assembly import trainable_model
from tests.models.tiny_folders import tiny_folder
from tests.models.tiny_models import tiny_tokenizer

GB = 10**9
MACHINE = Machine("m", 2, 16 * GB, 8 * GB, (Device("cpu", "D", 16 * GB, 8 * GB),))


def job_on(folder, adapter="lora", words=False, tokens=()):
    job = with_kind(Job(), "adapter", adapter)
    job = with_value(with_value(job, "model.source", str(folder)), "model.new_tokens", list(tokens))
    return with_value(with_kind(job, "method", "pretrain"), "method.embeddings", words)


CASES = [
    *((kind, True, ()) for kind, card in ADAPTERS.items() if card.can_learn_words),
    *((kind, False, ("<a>", "<b>", "<c>")) for kind, card in ADAPTERS.items() if card.can_add_tokens),
    ("lora", True, ("<a>", "<b>")),
    ("ia3", True, ("<a>", "<b>")),
]


@pytest.mark.parametrize("spare", [0, 1, 20])
@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize(("adapter", "words", "tokens"), CASES)
def test_it_equals_what_really_learns(adapter, words, tokens, tied, spare, tmp_path):
    size = len(tiny_tokenizer()) + spare
    folder = tiny_folder(tmp_path / "model", tie_word_embeddings=tied, vocab_size=size)
    job = job_on(folder, adapter, words, tokens)
    lineage = lineage_of(job)
    loaded = load_beginning(lineage, "float32", "cpu")
    found = with_new_tokens(job, describe(folder))
    assert (found.vocab, found.parameters) == (loaded.info.vocab, loaded.info.parameters)
    real = trainable_model(job, loaded, lineage)
    learning = sum(weight.numel() for weight in trained_parameters(real).values())
    assert trained_count(found, job.adapter.settings) + words_count(job, found) == learning
    assert estimate(job, describe(folder), None, MACHINE).parameters_trained == learning
    assert with_new_tokens(job, found) == found
    assert with_new_tokens(job, loaded.info) == loaded.info


@pytest.fixture
def tied(tmp_path):
    """400 words of 32 numbers, one matrix for reading and writing."""
    return describe(tiny_folder(tmp_path / "model", tie_word_embeddings=True))


def test_words_take_memory_for_themselves_and_for_moments(tied):
    plain = estimate(job_on(tied.folder), tied, None, MACHINE)
    all_words = estimate(job_on(tied.folder, words=True), tied, None, MACHINE)
    matrix = 400 * 32
    assert all_words.adapter - plain.adapter == 16 * matrix  # weight, gradient and two means in float32
    assert all_words.working - plain.working == 12 * matrix
    few = estimate(job_on(tied.folder, tokens=("<a>",)), tied, None, MACHINE)
    assert few.adapter - plain.adapter == 16 * 32
    assert few.working - plain.working == 2 * 4 * matrix


def test_what_passes_follows_the_numbers_and_the_matrices(tied):
    job = job_on(tied.folder, words=True)
    assert words_bytes(job, tied, 2) == 400 * 32 * 8
    assert words_bytes(job, replace(tied, tied=False), 2) == 400 * 32 * 6
    assert words_bytes(job, replace(tied, tied=False), 4) == 400 * 32 * 4
    assert words_bytes(job_on(tied.folder, tokens=("<a>",)), tied, 2) == 400 * 32 * (2 + 2)
    assert words_bytes(job_on(tied.folder), tied, 2) == 0
    assert words_bytes(job_on(tied.folder, "full", words=True), tied, 2) == 0


def test_a_matrix_that_reads_and_writes_is_written_twice_by_peft_alone(tied):
    assert words_written_twice(job_on(tied.folder, words=True), tied) == 400 * 32
    assert words_written_twice(job_on(tied.folder, tokens=("<a>",)), tied) == 0
    assert words_written_twice(job_on(tied.folder, "freeze", words=True), tied) == 0
    assert words_written_twice(job_on(tied.folder, words=True), replace(tied, tied=False)) == 0


def test_the_heads_gradient_costs_time(tied):
    plain, words = job_on(tied.folder), job_on(tied.folder, words=True)
    assert token_operations(words, tied) - token_operations(plain, tied) == 2 * 400 * 32
