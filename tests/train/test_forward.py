import dataclasses

import pytest
import torch

from engine.job.adapters import LoraSettings
from engine.models.adapters import add_lora
from engine.models.head import head_of
from engine.models.segments import take_segments
from engine.train.batches import Example, collate, pack, share
from engine.train.forward import Policy, scored_hidden, scored_logits
from tests.models.all_families import ALL_FAMILIES, model_of
from tests.train.tiny_runs import example


def logp_alone(model, part):
    """One sequence through the plain model, every number written out."""
    with torch.no_grad():
        logits = model(input_ids=torch.tensor([part.ids])).logits[0].double()
    logps = logits.log_softmax(-1)
    return sum(
        logps[place - 1, token].item()
        for place, token in enumerate(part.ids)
        if place and part.trained[place]
    )


def padded_on_the_left(examples):
    """The batch with every text at its row's end, each token's place counted from the mask."""
    right = collate(examples)
    lengths = [stop for _, _, stop in right.spans]
    width = right.ids.shape[1]
    rolled = [row.roll(width - length) for row, length in zip(right.ids, lengths, strict=True)]
    mask = torch.tensor([[0] * (width - length) + [1] * length for length in lengths])
    shift = torch.tensor([width - length for length in lengths])[right.rows]
    places = (mask.cumsum(-1) - 1).clamp(min=0)
    ids = torch.stack(rolled)
    return dataclasses.replace(right, ids=ids, mask=mask, places=places, positions=right.positions + shift)


LAYOUTS = {
    "alone": lambda examples: [collate([one]) for one in examples],
    "right-padded": lambda examples: [collate(examples)],
    "left-padded": lambda examples: [padded_on_the_left(examples)],
    "packed": lambda examples: [pack(examples)],
    "shared": lambda examples: [share(examples)],
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("family", ALL_FAMILIES)
def test_a_rows_log_probability_is_the_same_however_it_is_laid_out(family, layout):
    model = model_of(family)
    examples = [example(0, 12, parts=2), example(1, 5, parts=2), example(2, 8, prompt=5, parts=2)]
    expected = [[logp_alone(model, e.parts[side]) for e in examples] for side in (0, 1)]
    assert layout not in ("packed", "shared") or take_segments(model)
    with torch.no_grad():
        policy = Policy(model, "cpu", head=head_of(model))
        found = [policy.score_pairs(batch) for batch in LAYOUTS[layout](examples)]
    for side, name in enumerate(("chosen", "rejected")):
        sums = torch.cat([getattr(pairs, name) for pairs in found]).double()
        # Sums of about 80 nats, where float32 goes in steps of 7.6e-6: each of the two may be one step off.
        torch.testing.assert_close(sums, torch.tensor(expected[side]).double(), atol=2e-5, rtol=0)
        assert min(-sums) > 8
    assert torch.cat([pairs.chosen_tokens for pairs in found]).tolist() == [10, 3, 3]
    assert torch.cat([pairs.rejected_tokens for pairs in found]).tolist() == [11, 4, 4]


def test_the_common_length_of_a_pair_is_summed_apart():
    model, examples = model_of("llama"), [example(0, 12, parts=2), example(1, 5, parts=2)]
    examples.append(Example(2, 3, (examples[0].parts[0], examples[1].parts[0])))  # 10 and 3 tokens
    with torch.no_grad():
        pairs = Policy(model, "cpu").score_pairs(collate(examples))
    shortened = [dataclasses.replace(part, trained=first(part.trained, 3)) for part in examples[2].parts]
    expected = [logp_alone(model, part) for part in shortened]
    assert pairs.chosen_shared[2].item() == pytest.approx(expected[0], abs=1e-4)
    assert pairs.rejected_shared[2].item() == pytest.approx(expected[1], abs=1e-4)
    assert torch.equal(pairs.rejected_shared[2], pairs.rejected[2])
    assert torch.equal(
        pairs.chosen_shared[:2], pairs.chosen[:2]
    )  # one token shorter than the rejected answers


def first(trained, count):
    """Only the first so many learned tokens stay learned."""
    places = [place for place, is_learned in enumerate(trained) if is_learned][:count]
    return [place in places for place in range(len(trained))]


def test_the_head_sees_scored_positions_only():
    model = add_lora(model_of("gemma2"), LoraSettings(rank=2))
    batch, seen = collate([example(0, 12), example(1, 5, prompt=4)]), []
    model.get_output_embeddings().register_forward_hook(lambda module, inputs, out: seen.append(out.shape))
    logits = scored_logits(model, batch)
    assert seen == [(1, 11, 400)]
    assert logits.shape == (11, 400)
    full = model(input_ids=batch.ids, attention_mask=batch.mask).logits.flatten(0, 1)[batch.positions]
    torch.testing.assert_close(logits, full, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("family", ALL_FAMILIES)
def test_with_a_head_of_ours_the_models_own_sees_nothing(family):
    model, batch, seen = model_of(family), collate([example(0, 12), example(1, 5, prompt=4)]), []
    model.get_output_embeddings().register_forward_hook(lambda module, inputs, out: seen.append(out.shape))
    hidden = scored_hidden(model, batch)
    assert seen == [(1, 0, 400)]
    torch.testing.assert_close(model.get_output_embeddings()(hidden), own_products(model, batch))


def own_products(model, batch):
    """What the model's own head makes of every token, before anything that follows it."""
    found = []
    hook = model.get_output_embeddings().register_forward_hook(lambda part, given, out: found.append(out))
    model(input_ids=batch.ids, attention_mask=batch.mask)
    hook.remove()
    return found[0].flatten(0, 1)[batch.positions]


def test_layers_computed_again_in_the_backward_pass_give_the_same_gradients():
    slopes = []
    for checkpointing in (False, True):
        model = add_lora(model_of("llama"), LoraSettings(rank=2)).train()
        if checkpointing:
            model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
            model.enable_input_require_grads()
        policy = Policy(model, "cpu", head=head_of(model))
        policy.score(collate([example(0, 12), example(1, 5)])).target.sum().backward()
        slopes.append(torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None]))
    assert torch.equal(*slopes)
    assert slopes[0].abs().max() > 0


def test_the_mean_over_all_words_is_computed_only_where_it_is_asked_for():
    model, batch = model_of("gemma2"), collate([example(0, 12)])
    for head in (None, head_of(model)):
        policy = Policy(model, "cpu", head=head)
        assert policy.score(batch).average is None
        assert policy.score(batch, average=True).average.shape == policy.score(batch).target.shape


def test_a_model_held_in_float32_can_compute_in_bfloat16():
    model, batch = model_of("llama"), collate([example(0, 12)])
    exact = Policy(model, "cpu").score(batch).target
    narrow = Policy(model, "cpu", torch.bfloat16).score(batch).target
    assert narrow.dtype == torch.float32
    assert 0 < (exact - narrow).abs().max() < 0.5
