"""What stays as it was beside the lean ways: files, merging, generation, recomputation; and what they leave alone."""

import copy

import pytest
import torch
from peft import PeftModel
from transformers.models.llama.modeling_llama import LlamaRMSNorm

from engine.job.lora_settings import LoraSettings
from engine.models.adapters import load_adapter, merge, save_adapter, training_state
from engine.models.generate import generate
from engine.models.lean import leave_lean, take_lean
from engine.models.load import load_model
from engine.models.lora import add_lora, at_pissa_start, lora_layers, pissa_start
from tests.models.every_adapter import CASES, adapted, logits, moved
from tests.models.lean_cases import IDS, bytes_kept, distance, low_rank, outcome
from tests.models.tiny_folders import tiny_folder
from tests.models.tiny_models import tiny_model, tiny_tokenizer

OTHER_WAYS = [case for case in CASES if case not in ("lora", "rslora", "ranks", "pissa", "pissa-rslora")]
NAMES = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def alike(model, tolerance=1e-4):
    """Whether logits and all gradients are what PEFT's own layers give."""
    leave_lean(model)
    expected, grads = outcome(model)
    assert take_lean(model)
    found, lean = outcome(model)
    assert distance(found, expected) < 1e-5
    assert all(distance(lean[name], grad) < tolerance for name, grad in grads.items())


def ours(model):
    """The names of the modules that compute in a lean way."""
    return {
        name.removeprefix("base_model.model.")
        for name, part in model.named_modules()
        if "forward" in vars(part)
    }


@pytest.mark.parametrize("case", ["lora", "rslora", "ranks", "pissa"])
def test_every_kind_of_plain_lora_is_covered(case):
    model = moved(adapted(case))
    alike(model)
    layer = "model.layers.0"
    norms = {"model.norm", f"{layer}.input_layernorm", f"{layer}.post_attention_layernorm"}
    products = {
        f"{layer}.{part.split('.')[0]}.{part.split('.')[1]}" for part in ("mlp.down_proj", "self_attn.q_proj")
    }
    assert norms | products | {f"{layer}.mlp"} <= ours(model)


@pytest.mark.parametrize("case", OTHER_WAYS)
def test_other_adapters_keep_their_own_way(case):
    model = moved(adapted(case))
    expected = logits(model)
    assert not take_lean(model)
    assert not ours(model)
    assert torch.equal(logits(model), expected)


@pytest.mark.parametrize(
    "names", [["q_proj", "v_proj"], ["k_proj"], ["down_proj"], ["up_proj"], ["o_proj", "gate_proj"]]
)
def test_some_of_a_group_may_have_an_adapter(names):
    alike(low_rank(names=names))
    alike(low_rank("qwen2", names=names))


def test_dropout_in_training_is_pefts_and_none_in_checks_is_ours():
    model = low_rank(dropout=0.5)
    alike(model.eval())
    model.train()
    torch.manual_seed(7)
    lean = outcome(model)[0]
    leave_lean(model)
    torch.manual_seed(7)
    assert torch.equal(outcome(model)[0], lean)


def test_compressed_matrices_keep_pefts_layer(tmp_path):
    folder = tiny_folder(tmp_path / "model", hidden_size=64, intermediate_size=128)
    model = moved(add_lora(load_model(folder, "float32", "cpu", "nf4").model, LoraSettings(rank=4)))
    expected = logits(model)
    assert not take_lean(model)
    assert torch.equal(logits(model), expected)


def test_what_is_built_in_is_not_added_twice():
    model = low_rank()
    take_lean(model)
    expected = logits(model)
    model.merge_adapter()
    torch.testing.assert_close(logits(model), expected, atol=1e-5, rtol=1e-5)
    model.unmerge_adapter()
    torch.testing.assert_close(logits(model), expected, atol=1e-5, rtol=1e-5)


def test_files_are_the_same_byte_for_byte(tmp_path):
    model = low_rank()
    names = list(model.state_dict())
    save_adapter(model, tmp_path / "before")
    take_lean(model)
    save_adapter(model, tmp_path / "after")
    assert list(model.state_dict()) == names
    for file in sorted((tmp_path / "before").iterdir()):
        assert file.read_bytes() == (tmp_path / "after" / file.name).read_bytes()
    theirs = PeftModel.from_pretrained(tiny_model(), tmp_path / "after")
    torch.testing.assert_close(logits(theirs), logits(model), atol=1e-5, rtol=1e-5)


