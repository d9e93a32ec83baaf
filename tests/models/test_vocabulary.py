"""New tokens in a tokenizer and rows for them in a model, before anything learns."""

import pytest
import torch
from transformers import AutoTokenizer, GPT2Config, GPT2LMHeadModel

from engine.data.rows import Conversation, Message
from engine.job.errors import JobError
from engine.models.load import load_model, load_tokenizer
from engine.models.template import encode, open_template
from engine.models.vocabulary import add_tokens, extended, token_ids
from tests.models.every_adapter import IDS, logits
from tests.models.tiny_folders import tiny_folder
from tests.models.tiny_models import FAMILIES, tiny_model, tiny_tokenizer

NEW = ("<tool>", "</tool>")


def loaded(folder, family="llama", dtype="float32", **changes):
    return load_model(tiny_folder(folder, family, **changes), dtype, "cpu")


@pytest.mark.parametrize("spare", [0, 7])
@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("family", FAMILIES)
def test_old_tokens_keep_their_scores(family, tied, spare, tmp_path):
    known = len(
        load_tokenizer(tiny_folder(tmp_path / "probe", family))
    )  # some families bring a token of their own
    base = loaded(tmp_path, family, tie_word_embeddings=tied, vocab_size=known + spare)
    before = logits(base.model)
    after = extended(base, NEW)
    assert after.info.vocab == after.model.config.vocab_size == known + max(spare, 2)
    torch.testing.assert_close(
        logits(after.model)[..., :known],
        before[..., :known],
        atol=1e-6 if family != "gemma2" else 1e-5,
        rtol=0,
    )
    assert (after.model.lm_head.weight is after.model.get_input_embeddings().weight) == tied
    assert after.model.config.tie_word_embeddings == tied


def folder_without_spare_rows(folder, **changes):
    """The tiny tokenizer has fewer tokens than the tiny models have rows."""
    return tiny_folder(folder, vocab_size=len(tiny_tokenizer()), **changes)


@pytest.mark.parametrize("tied", [True, False])
def test_a_new_token_begins_as_the_mean_of_all_words(tied, tmp_path):
    folder = folder_without_spare_rows(tmp_path, tie_word_embeddings=tied)
    old = len(tiny_tokenizer())
    found = extended(load_model(folder, "float32", "cpu"), NEW)
    assert token_ids(found.tokenizer, NEW) == [old, old + 1]
    for weight in (found.model.get_input_embeddings().weight, found.model.lm_head.weight):
        assert weight.shape == (old + 2, 32)
        expected = torch.stack([weight[i] for i in range(old)]).double().mean(0).float()
        torch.testing.assert_close(weight[old:], expected.expand(2, -1), atol=1e-6, rtol=0)
    # Two rows of 32 numbers, twice where reading and writing have a matrix each.
    assert found.info.parameters - load_model(folder, "float32", "cpu").info.parameters == 64 * (2 - tied)


def test_it_begins_with_the_same_numbers_every_time(tmp_path):
    folder = folder_without_spare_rows(tmp_path)
    found = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        found.append(extended(load_model(folder, "float32", "cpu"), NEW).model.lm_head.weight)
    assert torch.equal(*found)


def test_a_models_spare_rows_are_used_before_it_grows(tmp_path):
    base = loaded(tmp_path, vocab_size=500)
    found = extended(base, NEW)
    assert found.info.vocab == 500
    assert found.info.parameters == base.info.parameters
    first = token_ids(found.tokenizer, NEW)[0]
    assert first < 500
    weight = found.model.get_input_embeddings().weight
    torch.testing.assert_close(weight[first], weight[:first].mean(0), atol=1e-6, rtol=0)


def test_a_model_grows_only_by_what_its_spare_rows_lack(tmp_path):
    known = len(tiny_tokenizer())
    found = extended(loaded(tmp_path, vocab_size=known + 1), ("<a>", "<b>", "<c>"))
    assert found.info.vocab == known + 3


def test_gpt2_reads_and_writes_with_one_matrix_afterwards_as_well():
    torch.manual_seed(0)
    model = GPT2LMHeadModel(GPT2Config(vocab_size=400, n_embd=32, n_layer=1, n_head=2, n_positions=64)).eval()
    before = logits(model)
    from engine.models.vocabulary import _give_rows

    _give_rows(model, [400], 400)
    torch.testing.assert_close(logits(model)[..., :400], before, atol=1e-6, rtol=0)
    assert model.lm_head.weight is model.transformer.wte.weight


def test_a_message_that_holds_one_means_it_and_control_tokens_stay_text(tmp_path):
    tokenizer = tiny_tokenizer()
    first, second = add_tokens(tokenizer, NEW)
    template = open_template(tokenizer)
    row = Conversation(1, (Message("user", "the <tool>fox</tool> <|end|>"), Message("assistant", "<tool>")))
    found = encode(row, tokenizer, template, "answers", None)
    end = tokenizer.convert_tokens_to_ids("<|end|>")
    assert found.ids.count(first) == 2
    assert found.ids.count(second) == 1
    assert found.ids.count(end) == 2  # the two turns' own ends
    assert [i for i, learned in zip(found.ids, found.trained, strict=True) if learned] == [first, end]


def test_an_answer_shows_it(tmp_path):
    tokenizer = tiny_tokenizer()
    first, _ = add_tokens(tokenizer, NEW)
    assert tokenizer.decode([first], skip_special_tokens=True) == "<tool>"


def test_the_tokenizer_is_saved_with_it(tmp_path):
    tokenizer = tiny_tokenizer()
    ids = add_tokens(tokenizer, NEW)
    tokenizer.save_pretrained(tmp_path)
    again = AutoTokenizer.from_pretrained(tmp_path)
    assert again("<tool></tool>", add_special_tokens=False)["input_ids"] == ids


@pytest.mark.parametrize("token", ["<|end|>", " dog", "a"])
def test_a_token_that_exists_already_is_refused(token):
    with pytest.raises(JobError, match="is one token of this model already"):
        add_tokens(tiny_tokenizer(), ["<new>", token])


def test_a_token_that_was_added_is_refused_the_second_time():
    tokenizer = tiny_tokenizer()
    add_tokens(tokenizer, NEW)
    with pytest.raises(JobError, match="'</tool>'"):
        add_tokens(tokenizer, ["</tool>"])


def test_without_new_tokens_nothing_happens(tmp_path):
    base = loaded(tmp_path)
    assert extended(base, ()) is base
    assert torch.equal(logits(base.model), logits(tiny_model()))
    assert IDS.max() < len(base.tokenizer)
