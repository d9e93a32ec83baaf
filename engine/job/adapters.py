"""What part of the model changes, and whether it is split into experts: the cards."""

from dataclasses import dataclass

from engine.job.adapter_settings import (
    BottleneckSettings,
    FreezeSettings,
    FullSettings,
    LayerNormSettings,
    PrefixSettings,
    PromptSettings,
    PTuningSettings,
)
from engine.job.cards import AdapterCard, MoeCard, Paper
from engine.job.lora_settings import (
    DoraSettings,
    Ia3Settings,
    LohaSettings,
    LokrSettings,
    LoraSettings,
    OftSettings,
    VeraSettings,
)

__all__ = ["ADAPTERS", "MOE", "DenseSettings", "FullSettings", "LoraSettings"]


@dataclass(frozen=True)
class DenseSettings:
    """The model stays dense."""


_LOW_RANK = (
    AdapterCard(
        kind="lora",
        title="LoRA",
        subtitle="Low-rank adapter",
        help="Small and quick, easy to undo.",
        good_for="Right for most runs.",
        costs="A few megabytes; about as fast as the model itself.",
        settings=LoraSettings,
        code="engine.models.lora:add_lora",
        paper=Paper("Hu et al. 2021", "https://arxiv.org/abs/2106.09685"),
        recommended=True,
    ),
    AdapterCard(
        kind="dora",
        title="DoRA",
        subtitle="Size and direction",
        help="Often a little better, slower.",
        good_for="Small adapters that must learn much.",
        costs="A third to a half slower than LoRA.",
        settings=DoraSettings,
        code="engine.models.lora:add_dora",
        paper=Paper("Liu et al. 2024", "https://arxiv.org/abs/2402.09353"),
    ),
    AdapterCard(
        kind="loha",
        title="LoHa",
        subtitle="Hadamard product",
        help="Two small products multiplied: richer changes for the same size.",
        good_for="Changes that touch everything a little.",
        costs="Slower than LoRA: the whole change is computed in every step.",
        settings=LohaSettings,
        code="engine.models.products:add_loha",
        paper=Paper("Hyeon-Woo et al. 2022", "https://arxiv.org/abs/2108.06098"),
        expert=True,
        can_quantize=False,
    ),
    AdapterCard(
        kind="lokr",
        title="LoKr",
        subtitle="Kronecker product",
        help="Repeats one small pattern over a whole matrix.",
        good_for="Very small files.",
        costs="Slower than LoRA, and learns less.",
        settings=LokrSettings,
        code="engine.models.products:add_lokr",
        paper=Paper("Yeh et al. 2023", "https://arxiv.org/abs/2309.14859"),
        expert=True,
        can_quantize=False,
    ),
    AdapterCard(
        kind="oft",
        title="OFT",
        subtitle="Rotations",
        help="Turns what goes into each layer, so that lengths and angles stay.",
        good_for="Keeping what the model knows.",
        costs="Slower than LoRA.",
        settings=OftSettings,
        code="engine.models.products:add_oft",
        paper=Paper("Qiu et al. 2023", "https://arxiv.org/abs/2306.07280"),
        expert=True,
        can_quantize=False,
    ),
    AdapterCard(
        kind="vera",
        title="VeRA",
        subtitle="Shared matrices",
        help="All layers share random matrices; only their scales are learned.",
        good_for="Many adapters in little space.",
        costs="Needs a higher learning rate, and learns less than LoRA.",
        settings=VeraSettings,
        code="engine.models.products:add_vera",
        paper=Paper("Kopiczko et al. 2024", "https://arxiv.org/abs/2310.11454"),
        expert=True,
        can_quantize=False,
        learning_rate=5e-3,
    ),
    AdapterCard(
        kind="ia3",
        title="IA³",
        subtitle="Scaling vectors",
        help="The smallest adapter of all: it makes signals louder or softer.",
        good_for="Few examples and a simple change of style.",
        costs="Almost nothing; it cannot learn much.",
        settings=Ia3Settings,
        code="engine.models.products:add_ia3",
        paper=Paper("Liu et al. 2022", "https://arxiv.org/abs/2205.05638"),
        expert=True,
        can_quantize=False,
        learning_rate=5e-3,
    ),
)