def test_it_merges_into_a_plain_model():
    model = low_rank()
    take_lean(model)
    expected = logits(model)
    merged = merge(model)
    assert not ours(merged)
    torch.testing.assert_close(logits(merged), expected, atol=1e-5, rtol=1e-5)


def test_parts_that_took_the_place_of_others_are_the_ones_that_compute():
    model = low_rank(names=["q_proj", "down_proj"])
    take_lean(model)
    layer = model.get_base_model().model.layers[0]
    layer.self_attn.k_proj = torch.nn.Linear(32, 16, bias=False).requires_grad_(False)
    layer.mlp.down_proj = torch.nn.Linear(48, 32)
    layer.mlp.up_proj = torch.nn.Sequential(layer.mlp.up_proj, torch.nn.Tanh())
    found = logits(model)
    leave_lean(model)
    torch.testing.assert_close(found, logits(model), atol=1e-5, rtol=1e-5)


def test_weights_are_read_at_each_call(tmp_path):
    model = low_rank()
    save_adapter(model, tmp_path)
    take_lean(model)
    expected = logits(model)
    learned = {name: part.lora_B["default"].weight.data for name, part in lora_layers(model)}
    for _, part in lora_layers(model):
        part.lora_B["default"].weight.data = torch.zeros_like(part.lora_B["default"].weight)
    torch.testing.assert_close(logits(model), logits(tiny_model()))
    for name, part in lora_layers(model):
        part.lora_B["default"].weight.data = learned[name]
    assert torch.equal(logits(model), expected)
    assert torch.equal(logits(load_adapter(moved(model), tmp_path)), expected)


def test_pissas_start_and_state_are_the_same():
    model = moved(adapted("pissa"))
    with at_pissa_start(model, pissa_start(model)):
        start = logits(model)
    take_lean(model)
    with at_pissa_start(model, pissa_start(model)):
        torch.testing.assert_close(logits(model), start, atol=1e-5, rtol=1e-5)
    assert training_state(model).keys() == training_state(adapted("pissa")).keys()


def test_generation_with_cache_gives_the_same_words():
    model, tokenizer = low_rank(), tiny_tokenizer()
    own = generate(model, tokenizer, "the dog", seed=0, temperature=0.0, max_new_tokens=12, end_ids=[])
    take_lean(model)
    lean = generate(model, tokenizer, "the dog", seed=0, temperature=0.0, max_new_tokens=12, end_ids=[])
    assert lean.text == own.text


@pytest.mark.parametrize("family", ["llama", "qwen3", "gemma2", "olmo2"])
def test_recomputing_layers_changes_no_gradient(family):
    model = low_rank(family)
    take_lean(model)
    expected = outcome(model)[1]
    model.train().gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    found = outcome(model)[1]
    assert all(distance(found[name], grad) < 1e-6 for name, grad in expected.items())
    assert not waiting(model)


def waiting(model):
    """Results that were computed together and not asked for yet."""
    groups = [
        part.forward.group for part in model.modules() if getattr(vars(part).get("forward"), "group", None)
    ]
    assert groups
    return [group for group in groups if group.is_open or group.ready or group.states is not None]


def test_nothing_is_kept_when_an_attention_fails():
    model = low_rank()
    take_lean(model)
    attention = model.get_base_model().model.layers[0].self_attn

    def fail(module, inputs):
        raise RuntimeError("no memory")

    hook = attention.o_proj.register_forward_pre_hook(fail)
    with pytest.raises(RuntimeError, match="no memory"):
        outcome(model)
    assert not waiting(model)
    hook.remove()
    alike(model)


