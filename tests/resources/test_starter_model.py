"""The bundled starter model as stock transformers sees it: template, knowledge, size; and its training."""

from __future__ import annotations

from importlib.resources import files
from itertools import islice
from pathlib import Path

import pytest
import torch
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from resources.samples import build as samples
from resources.starter import build, corpus, exam

FOLDER = Path(str(files("resources") / "starter"))
CHAT = [
    {"role": "system", "content": "Be polite."},
    {"role": "user", "content": "What sound does a cow make?"},
    {"role": "assistant", "content": "A cow says moo."},
    {"role": "user", "content": "Thank you!"},
    {"role": "assistant", "content": "You are welcome."},
]


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerBase:
    return AutoTokenizer.from_pretrained(FOLDER)


@pytest.fixture(scope="module")
def model() -> PreTrainedModel:
    return AutoModelForCausalLM.from_pretrained(FOLDER)


def test_it_is_a_tied_llama_of_about_two_million_bfloat16_parameters(model: PreTrainedModel) -> None:
    assert type(model).__name__ == "LlamaForCausalLM"
    assert model.lm_head.weight is model.model.embed_tokens.weight
    assert 1.8e6 < model.num_parameters() < 2.2e6
    assert {parameter.dtype for parameter in model.parameters()} == {torch.bfloat16}
    assert AutoConfig.from_pretrained(FOLDER).max_position_embeddings == build.CONTEXT


def test_the_folder_is_small_and_complete() -> None:
    sizes = {path.name: path.stat().st_size for path in FOLDER.iterdir() if path.is_file()}
    assert {
        "config.json",
        "generation_config.json",
        "tokenizer.json",
        "tokenizer_config.json",
    } <= sizes.keys()
    assert {"model.safetensors", "chat_template.jinja", "README.md"} <= sizes.keys()
    assert sizes["model.safetensors"] < 4.5e6
    assert sum(sizes.values()) < 5e6


def test_pad_and_end_are_two_tokens_and_generation_stops_at_the_end(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase
) -> None:
    assert (tokenizer.pad_token, tokenizer.eos_token) == (corpus.PAD, corpus.END)
    assert tokenizer.bos_token is None
    assert model.generation_config.eos_token_id == [tokenizer.eos_token_id]
    assert model.generation_config.pad_token_id == tokenizer.pad_token_id
    assert model.config.eos_token_id == tokenizer.eos_token_id
    assert model.config.vocab_size == len(tokenizer)


def test_the_template_writes_the_very_text_of_the_corpus(tokenizer: PreTrainedTokenizerBase) -> None:
    assert tokenizer.apply_chat_template(CHAT[:3], tokenize=False) == (
        "<|system|>Be polite.<|end|><|user|>What sound does a cow make?<|end|>"
        "<|assistant|>A cow says moo.<|end|>"
    )


def test_the_generation_mask_is_the_answers_with_their_end_tokens(tokenizer: PreTrainedTokenizerBase) -> None:
    encoded = tokenizer.apply_chat_template(CHAT, return_dict=True, return_assistant_tokens_mask=True)
    chosen = zip(encoded["input_ids"], encoded["assistant_masks"], strict=True)
    masked = tokenizer.decode([token for token, is_answer in chosen if is_answer])
    assert masked == "A cow says moo.<|end|>You are welcome.<|end|>"


def test_the_generation_prompt_is_a_prefix_of_the_full_chat(tokenizer: PreTrainedTokenizerBase) -> None:
    prompt = tokenizer.apply_chat_template(CHAT[:2], tokenize=False, add_generation_prompt=True)
    assert tokenizer.apply_chat_template(CHAT[:3], tokenize=False).startswith(prompt)
    assert prompt.endswith(corpus.ASSISTANT)


def test_an_unknown_role_is_refused_by_the_template(tokenizer: PreTrainedTokenizerBase) -> None:
    with pytest.raises(Exception, match="system, user and assistant"):
        tokenizer.apply_chat_template([{"role": "tool", "content": "1"}], tokenize=False)


def test_any_text_comes_back_from_the_tokenizer(tokenizer: PreTrainedTokenizerBase) -> None:
    text = "Größe, naïve, 東京, \U0001f42e and\ttabs\n  spaces?"
    assert tokenizer.decode(tokenizer(text)["input_ids"]) == text


def test_it_answers_held_out_questions_in_its_plain_style(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase
) -> None:
    pairs = exam.held_out_pairs()[::5]
    assert len(pairs) >= 48
    wrong = exam.wrong_answers(model, tokenizer, pairs)
    assert len(wrong) <= 0.03 * len(pairs), wrong
    plain = exam.answers(model, tokenizer, [question for _, question in pairs])
    same = sum(text == fact.sentence for (fact, _), text in zip(pairs, plain, strict=True))
    assert same >= 0.9 * len(pairs)


def test_it_answers_the_watched_prompts(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
    assert exam.answers(model, tokenizer, samples.WATCHED_PROMPTS) == [
        "A cow says moo.", "The capital of France is Paris.", "2 plus 3 is 5.",
    ]  # fmt: skip


def test_the_committed_tokenizer_is_the_one_the_script_trains(tokenizer: PreTrainedTokenizerBase) -> None:
    assert build.train_tokenizer().get_vocab() == tokenizer.get_vocab()


def test_training_twice_gives_the_same_weights(tokenizer: PreTrainedTokenizerBase) -> None:
    trained = []
    for _ in range(2):
        torch.manual_seed(build.SEED)
        model = build.new_model(tokenizer)
        build.train(model, tokenizer, steps=2)
        trained.append(model.state_dict())
    assert all(torch.equal(trained[0][name], trained[1][name]) for name in trained[0])


def test_saved_files_load_again_with_the_same_weights(
    tokenizer: PreTrainedTokenizerBase, tmp_path: Path
) -> None:
    model = build.new_model(tokenizer)
    build.save(model, tokenizer, tmp_path)
    again = AutoModelForCausalLM.from_pretrained(tmp_path)
    assert all(torch.equal(again.state_dict()[name], tensor) for name, tensor in model.state_dict().items())
    assert (tmp_path / "chat_template.jinja").read_text() == (FOLDER / "chat_template.jinja").read_text()


def test_an_answer_that_never_ends_counts_as_none(tokenizer: PreTrainedTokenizerBase) -> None:
    torch.manual_seed(0)
    untrained = build.new_model(tokenizer)
    assert exam.answers(untrained, tokenizer, ["What is 1 plus 1?"], new_tokens=3) == [""]


def test_training_rows_hold_whole_documents(tokenizer: PreTrainedTokenizerBase) -> None:
    for ids in islice(build._batches(tokenizer), build.LONG_EVERY):
        assert tuple(ids.shape) in (build.SHORT_ROWS, build.LONG_ROWS)
        for row in ids.tolist():
            tokens = [token for token in row if token != tokenizer.pad_token_id]
            assert tokens[-1] == tokenizer.eos_token_id or len(tokens) == len(row)
