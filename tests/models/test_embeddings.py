"""Word vectors that learn beside every adapter that can carry them: start, training, disk, merge, generation."""

import warnings

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file
from transformers import GPT2Config, GPT2LMHeadModel

from engine.job.errors import ModelError
from engine.models.adapters import (
    adapter_off,
    has_adapter,
    load_adapter,
    merge,
    restore_training,
    save_adapter,
    trained_parameters,
    training_state,
)
from engine.models.embeddings import learn_words, word_names, written_twice
from engine.models.generate import encode_prompt, generate
from tests.models.every_adapter import CASES, IDS, adapted, logits, moved
from tests.models.tiny_models import tiny_model, tiny_tokenizer

ROWS = [5, 17]
ALL = ["lora", "pissa", "dora", "loha", "lokr", "oft", "vera", "ia3", "layernorm", "freeze"]
WORDS = [(case, True) for case in ALL] + [(case, False) for case in ("lora", "pissa", "lora-dora")]
every = pytest.mark.parametrize(("case", "everything"), WORDS)
both = pytest.mark.parametrize("tied", [True, False])


def gpt2():
    torch.manual_seed(0)
    return GPT2LMHeadModel(GPT2Config(vocab_size=400, n_embd=32, n_layer=2, n_head=2, n_positions=64)).eval()


def base(tied, family="llama", **changes):
    if family == "gpt2":
        return gpt2()
    return tiny_model(family, tie_word_embeddings=tied, initializer_range=0.15, **changes)


def taught(case, everything, model, seed=1):
    """A model with an adapter beside which words learn, before training."""
    model = adapted(case, model, seed)
    learn_words(model, everything, [] if everything else ROWS)
    return model.eval()


def learned_rows(model):
    """Which rows of the reading matrix are elsewhere than in the base."""
    before, after = base(model.config.tie_word_embeddings), model
    inner = after.get_base_model() if isinstance(after, PeftModel) else after
    change = inner.get_input_embeddings().weight - before.get_input_embeddings().weight
    return change.abs().amax(dim=1).nonzero().flatten().tolist()


@both
@every
def test_it_starts_at_the_base(case, everything, tied):
    difference = (logits(taught(case, everything, base(tied))) - logits(base(tied))).abs().max()
    assert difference < 1e-5


