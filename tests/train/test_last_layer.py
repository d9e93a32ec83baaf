"""The last layer computed at the scored positions alone: the same scores and gradients as with every row."""

from dataclasses import replace

import pytest
import torch

from engine.job.lora_settings import LoraSettings
from engine.models import attention, lean_lora
from engine.models.adapters import adapter_off, trained_parameters
from engine.models.head import head_of
from engine.models.lean import take_lean
from engine.models.lean_last import leave_last, take_last
from engine.models.lora_experts import with_lora_experts
from engine.models.recomputing import recompute_layers
from engine.models.segments import take_segments
from engine.models.wanted import wanted_now
from engine.train.batches import collate, pack, share
from engine.train.forward import Policy
from tests.models.all_families import ALL_FAMILIES
from tests.models.every_adapter import CASES, adapted, moved
from tests.models.lean_cases import low_rank
from tests.models.tiny_models import tiny_model
from tests.train.tiny_pairs import PROMPT, SEVERAL, pair
from tests.train.tiny_runs import example

DENSE = [family for family in ALL_FAMILIES if "moe" not in family and "mixtral" not in family]
MIXTURES = ["mixtral", "qwen3-moe", "qwen2-moe"]
WAYS = {"padded": collate, "packed": pack, "shared": share}
TWICE = [*SEVERAL, pair(4, [PROMPT * 3] * 2, [[101, 102, 103], [101, 102, 104, 105]])]


def found(policy, batch, mode="eval"):
    """Scores, and the gradient of everything that learns from a weighting of them, by name."""
    policy.model.train(mode == "train")
    torch.manual_seed(3)
    scores = policy.score(batch).target
    (scores * torch.linspace(-1, 2, len(scores))).sum().backward()
    grads = {name: weight.grad for name, weight in trained_parameters(policy.model).items()}
    policy.model.zero_grad()
    return scores.detach(), {name: grad for name, grad in grads.items() if grad is not None}


def assert_same(one, other, tolerance=1e-6):
    """As far as rounding allows: each difference beside the length of what it is part of."""
    assert set(one[1]) == set(other[1])
    longest = max(grad.norm() for grad in other[1].values())
    assert longest > 0
    for new, old in [(one[0], other[0]), *((grad, other[1][name]) for name, grad in one[1].items())]:
        assert (new - old).norm() <= tolerance * max(old.norm(), 0.01 * longest)


def both(policy, batch, mode="eval"):
    """What is found with every row, then at the scored positions alone."""
    last = take_last(policy.model)
    assert last is not None
    assert len(batch.scored) < 0.85 * batch.ids.numel()
    with_all = found(policy, batch, mode)
    return with_all, found(replace(policy, last=last), batch, mode)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("family", DENSE)
def test_scores_and_gradients_are_those_of_all_rows(family, way):
    model = low_rank(family)
    take_lean(model)
    assert way == "padded" or take_segments(model)
    with_all, narrow = both(Policy(model, "cpu", head=head_of(model)), WAYS[way](TWICE))
    assert_same(narrow, with_all, 1e-6)  # five places of float32 that are added in another order
    assert not torch.equal(narrow[0], torch.zeros_like(narrow[0]))


@pytest.mark.parametrize("block", [2, 128])
@pytest.mark.parametrize("family", ["llama", "sliding mistral", "sliding gemma2", "qwen3"])
def test_single_learned_tokens_far_apart_are_all_there_is(family, block, monkeypatch):
    monkeypatch.setattr(attention, "_FEWEST", block)
    monkeypatch.setattr(attention, "_ROWS", block)
    monkeypatch.setattr("engine.models.segments._GAP", 1)
    model = low_rank(family)
    take_lean(model)
    assert take_segments(model)
    rows = [example(at, length, prompt=length - 1) for at, length in enumerate((9, 21, 2))]
    scattered = [at in (3, 4, 9, 17) for at in range(20)]
    part = replace(example(3, 20).parts[0], trained=scattered)
    rows.append(replace(example(3, 20), parts=(part,)))
    batch = pack(rows)
    assert batch.scored.tolist() == [7, 28, 30, 34, 35, 40, 48]
    assert_same(*reversed(both(Policy(model, "cpu", head=head_of(model)), batch)))


@pytest.mark.parametrize("case", CASES)
def test_every_adapter_learns_the_same_or_is_left_alone(case):
    model = moved(adapted(case))
    take_lean(model)
    if case in ("prefix", "prefix-projection", "prompt", "p-tuning"):
        assert take_last(model) is None
        assert not any("forward" in vars(part) for part in model.modules())
        return
    assert_same(*reversed(both(Policy(model, "cpu"), collate(TWICE))), 1e-6)


def test_a_reference_without_its_adapter_is_the_same():
    model = low_rank("llama")
    take_lean(model)
    policy, batch = Policy(model, "cpu"), pack(SEVERAL)
    assert take_segments(model)
    last = take_last(model)
    with torch.no_grad(), adapter_off(model):
        with_all, narrow = (one.score(batch).target for one in (policy, replace(policy, last=last)))
    torch.testing.assert_close(narrow, with_all, atol=0, rtol=2e-6)


@pytest.mark.parametrize("family", MIXTURES)
def test_experts_see_every_token(family):
    model = low_rank(family, targets="attention")
    assert take_lean(model)
    assert take_last(model) is None


def test_lora_experts_see_every_token():
    model = with_lora_experts(tiny_model(), LoraSettings(rank=2), 4, 2)
    assert take_lean(model)
    assert take_last(model) is None


