"""Models of one base put together: experts from each, routers from prompts, and what is refused."""

import copy
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from engine.job.errors import ModelError
from engine.job.moe_settings import AssembleSettings
from engine.models.assemble import assemble, check_alike, routers_from
from engine.models.generate import encode_prompt
from engine.models.load import load_model
from engine.models.mixtures import expert_modules, router_modules
from engine.models.targets import decoder_layers
from tests.models.tiny_folders import tiny_folder
from tests.models.tiny_models import tiny_model, tiny_tokenizer

ANIMALS = ["the lazy dog", "brown fox", "dog fox dog", "the quick fox says", "lazy brown dog"]
SUMS = ["12 + 34 = 46", "34 + 12", "46 = 12 + 34", "12 34 46", "1 + 2 = 3"]


def changed(folder, base, seed, where=".mlp."):
    """A model folder as `base`'s, with other values in the parts whose names hold `where`."""
    model = tiny_model()
    generator = torch.Generator().manual_seed(seed)
    for name, weight in model.named_parameters():
        if where in name:
            weight.data += 0.1 * torch.randn(weight.shape, generator=generator)
    model.save_pretrained(folder)
    tiny_tokenizer().save_pretrained(folder)
    return str(folder)


@pytest.fixture
def base(tmp_path):
    return load_model(tiny_folder(tmp_path / "base"), "float32", "cpu")


@pytest.fixture
def settings(tmp_path, base):
    files = []
    for name, prompts in (("animals", ANIMALS), ("sums", SUMS)):
        (tmp_path / f"{name}.txt").write_text("\n".join(prompts) + "\n\n")
        files.append(str(tmp_path / f"{name}.txt"))
    sources = tuple(changed(tmp_path / f"source-{seed}", base, seed) for seed in (1, 2))
    return AssembleSettings(sources=sources, prompts=tuple(files))


def test_each_source_gives_its_feed_forward_parts_and_the_base_all_else(base, settings):
    mixture = assemble(base, settings, seed=0)
    for number, source in enumerate(settings.sources):
        theirs = load_model(Path(source), "float32", "cpu").model
        for (_, experts), layer in zip(expert_modules(mixture), decoder_layers(theirs), strict=True):
            gate, up = experts.gate_up_proj[number].chunk(2)
            assert torch.equal(gate, layer.mlp.gate_proj.weight)
            assert torch.equal(up, layer.mlp.up_proj.weight)
            assert torch.equal(experts.down_proj[number], layer.mlp.down_proj.weight)
    state = mixture.state_dict()
    for name, weight in base.model.state_dict().items():
        if ".mlp." not in name:
            assert torch.equal(state[name], weight), name


def test_sources_that_are_all_the_base_give_the_bases_numbers(base, settings):
    alike = replace(settings, sources=(str(base.folder), str(base.folder)))
    mixture = assemble(base, alike, seed=0)
    ids = torch.arange(3, 35).reshape(2, 16)
    with torch.no_grad():
        difference = (mixture(input_ids=ids).logits - base.model(input_ids=ids).logits).abs().max()
    assert difference < 1e-5


def test_a_router_prefers_the_expert_whose_topic_a_text_has(base, settings):
    routers = routers_from(base, [ANIMALS, SUMS])
    inputs = {}

    def note(at):
        return lambda module, args: inputs.setdefault(at, []).append(args[0].flatten(0, 1))

    hooks = [
        layer.mlp.register_forward_pre_hook(note(at)) for at, layer in enumerate(base.model.model.layers)
    ]
    for expert, text in enumerate(["quick dog and brown fox", "34 + 34 = 12 + 46"]):
        inputs.clear()
        with torch.no_grad():
            base.model(input_ids=torch.tensor([encode_prompt(base.tokenizer, text)]))
        share = torch.stack(
            [
                ((inputs[at][0] @ router.T).argmax(-1) == expert).float().mean()
                for at, router in enumerate(routers)
            ]
        )
        assert share.mean() > 0.6, share
    for hook in hooks:
        hook.remove()


def test_a_router_is_the_mean_of_what_it_will_see_without_what_topics_share(base):
    """By hand, for two prompts of the same length as one batch: hooks on the norm before, not on the block."""
    topics = [["the dog says"], ["12 + 34"]]
    ids = [encode_prompt(base.tokenizer, topic[0]) for topic in topics]
    with torch.no_grad():
        layer = base.model.model.layers[0]
        seen = []
        hook = layer.post_attention_layernorm.register_forward_hook(
            lambda m, i, out: seen.append(out[0].mean(0))
        )
        for tokens in ids:
            base.model(input_ids=torch.tensor([tokens]))
        hook.remove()
    one, two = seen
    shared = (one + two) / (one + two).norm()
    own = one - (one @ shared) * shared
    row = routers_from(base, topics)[0][0]
    assert torch.allclose(row / row.norm(), own / own.norm(), atol=1e-4)
    assert abs(float(row @ shared)) < 1e-4


@pytest.mark.parametrize(
    ("where", "tensor"),
    [
        ("self_attn.q_proj", "layers.0.self_attn.q_proj.weight"),
        ("embed_tokens", "embed_tokens"),
        ("lm_head", "lm_head"),
    ],
)
def test_a_source_that_differs_elsewhere_is_refused_by_the_tensors_name(
    where, tensor, base, settings, tmp_path
):
    stranger = changed(tmp_path / "stranger", base, 5, where)
    with pytest.raises(ModelError, match=tensor) as error:
        assemble(base, replace(settings, sources=(settings.sources[0], stranger)), seed=0)
    assert "stranger" in error.value.title


def test_a_source_of_another_shape_or_another_make_is_refused(base):
    wider = tiny_model(intermediate_size=56)
    with pytest.raises(ModelError, match=r"mlp.gate_proj.weight' of wide .* another shape"):
        check_alike(base.model, wider, "wide")
    deeper = tiny_model(num_hidden_layers=3)
    with pytest.raises(ModelError, match=r"deep \('moe.sources'\) has the tensor 'model.layers.2"):
        check_alike(base.model, deeper, "deep")


def test_a_source_with_another_tokenizer_is_refused(base, settings, tmp_path):
    folder = changed(tmp_path / "other-words", base, 5)
    tokenizer = copy.deepcopy(tiny_tokenizer())
    tokenizer.add_tokens(["hippopotamus"])
    tokenizer.save_pretrained(folder)
    with pytest.raises(ModelError, match="divides text into other tokens"):
        assemble(base, replace(settings, sources=(settings.sources[0], folder)), seed=0)


def test_routers_of_the_mixture_are_those_from_the_prompts(base, settings):
    mixture = assemble(base, settings, seed=0)
    for (_, router), expected in zip(
        router_modules(mixture), routers_from(base, [ANIMALS, SUMS]), strict=True
    ):
        assert torch.equal(router.weight, expected)