def test_states_that_changed_in_between_are_computed_anew():
    model = low_rank()
    take_lean(model)
    attention = model.get_base_model().model.layers[0].self_attn
    states, found = torch.randn(1, 3, 32), []

    def ask(module, inputs):
        with torch.no_grad():
            module.q_proj(states)
            states.mul_(2)
            found.append(module.k_proj(states))

    hook = attention.register_forward_pre_hook(ask)
    logits(model)
    hook.remove()
    leave_lean(model)
    torch.testing.assert_close(found[0], attention.k_proj(states))


def test_a_copy_computes_with_its_own_weights():
    model = low_rank()
    take_lean(model)
    expected = logits(model)
    other = moved(copy.deepcopy(model), 0.2)
    changed = logits(other)
    assert not torch.allclose(changed, expected, atol=1e-2)
    leave_lean(other)
    torch.testing.assert_close(logits(other), changed, atol=1e-5, rtol=1e-5)
    assert torch.equal(logits(model), expected)
    assert "model.norm" in ours(model)


def test_only_later_layers_may_learn():
    model = low_rank()
    for name, weight in model.named_parameters():
        weight.requires_grad_("lora" in name and "layers.1" in name)
    alike(model)


def test_states_that_need_a_gradient_get_it():
    model = low_rank("gemma2")
    layer = model.get_base_model().model.layers[0]
    found = []
    for take in (leave_lean, take_lean):
        take(model)
        states = torch.linspace(-1, 1, 96).reshape(1, 3, 32).requires_grad_()
        layer.mlp(layer.pre_feedforward_layernorm(states)).square().sum().backward()
        found.append(states.grad)
    assert distance(found[1], found[0]) < 1e-5


def test_autocast_is_left_to_peft():
    model = low_rank()
    with torch.autocast("cpu", torch.bfloat16):
        own = logits(model)
        take_lean(model)
        assert torch.equal(logits(model), own)


def test_a_norm_that_learns_keeps_its_own_way():
    model = low_rank()
    model.get_base_model().model.norm.weight.requires_grad_(True)
    assert take_lean(model)
    assert "model.norm" not in ours(model)
    alike(model)


def test_a_norm_with_another_formula_keeps_its_own_way():
    class Shifted(LlamaRMSNorm):
        def forward(self, hidden_states):
            return super().forward(hidden_states) + 1e-3

    model = low_rank()
    model.get_base_model().model.norm.__class__ = Shifted
    alike(model)
    assert "model.norm" not in ours(model)


def test_a_feed_forward_part_with_another_formula_keeps_its_own_way():
    model = low_rank()
    mlp = model.get_base_model().model.layers[0].mlp

    class Doubled(type(mlp)):
        def forward(self, x):
            return 2 * self.down_proj(self.act_fn(self.gate_proj(x)) * self.up_proj(x))

    mlp.__class__ = Doubled
    alike(model)
    assert "model.layers.0.mlp" not in ours(model)
    assert "model.layers.1.mlp" in ours(model)


def test_a_layer_that_is_listened_to_is_called():
    model = low_rank()
    take_lean(model)
    heard = []
    model.get_base_model().model.layers[0].mlp.down_proj.register_forward_hook(lambda *_: heard.append(1))
    logits(model)
    assert heard == [1]


@pytest.mark.parametrize(("dtype", "number"), [(torch.bfloat16, 2), (torch.float32, 4)])
def test_a_token_keeps_so_many_numbers_in_a_layer(dtype, number):
    """Two norms and what they give; gate and up; queries and what attention gives; keys and values; one a row of A."""
    hidden, middle, heads, keys, rank = 32, 48, 4, 16, 4
    kept = []
    for layers in (1, 3):
        model = low_rank(model=tiny_model(num_hidden_layers=layers), dtype=dtype)
        take_lean(model)
        kept.append(bytes_kept(model))
    each = (kept[1] - kept[0]) / 2 / IDS.numel()
    numbers = 4 * hidden + 2 * middle + 2 * hidden + 2 * keys + 7 * rank
    inverses_and_sums = 4 * (2 + heads)
    assert each == pytest.approx(number * numbers + inverses_and_sums, rel=0.02)


def test_half_of_what_peft_keeps_is_enough():
    model = low_rank(dtype=torch.bfloat16)
    own = bytes_kept(model)
    take_lean(model)
    assert bytes_kept(model) < 0.55 * own