def test_what_mixes_tokens_with_weights_of_its_own_is_refused():
    model = tiny_model()
    model.model.layers[-1].short = torch.nn.Conv1d(32, 32, 3)
    assert take_last(model) is None
    model.model.layers[-1].short = torch.nn.Linear(32, 32)
    assert take_last(model) is not None


@pytest.mark.parametrize("count", [0, 1, 2])
@pytest.mark.parametrize("way", ["padded", "shared"])
def test_layers_computed_again_see_the_same_rows(way, count):
    model = low_rank("llama", dropout=0.3)
    take_lean(model)
    assert way == "padded" or take_segments(model)
    policy = Policy(model, "cpu", head=head_of(model), last=take_last(model))
    kept = found(policy, WAYS[way](SEVERAL), "train")
    assert recompute_layers(model, count) == count
    again = found(policy, WAYS[way](SEVERAL), "train")
    assert torch.equal(kept[0], again[0])
    assert all(torch.equal(grad, again[1][name]) for name, grad in kept[1].items())


def looked_at(policy, batch, monkeypatch):
    """Rows and outputs of every product of lean layers, and queries of every attention, in the order they come."""
    products, queries = [], []
    forward, blocks = lean_lora.forward, attention._blocks

    def multiplied(states, parts):
        products.append((len(states), len(parts)))
        return forward(states, parts)

    def asked(*arguments):
        for block in blocks(*arguments):
            queries[-1] += block.rows.stop - block.rows.start
            yield block

    def attended(*arguments):
        queries.append(0)
        return attend(*arguments)

    attend = attention.attend
    with monkeypatch.context() as patch:
        patch.setattr("engine.models.lean_lora.forward", multiplied)
        patch.setattr("engine.models.lean_mlp.forward", multiplied)
        patch.setattr("engine.models.attention._blocks", asked)
        patch.setattr("engine.models.segments.attend", attended)
        with torch.no_grad():
            policy.score(batch)
    return products, queries


def test_rows_that_nobody_reads_are_neither_multiplied_nor_attended_from(monkeypatch):
    model = low_rank("llama")
    take_lean(model)
    assert take_segments(model)
    policy, batch = Policy(model, "cpu", head=head_of(model)), pack(SEVERAL)
    rows, few = batch.ids.numel(), len(batch.scored)
    layer = [(rows, 3), (rows, 1), (rows, 2), (rows, 1)]  # q, k and v; o; gate and up; down
    assert looked_at(policy, batch, monkeypatch) == (layer * 2, [rows] * 2)
    last = [(few, 1), (rows, 2), (few, 1), (few, 2), (few, 1)]  # q; k and v; o; gate and up; down
    narrow = replace(policy, last=take_last(model))
    # Each answer's tokens but the last one are asked, and the prompt's last.
    assert looked_at(narrow, batch, monkeypatch) == (layer + last, [rows, few])


def test_where_nearly_all_count_nothing_is_chosen(monkeypatch):
    model = low_rank("llama")
    take_lean(model)
    policy = Policy(model, "cpu", last=take_last(model))
    for prompt, rows in ((1, 40), (8, 24)):  # two rows of 20, of which 19 and 12 are scored
        batch = collate([example(at, 20, prompt=prompt) for at in range(2)])
        assert looked_at(policy, batch, monkeypatch)[0][-1] == (rows, 1)


def test_a_batch_without_a_scored_token_still_goes_through():
    model = low_rank("llama")
    policy = Policy(model, "cpu", last=take_last(model))
    assert policy.score(collate([example(0, 5, prompt=5)])).target.shape == (0,)


def test_outside_of_scoring_every_row_is_computed_also_after_an_error(monkeypatch):
    model = low_rank("llama")
    take_lean(model)
    ids, batch = torch.arange(3, 19).reshape(2, 8), collate(SEVERAL)
    with torch.no_grad():
        before = model(input_ids=ids).logits
        policy = Policy(model, "cpu", head=head_of(model), last=take_last(model))
        policy.score(batch)
        assert wanted_now() is None
        torch.testing.assert_close(model(input_ids=ids).logits, before)

        def fail(*arguments):
            assert wanted_now() is not None
            raise ValueError("no scores")

        monkeypatch.setattr("engine.models.head.Head.logps", fail)
        with pytest.raises(ValueError, match="no scores"):
            policy.score(batch)
        assert wanted_now() is None


def test_who_watches_a_part_sees_every_row():
    model = low_rank("llama")
    take_lean(model)
    policy, batch, seen = Policy(model, "cpu", last=take_last(model)), collate(SEVERAL), []
    down = model.get_base_model().model.layers[-1].mlp.down_proj
    hook = down.register_forward_hook(lambda part, given, out: seen.append((out != 0).any(-1).all().item()))
    with torch.no_grad():
        policy.score(batch)
    hook.remove()
    assert seen == [True]


def test_leaving_gives_the_lean_layers_back():
    model = low_rank("llama")
    take_lean(model)
    policy, batch = Policy(model, "cpu"), collate(SEVERAL)
    forwards = [vars(part).get("forward") for part in model.modules()]
    before = found(policy, batch)
    for _ in range(2):
        last = take_last(model)
    assert [vars(part).get("forward") for part in model.modules()] != forwards
    leave_last(model)
    assert [vars(part).get("forward") for part in model.modules()] == forwards
    after = found(replace(policy, last=last), batch)
    assert torch.equal(before[0], after[0])
    assert all(torch.equal(grad, after[1][name]) for name, grad in before[1].items())


def test_queries_without_lean_layers_are_chosen_as_well():
    model = tiny_model("qwen3")  # trained whole
    assert not take_lean(model)
    assert take_segments(model)
    assert_same(*reversed(both(Policy(model, "cpu", head=head_of(model)), pack(SEVERAL))), 1e-6)
