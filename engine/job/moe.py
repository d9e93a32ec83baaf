"""Whether the model is split into experts, and how: the cards of `[moe]`."""

from engine.job.cards import Chart, Line, MoeCard, Paper
from engine.job.moe_settings import AssembleSettings, KeepSettings, LoraExpertsSettings, UpcycleSettings

_ROUTING = (
    Chart(
        "Balance loss",
        "evenly used it is the number of experts for each token",
        (Line("balance", "Training"),),
        guide_from="uniform",
        guide_label="evenly used",
    ),
    Chart(
        "Evenly used",
        "load entropy; 100 % is even, 0 % one expert alone",
        (Line("load_entropy", "Training"),),
        is_share=True,
    ),
    Chart(
        "Busiest expert",
        "its tokens against the mean; 1 is even",
        (Line("max_load", "Training"),),
        guide=1.0,
        guide_label="evenly used",
    ),
    Chart(
        "Router unsure",
        "entropy; 100 % is a guess, 0 % certain",
        (Line("router_entropy", "Training"),),
        is_share=True,
    ),
)

MOE: dict[str, MoeCard] = {
    card.kind: card
    for card in (
        MoeCard(
            "none",
            "Keep it as it is",
            "Dense",
            "The right choice for most runs.",
            KeepSettings,
            charts=_ROUTING,
        ),
        MoeCard(
            "lora-experts",
            "Add small experts",
            "Mixture of LoRA experts",
            "A router chooses two or more of them for each word.",
            LoraExpertsSettings,
            code="engine.models.lora_experts:add_lora_experts",
            good_for="Several topics or styles in one model.",
            costs="Somewhat slower than one LoRA; the exported model is several times as large.",
            paper=Paper("Li et al. 2024", "https://arxiv.org/abs/2404.15159"),
            charts=_ROUTING,
            is_adapter=True,
        ),
        MoeCard(
            "upcycle",
            "Grow full experts",
            "Sparse upcycling",
            "Copies that learn apart.",
            UpcycleSettings,
            code="engine.models.upcycle:upcycle",
            good_for="Much data, and memory for a model several times as large.",
            costs="The memory of all experts, from the first step on.",
            paper=Paper("Komatsuzaki et al. 2022", "https://arxiv.org/abs/2212.05055"),
            charts=_ROUTING,
        ),
        MoeCard(
            "assemble",
            "Assemble from models",
            "One expert from each",
            "Fine-tuned models of one base become one.",
            AssembleSettings,
            code="engine.models.assemble:assemble",
            good_for="Models that were trained apart, each for its own topic.",
            costs="The memory of all experts; changes outside the feed-forward parts are refused.",
            paper=Paper("Sukhbaatar et al. 2024", "https://arxiv.org/abs/2403.07816"),
            charts=_ROUTING,
            expert=True,
        ),
    )
}
