"""A model's head taken tile by tile: whose head can be, and that it gives what the model's own logits give."""

import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import CohereConfig, CohereForCausalLM, GraniteConfig, GraniteForCausalLM

from engine.models import tiles
from engine.models.adapters import adapter_off, trained_parameters
from engine.models.embeddings import learn_words
from engine.models.head import head_of
from engine.models.tiles import Bend
from engine.models.word_sums import _Frozen
from engine.train.batches import collate
from engine.train.forward import Policy
from tests.models.all_families import ALL_FAMILIES, ENDS, SIZE, model_of
from tests.models.every_adapter import CASES, adapted, moved
from tests.models.tiny_models import tiny_model
from tests.train.tiny_runs import example

ROWS = [5, 17, 120, 399]  # words that learn; the examples below hold some of them


@pytest.fixture(autouse=True)
def _narrow_tiles(monkeypatch):
    monkeypatch.setitem(tiles._WIDTHS, "cpu", (48, 48))  # 400 words: eight tiles and a third of one


def batch():
    found = collate([example(0, 12), example(1, 9), example(2, 7)])
    found.targets[:3] = torch.tensor(ROWS[1:])
    return found


def compared(model, autocast=None):
    """Log-probabilities, averages and every gradient: by the model's own logits, and by its head's tiles."""
    found = []
    for head in (None, head_of(model)):
        model.zero_grad()
        tokens = Policy(model, "cpu", autocast, head=head).score(batch(), average=True)
        slope = torch.linspace(-1, 1, len(tokens.target), dtype=tokens.target.dtype)
        (tokens.target * slope + 0.3 * tokens.average).sum().backward()
        slopes = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
        found.append((tokens.target.detach(), tokens.average.detach(), slopes))
    assert head is not None
    return found


def assert_equal(model, tolerance=1e-6):
    (target, average, slopes), (our_target, our_average, our_slopes) = compared(model)
    torch.testing.assert_close(our_target, target, rtol=tolerance, atol=tolerance)
    torch.testing.assert_close(our_average, average, rtol=tolerance, atol=tolerance)
    assert our_slopes.keys() == slopes.keys() == trained_parameters(model).keys()
    for name, slope in slopes.items():
        assert (our_slopes[name] - slope).norm() <= tolerance * slope.norm() + 1e-12, name


def with_words(everything, model):
    model = adapted("lora", model)
    learn_words(model, everything, ROWS)
    return model


WAYS = {
    "lora": lambda model: adapted("lora", model),
    "full": lambda model: adapted("full", model),
    "all words": lambda model: with_words(True, model),
    "some words": lambda model: with_words(False, model),
}


# Both ways round differently in the last place (tests/models/test_word_sums.py), which two layers then enlarge.
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("family", ALL_FAMILIES)
def test_every_family_gets_the_numbers_of_its_own_logits(family, way):
    assert_equal(moved(WAYS[way](model_of(family))), 5e-6)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("family", ["llama", "gemma2"])
def test_one_matrix_that_reads_and_writes_learns_from_both(family, way):
    assert_equal(moved(WAYS[way](tiny_model(family, tie_word_embeddings=True)).double()))


@pytest.mark.parametrize("case", CASES)
def test_every_adapter_gets_the_numbers_of_the_models_own_logits(case):
    assert_equal(moved(adapted(case).double()))


@pytest.mark.parametrize("way", ["lora", "all words", "some words"])
def test_bfloat16_is_nearer_to_the_truth_than_the_models_own_logits(way):
    model = moved(WAYS[way](tiny_model().bfloat16()))
    hidden = torch.randn(40, 32, generator=torch.Generator().manual_seed(0)).bfloat16()
    targets = torch.arange(40) * 10 % 400
    with torch.no_grad():
        own = model.get_output_embeddings()(hidden).float().log_softmax(1)[range(40), targets]
        found = head_of(model).logps(hidden, targets)[0]
        weight = model.get_output_embeddings().weight.bfloat16().double()
        exact = (hidden.double() @ weight.T).log_softmax(1)[range(40), targets]
    assert (found - exact).abs().max() < 1e-4
    assert (own - exact).abs().max() > 1e-3


@pytest.mark.parametrize("way", ["full", "all words"])
def test_float32_weights_compute_in_the_numbers_that_were_asked_for(way):
    model = moved(WAYS[way](tiny_model()))
    (target, average, slopes), (our_target, our_average, our_slopes) = compared(model, torch.bfloat16)
    assert (our_target - target).abs().max() < 0.1  # the model's own logits have three digits
    assert (our_average - average).abs().max() < 0.1
    for name, slope in slopes.items():
        assert our_slopes[name].dtype == torch.float32
        assert (our_slopes[name] - slope).norm() < 0.05 * slope.norm(), name
    hidden = torch.randn(9, 32)
    with torch.autocast("cpu", torch.bfloat16), torch.no_grad():
        found = head_of(model).logps(hidden, torch.arange(9))[0]
    weight = model.get_output_embeddings().weight
    rounded = hidden.bfloat16().double() @ weight.bfloat16().double().T
    torch.testing.assert_close(
        found.double(), rounded.log_softmax(1).diagonal().detach(), atol=1e-4, rtol=1e-5
    )


