"""Which dense models can grow experts, into which stock family, and what that makes of their numbers. No torch."""

from collections.abc import Mapping
from typing import Any

GROWN = {"llama": "mixtral", "mistral": "mixtral", "qwen2": "qwen2_moe", "qwen3": "qwen3_moe"}
"""The stock family with the same layer, whose feed-forward part is a mixture of experts."""

_CHOOSE = "Choose a Llama, Mistral, Qwen2 or Qwen3 model, or keep this one dense."


def mixture_problem(config: Mapping[str, Any]) -> tuple[str, str]:  # Any: JSON values
    """Why a model cannot grow experts, and what to do, from its `config.json`; both empty if it can."""
    kind = config.get("model_type", "")
    if kind in GROWN.values() or kind == "olmoe":
        return "This model has experts already.", "Keep it as it is: its experts can learn with LoRA."
    if kind not in GROWN:
        title = f"There is no stock model of experts with the layers of '{kind}', so it cannot grow any."
        return title, _CHOOSE
    for name in ("attention_bias", "mlp_bias"):
        if kind in ("llama", "mistral") and config.get(name):
            title = (
                f"This model has biases ('{name}'), which Mixtral, its like with experts, has no place for."
            )
            return title, _CHOOSE
    layers = set(config.get("layer_types") or ())
    if kind == "qwen3" and len(layers) > 1:
        title = "Some layers of this model look back further than others, which Qwen3-MoE has no place for."
        return title, _CHOOSE
    return "", ""