_BESIDE = (
    AdapterCard(
        kind="bottleneck",
        title="Bottleneck",
        subtitle="Small networks",
        help="Adds small networks behind the layers.",
        good_for="Learning much while the model itself stays untouched.",
        costs="Stays beside the model; opens only in Tunewright.",
        settings=BottleneckSettings,
        code="engine.models.bottleneck:add_bottlenecks",
        paper=Paper("Houlsby et al. 2019", "https://arxiv.org/abs/1902.00751"),
        can_merge=False,
        can_gguf=False,
        saves="own",
        learning_rate=1e-3,
    ),
    AdapterCard(
        kind="prefix",
        title="Prefix",
        subtitle="Prefix tuning",
        help="Learns a hidden beginning for every layer.",
        good_for="Steering style with very few trained weights.",
        costs="Stays beside the model, and starts away from it: the first answers are worse.",
        settings=PrefixSettings,
        code="engine.models.prompts:add_prefix",
        paper=Paper("Li and Liang 2021", "https://arxiv.org/abs/2101.00190"),
        can_merge=False,
        can_gguf=False,
        can_recompute=False,
        can_quantize=False,
        starts_at_base=False,
        learning_rate=1e-2,
    ),
    AdapterCard(
        kind="prompt",
        title="Prompt",
        subtitle="Prompt tuning",
        help="Learns a hidden instruction before the text.",
        good_for="Large models and one narrow task.",
        costs="Stays beside the model; small models hardly follow it.",
        settings=PromptSettings,
        code="engine.models.prompts:add_prompt",
        paper=Paper("Lester et al. 2021", "https://arxiv.org/abs/2104.08691"),
        can_merge=False,
        can_gguf=False,
        starts_at_base=False,
        expert=True,
        learning_rate=1e-2,
    ),
    AdapterCard(
        kind="p-tuning",
        title="P-tuning",
        subtitle="A written prompt",
        help="A small network writes the hidden instruction.",
        good_for="Prompt tuning that does not settle by itself.",
        costs="Stays beside the model.",
        settings=PTuningSettings,
        code="engine.models.prompts:add_p_tuning",
        paper=Paper("Liu et al. 2021", "https://arxiv.org/abs/2103.10385"),
        can_merge=False,
        can_gguf=False,
        starts_at_base=False,
        expert=True,
        learning_rate=1e-3,
    ),
)

_PARTS = (
    AdapterCard(
        kind="layernorm",
        title="Layer norms",
        subtitle="Scales alone",
        help="Trains only the scales of the normalisation layers.",
        good_for="A touch of style at almost no size.",
        costs="The model is held in 32 bits; it cannot learn much.",
        settings=LayerNormSettings,
        code="engine.models.parts:train_norms",
        paper=Paper("Zhao et al. 2024", "https://arxiv.org/abs/2312.11420"),
        expert=True,
        can_quantize=False,
        holds_float32=True,
        learning_rate=1e-3,
    ),
    AdapterCard(
        kind="freeze",
        title="Last layers",
        subtitle="The rest is frozen",
        help="Trains the last layers of the model whole.",
        good_for="More change than an adapter, less memory than full training.",
        costs="The model is held in 32 bits; opens alone only in Tunewright.",
        settings=FreezeSettings,
        code="engine.models.parts:train_last_layers",
        paper=Paper("Lee et al. 2019", "https://arxiv.org/abs/1911.03090"),
        expert=True,
        can_quantize=False,
        can_switch_off=False,
        holds_float32=True,
        saves="own",
        learning_rate=5e-5,
    ),
    AdapterCard(
        kind="full",
        title="Full",
        subtitle="Every weight",
        help="Changes the whole model; needs the most memory.",
        good_for="Much data and a large change.",
        costs="Sixteen bytes for each weight, and it forgets most easily.",
        settings=FullSettings,
        code="engine.models.parts:train_all",
        paper=Paper("Howard and Ruder 2018", "https://arxiv.org/abs/1801.06146"),
        can_quantize=False,
        can_switch_off=False,
        holds_float32=True,
        saves="model",
        learning_rate=2e-5,
    ),
)

ADAPTERS: dict[str, AdapterCard] = {
    card.kind: card
    for card in sorted(
        (*_LOW_RANK, *_BESIDE, *_PARTS), key=lambda card: card.expert
    )  # as the window shows them
}

MOE: dict[str, MoeCard] = {
    "none": MoeCard("none", "Keep it as it is", "Dense", "The right choice for most runs.", DenseSettings)
}