def test_the_head_follows_the_adapter_off_and_on():
    for everything in (True, False):
        model, base = moved(with_words(everything, tiny_model())), tiny_model()
        policy = Policy(model, "cpu", head=head_of(model))
        with torch.no_grad():
            on = policy.score(batch()).target
            with adapter_off(model):
                off = policy.score(batch()).target
            assert torch.equal(policy.score(batch()).target, on)
            plain = Policy(base, "cpu", head=head_of(base)).score(batch()).target
        torch.testing.assert_close(off, plain)
        assert (on - off).abs().max() > 0.1


def is_formed_on_the_way(model, monkeypatch):
    """Whether the shortcut for weights that do not learn is taken."""
    taken, forward = [], _Frozen.forward
    monkeypatch.setattr(_Frozen, "forward", lambda *given: taken.append(given) or forward(*given))
    Policy(model, "cpu", head=head_of(model)).score(batch())
    return bool(taken)


def test_the_shortcut_is_for_a_head_that_does_not_learn(monkeypatch):
    frozen = adapted("lora", tiny_model(tie_word_embeddings=True))
    assert is_formed_on_the_way(frozen, monkeypatch)
    tied = tiny_model(tie_word_embeddings=True).requires_grad_(False)
    tied.get_input_embeddings().requires_grad_(True)
    biased = tiny_model().requires_grad_(False)
    biased.lm_head.bias = torch.nn.Parameter(torch.randn(400))
    for model in (WAYS["full"](tiny_model()), WAYS["all words"](tiny_model()), tied, biased):
        assert not is_formed_on_the_way(model, monkeypatch)


@pytest.mark.parametrize("is_learned", [True, False])
def test_a_heads_bias_counts(is_learned):
    model = tiny_model().double()
    model.lm_head.bias = torch.nn.Parameter(torch.randn(400, dtype=torch.float64))
    model.requires_grad_(is_learned)
    model.model.requires_grad_(True)
    assert_equal(model)


BENT = {
    "gemma2": (lambda: tiny_model("gemma2"), Bend(cap=30.0)),
    "granite divides": (
        lambda: GraniteForCausalLM(GraniteConfig(**SIZE, **ENDS, logits_scaling=8.0)),
        Bend(scale=0.125),
    ),
    "cohere multiplies": (
        lambda: CohereForCausalLM(CohereConfig(**SIZE, **ENDS, logit_scale=0.5)),
        Bend(scale=0.5),
    ),
    "llama": (tiny_model, Bend()),
}


@pytest.mark.parametrize("case", BENT)
def test_what_follows_the_head_is_found_and_counts(case):
    build, bend = BENT[case]
    torch.manual_seed(0)
    model = build().eval().double()
    assert head_of(model).bend == bend
    assert_equal(model)


def test_a_setting_that_the_model_does_not_follow_changes_nothing():
    model = tiny_model()
    model.config.logit_scale = 0.25
    assert head_of(model).bend == Bend()


def lora_on_the_head():
    return get_peft_model(tiny_model(), LoraConfig(r=2, target_modules=["q_proj", "lm_head"]))


def something_else_behind_the_head():
    model = tiny_model()

    def changed(module, inputs, kwargs, out):
        out.logits = out.logits.clamp(max=1.0)
        return out

    model.register_forward_hook(changed, with_kwargs=True)
    return model


def a_hook_on_the_head():
    model = tiny_model()
    model.lm_head.register_forward_hook(lambda module, inputs, scores: scores + inputs[0].sum())
    return model


def another_kind_of_head():
    model = tiny_model()

    class Doubled(torch.nn.Linear):
        def forward(self, hidden):
            return 2 * super().forward(hidden)

    model.lm_head = Doubled(32, 400, bias=False)
    return model


def two_layers():
    model = tiny_model()
    model.lm_head = torch.nn.Sequential(torch.nn.Linear(32, 32), torch.nn.Linear(32, 400))
    return model


def learned_rows_beside_a_bias():
    model = tiny_model()
    model.lm_head.bias = torch.nn.Parameter(torch.randn(400))
    return with_words(False, model)


REFUSED = [lora_on_the_head, something_else_behind_the_head, a_hook_on_the_head, another_kind_of_head]
REFUSED += [two_layers, learned_rows_beside_a_bias]


@pytest.mark.parametrize("build", REFUSED)
def test_a_head_that_does_anything_else_is_left_to_the_model(build):
    model = build()
    assert head_of(model) is None
    assert Policy(model, "cpu", head=head_of(model)).score(batch()).target.isfinite().all()


def test_looking_at_a_head_leaves_the_model_as_it_was():
    model = adapted("lora").train()
    hooks, state = len(model.get_output_embeddings()._forward_hooks), torch.get_rng_state()
    assert head_of(model) is not None
    assert model.training
    assert len(model.get_output_embeddings()._forward_hooks) == hooks
    assert torch.equal(torch.get_rng_state(), state)


def test_a_head_that_was_replaced_says_so():
    head = head_of(tiny_model())
    head.module.register_forward_hook(lambda *given: None)
    with pytest.raises(RuntimeError, match="replaced"):
        head.logps(torch.zeros(1, 32), torch.tensor([0]))