@both
@every
def test_training_moves_the_named_rows_or_all_that_came_up(case, everything, tied):
    model = taught(case, everything, base(tied)).train()
    frozen = {name: w.detach().clone() for name, w in model.named_parameters() if not w.requires_grad}
    optimizer = torch.optim.AdamW(trained_parameters(model).values(), lr=0.02, weight_decay=0.0)
    losses = []
    for _ in range(6):
        scores = model(input_ids=IDS).logits
        loss = torch.nn.functional.cross_entropy(scores[:, :-1].flatten(0, 1), IDS[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] - 0.1
    assert all(torch.equal(dict(model.named_parameters())[name], old) for name, old in frozen.items())
    if not everything:
        assert learned_rows(model) == ROWS
    elif tied:  # each word is written or not in every step
        assert learned_rows(model) == list(range(400))
    else:  # nothing follows a row's last word
        assert learned_rows(model) == sorted(set(IDS[:, :-1].flatten().tolist()))


@both
@every
def test_saved_and_loaded_again_is_the_same(case, everything, tied, tmp_path):
    model = moved(taught(case, everything, base(tied)))
    save_adapter(model, tmp_path)
    found = load_adapter(base(tied), tmp_path)
    torch.testing.assert_close(logits(found), logits(model), atol=1e-5, rtol=1e-5)


@both
@pytest.mark.parametrize(("case", "everything"), [pair for pair in WORDS if pair[0] != "freeze"])
def test_peft_itself_opens_it(case, everything, tied, tmp_path):
    model = moved(taught(case, everything, base(tied)))
    save_adapter(model, tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = PeftModel.from_pretrained(base(tied), tmp_path)
    torch.testing.assert_close(logits(theirs), logits(model), atol=1e-5, rtol=1e-5)


@both
@every
def test_merged_equals_unmerged_and_tied_stays_tied(case, everything, tied, tmp_path):
    model = moved(taught(case, everything, base(tied)))
    expected = logits(model)
    save_adapter(model, tmp_path)
    merged = merge(load_adapter(base(tied), tmp_path))
    torch.testing.assert_close(logits(merged), expected, atol=1e-5, rtol=1e-5)
    assert merged.config.tie_word_embeddings == tied
    assert (merged.lm_head.weight is merged.model.embed_tokens.weight) == tied
    assert {type(part).__name__ for part in (merged.lm_head, merged.model.embed_tokens)} == {
        "Linear",
        "Embedding",
    }
    merged.save_pretrained(tmp_path / "merged")
    stored = load_file(tmp_path / "merged" / "model.safetensors")
    assert ("lm_head.weight" in stored) == (not tied)
    again = type(merged).from_pretrained(tmp_path / "merged")
    assert again.config.tie_word_embeddings == tied
    assert torch.equal(logits(again), logits(merged))


@pytest.mark.parametrize("everything", [True, False])
@pytest.mark.parametrize(
    ("family", "changes"), [("qwen3", {}), ("gemma2", {}), ("gpt2", {}), ("mistral", {})]
)
def test_other_families_keep_it_exact(family, changes, everything, tmp_path):
    model = moved(taught("lora", everything, base(True, family)))
    save_adapter(model, tmp_path)
    found = load_adapter(base(True, family), tmp_path)
    assert torch.equal(logits(found), logits(model))
    assert torch.equal(logits(PeftModel.from_pretrained(base(True, family), tmp_path)), logits(model))
    merged = merge(found)
    torch.testing.assert_close(logits(merged), logits(model), atol=1e-5, rtol=1e-5)
    assert merged.lm_head.weight is merged.get_input_embeddings().weight


@both
@pytest.mark.parametrize(("case", "everything"), [pair for pair in WORDS if pair[0] != "freeze"])
def test_switched_off_it_is_the_model_before_training(case, everything, tied):
    model = moved(taught(case, everything, base(tied)))
    assert has_adapter(model)
    learned = logits(model)
    names = trained_parameters(model).keys()
    with adapter_off(model):
        torch.testing.assert_close(logits(model), logits(base(tied)), atol=1e-5, rtol=1e-5)
    assert torch.equal(logits(model), learned)
    assert trained_parameters(model).keys() == names


@both
@every
def test_going_on_from_a_checkpoint_has_every_trained_number(case, everything, tied, tmp_path):
    model = moved(taught(case, everything, base(tied)))
    save_adapter(model, tmp_path)
    state = {name: value.clone() for name, value in training_state(model).items()}
    fresh = taught(case, everything, base(tied), seed=2)
    load_adapter(fresh, tmp_path)
    restore_training(fresh, state)
    assert trained_parameters(fresh).keys() == trained_parameters(model).keys()
    for name, weight in trained_parameters(fresh).items():
        assert torch.equal(weight, trained_parameters(model)[name]), name
    assert torch.equal(logits(fresh), logits(model))


@both
@pytest.mark.parametrize(("case", "everything"), [("lora", True), ("lora", False), ("freeze", True)])
def test_generation_with_cache_equals_without(case, everything, tied):
    tokenizer = tiny_tokenizer()
    model = moved(taught(case, everything, base(tied)))
    answer = generate(model, tokenizer, "the dog", seed=0, temperature=0.0, max_new_tokens=12, end_ids=[])
    ids = encode_prompt(tokenizer, "the dog")
    start = len(ids)
    for _ in range(12):
        ids.append(int(logits(model, torch.tensor([ids]))[0, -1].argmax()))
    assert answer.text == tokenizer.decode(ids[start:], skip_special_tokens=True)


@both
@pytest.mark.parametrize(("case", "everything"), [pair for pair in WORDS if pair[0] in ("lora", "ia3")])
def test_beside_a_16_bit_base_words_learn_in_float32(case, everything, tied):
    model = taught(case, everything, base(tied).to(torch.bfloat16)).train()
    assert {weight.dtype for weight in trained_parameters(model).values()} == {torch.float32}
    scores = model(input_ids=IDS).logits
    assert scores.dtype == torch.bfloat16
    scores.float().square().mean().backward()
    named = [w for name, w in trained_parameters(model).items() if "embed_tokens" in name]
    assert named
    assert all(bool(w.grad.any()) for w in named)


@both
def test_a_16_bit_base_gives_its_own_scores_at_first(tied):
    narrow = base(tied).to(torch.bfloat16)
    expected = logits(narrow)
    assert torch.equal(logits(taught("lora", True, narrow)), expected)


@both
def test_the_words_are_known_by_name(tied):
    model = taught("lora", True, base(tied))
    inside = "base_model.model.{}.modules_to_save.default.weight"
    expected = {inside.format("model.embed_tokens")} | (set() if tied else {inside.format("lm_head")})
    assert word_names(model) == expected
    assert word_names(taught("lora", False, base(tied))) == set()
    whole = adapted("full", base(tied))
    assert word_names(whole) == {"model.embed_tokens.weight"} | (set() if tied else {"lm_head.weight"})


def test_reading_and_writing_that_learned_apart_is_refused_where_the_model_has_one_matrix(tmp_path):
    save_adapter(moved(taught("ia3", True, base(False))), tmp_path)
    with pytest.raises(ModelError, match="with two matrices, this model with one"):
        load_adapter(base(True), tmp_path)


def test_an_adapter_for_more_tokens_than_the_model_has_is_refused(tmp_path):
    save_adapter(moved(taught("lora", True, base(False))), tmp_path)
    with pytest.raises(ModelError, match="made for another model"):
        load_adapter(base(False, vocab_size=390), tmp_path)


def test_tokens_that_the_base_lacks_are_refused_in_words(tmp_path):
    model = adapted("lora", base(False))
    learn_words(model, False, [399])
    save_adapter(model, tmp_path)
    with pytest.raises(ModelError, match="does not go with"):
        load_adapter(base(False, vocab_size=390), tmp_path)


@both
def test_a_matrix_that_reads_and_writes_is_counted_as_it_is_written(tied, tmp_path):
    model = taught("lora", True, base(tied))
    save_adapter(model, tmp_path)
    stored = sum(weight.numel() for weight in load_file(tmp_path / "adapter_model.safetensors").values())
    learning = sum(weight.numel() for weight in trained_parameters(model).values())
    assert stored == learning + written_twice(model)
    assert written_twice(model) == (400 * 32 if tied else 0)
    assert written_twice(taught("lora", False, base(tied))) == written_twice(adapted("full", base(tied))) == 0


def test_every_case_that_can_carry_words_is_tested():
    from engine.job.adapters import ADAPTERS

    kinds = {CASES[case][0] for case, _ in WORDS} | {"full"}
    assert kinds == {kind for kind, card in ADAPTERS.items() if card.can_learn_words}


def test_a_file_whose_words_are_missing_is_refused(tmp_path):
    save_adapter(taught("lora", True, base(False)), tmp_path)
    path = tmp_path / "adapter_model.safetensors"
    state = {name: weight for name, weight in load_file(path).items() if "lm_head" not in name}
    save_file(state, path, metadata={"format": "pt"})
    with pytest.raises(ModelError, match="lacks the tensor"):
        load_adapter(base(False), tmp_path)
