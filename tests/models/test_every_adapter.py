"""What holds for every card of adapters: start, training, disk, merge, generation."""

import pytest
import torch
from peft import PeftModel
from transformers import GPT2Config, GPT2LMHeadModel

from engine.job.adapters import ADAPTERS
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
from engine.models.fingerprint import fingerprint
from engine.models.generate import generate
from tests.models.every_adapter import BESIDE, CASES, IDS, MERGING, OF_PEFT, adapted, logits, moved
from tests.models.tiny_models import FAMILIES, tiny_model, tiny_tokenizer


def plain(case, **changes):
    """The base in the numbers that the adapter holds it in."""
    return tiny_model(**changes)


@pytest.mark.parametrize("case", CASES)
def test_it_starts_at_the_base_or_says_that_it_does_not(case):
    difference = (logits(adapted(case)) - logits(tiny_model())).abs().max()
    if ADAPTERS[CASES[case][0]].starts_at_base:
        assert difference < 1e-5
    else:
        assert difference > 0.05


@pytest.mark.parametrize("case", CASES)
def test_training_lowers_the_loss_and_leaves_the_rest_alone(case):
    model = adapted(case).train()
    frozen = {name: w.detach().clone() for name, w in model.named_parameters() if not w.requires_grad}
    rate = {"vera": 0.3, "ia3": 0.1, "prompt": 0.3}.get(case, 0.02)
    optimizer = torch.optim.AdamW(trained_parameters(model).values(), lr=rate)
    losses = []
    for _ in range(12):
        scores = model(input_ids=IDS).logits[:, -IDS.shape[1] :]
        loss = torch.nn.functional.cross_entropy(scores[:, :-1].flatten(0, 1), IDS[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] - 0.1
    assert all(torch.equal(dict(model.named_parameters())[name], old) for name, old in frozen.items())


@pytest.mark.parametrize("case", [name for name in CASES if name != "full"])
def test_saved_and_loaded_again_is_the_same(case, tmp_path):
    model = moved(adapted(case))
    save_adapter(model, tmp_path)
    found = load_adapter(tiny_model(), tmp_path)
    torch.testing.assert_close(logits(found), logits(model), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("case", OF_PEFT)
def test_peft_itself_opens_it_on_the_untouched_base(case, tmp_path):
    model = moved(adapted(case))
    save_adapter(model, tmp_path)
    theirs = PeftModel.from_pretrained(tiny_model(), tmp_path)
    torch.testing.assert_close(logits(theirs), logits(model), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("case", MERGING)
def test_merged_equals_unmerged(case, tmp_path):
    model = moved(adapted(case))
    expected = logits(model)
    assert (expected - logits(tiny_model())).abs().max() > 0.01
    save_adapter(model, tmp_path)
    merged = merge(load_adapter(tiny_model(), tmp_path))
    torch.testing.assert_close(logits(merged), expected, atol=1e-5, rtol=1e-5)
    assert type(merged) is type(tiny_model())


@pytest.mark.parametrize("case", BESIDE)
def test_what_stays_beside_the_model_refuses_to_merge(case):
    with pytest.raises(ModelError, match="cannot be built"):
        merge(moved(adapted(case)))


@pytest.mark.parametrize("case", [name for name in CASES if ADAPTERS[CASES[name][0]].can_switch_off])
def test_switched_off_it_is_the_model_before_training(case):
    model = moved(adapted(case))
    assert has_adapter(model)
    learned = logits(model)
    with adapter_off(model):
        torch.testing.assert_close(logits(model), logits(tiny_model()), atol=1e-5, rtol=1e-5)
    assert torch.equal(logits(model), learned)
    assert not torch.equal(learned, logits(tiny_model()))


@pytest.mark.parametrize("case", CASES)
def test_going_on_from_a_checkpoint_has_every_trained_number(case, tmp_path):
    model = moved(adapted(case))
    save_adapter(model, tmp_path)
    state = {name: value.clone() for name, value in training_state(model).items()}
    fresh = adapted(case, seed=2)
    load_adapter(fresh, tmp_path)
    restore_training(fresh, state)
    assert trained_parameters(fresh).keys() == trained_parameters(model).keys()
    for name, weight in trained_parameters(fresh).items():
        assert torch.equal(weight, trained_parameters(model)[name]), name
    assert torch.equal(logits(fresh), logits(model))


@pytest.mark.parametrize("case", CASES)
def test_generation_with_cache_equals_without(case):
    tokenizer = tiny_tokenizer()
    model = moved(adapted(case))
    answer = generate(model, tokenizer, "the dog", seed=0, temperature=0.0, max_new_tokens=12, end_ids=[])
    from engine.models.generate import encode_prompt

    ids = encode_prompt(tokenizer, "the dog")
    start = len(ids)
    for _ in range(12):
        ids.append(int(logits(model, torch.tensor([ids]))[0, -1].argmax()))
    assert answer.text == tokenizer.decode(ids[start:], skip_special_tokens=True)


@pytest.mark.parametrize("case", CASES)
def test_a_16_bit_base_trains_its_adapter_in_float32(case):
    model = adapted(case, tiny_model().to(torch.bfloat16)).train()
    assert {weight.dtype for weight in trained_parameters(model).values()} == {torch.float32}
    model(input_ids=IDS, attention_mask=torch.ones_like(IDS)).logits.float().square().mean().backward()
    assert any(w.grad is not None and bool(w.grad.any()) for w in trained_parameters(model).values())


@pytest.mark.parametrize("case", CASES)
def test_the_fingerprint_follows_what_was_learned(case):
    assert fingerprint(adapted(case)) != fingerprint(moved(adapted(case)))


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(
    "case", ["dora", "oft", "ia3", "bottleneck", "prefix", "prompt", "layernorm", "freeze"]
)
def test_every_family_takes_it(case, family, tmp_path):
    model = moved(adapted(case, tiny_model(family)))
    save_adapter(model, tmp_path)
    found = load_adapter(tiny_model(family), tmp_path)
    torch.testing.assert_close(logits(found), logits(model), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    "case", ["lora", "dora", "pissa", "ia3", "bottleneck", "prefix", "prompt", "layernorm", "freeze"]
)
def test_matrices_that_stand_the_other_way_round(case, tmp_path):
    def base():
        torch.manual_seed(0)
        config = GPT2Config(vocab_size=400, n_embd=32, n_layer=2, n_head=2, n_positions=64)
        return GPT2LMHeadModel(config).eval()

    model = moved(adapted(case, base()))
    save_adapter(model, tmp_path)
    found = load_adapter(base(), tmp_path)
    torch.testing.assert_close(logits(found), logits(model), atol=1e-5, rtol=1e-5)
    if ADAPTERS[CASES[case][0]].can_merge:
        torch.testing.assert_close(logits(merge(found)), logits(model), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("case", ["loha", "lokr", "oft", "vera"])
def test_an_adapter_that_cannot_turn_matrices_says_so(case):
    config = GPT2Config(vocab_size=400, n_embd=32, n_layer=1, n_head=2)
    with pytest.raises(ModelError, match="other way round"):
        adapted(case, GPT2LMHeadModel(config))
