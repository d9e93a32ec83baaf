"""A mixture of LoRA experts by numbers alone: which models can have one, what learns, what its export takes. No torch."""

from engine.job.errors import ModelError
from engine.job.job import Job
from engine.job.moe_settings import LoraExpertsSettings
from engine.library.memory_need import DTYPE_BYTES, layer_linears
from engine.library.mixtures import mixture_problem
from engine.library.model_folder import CONFIG, ModelInfo
from engine.library.weights import read_json

NOT_DENSE = (
    "A mixture of experts cannot become one dense model again: each token goes through other experts, chosen by "
    "what it is."
)
QWEN2_CAVEAT = (
    "Qwen2 models of experts open in transformers and vLLM only: llama.cpp weighs their experts in another way, so no "
    "GGUF file is made."
)


def is_lora_mixture(job: Job) -> bool:
    """Whether the job trains LoRA experts beside its model."""
    return isinstance(job.moe.settings, LoraExpertsSettings)


def lora_mixture_problem(model: ModelInfo) -> tuple[str, str]:
    """Why a model cannot have LoRA experts, and what to do instead; both empty if it can. Reads its config alone."""
    config = read_json(model.folder / CONFIG)
    title, advice = mixture_problem(config)
    bend = config.get("hidden_act") or "silu"
    if not title and bend != "silu":
        title = f"This model bends its numbers by '{bend}'; LoRA experts are made for 'silu'."
        advice = "Choose LoRA without experts."
    return title, advice


def refuse_lora_mixture(job: Job, model: ModelInfo) -> None:
    """Raise ModelError, in one sentence, where the job wants LoRA experts that this base cannot have."""
    if not is_lora_mixture(job):
        return
    title, advice = lora_mixture_problem(model)
    if title:
        raise ModelError(title, advice)


def lora_mixture_count(job: Job, model: ModelInfo) -> int:
    """Numbers that learn: LoRA on attention, and for each layer the experts' A and B and the router."""
    adapter, settings = job.adapter.settings, job.moe.settings
    shared = sum(
        (adapter.attention_rank or adapter.rank) * (linear.inputs + linear.outputs)
        for linear in layer_linears(model)
        if linear.part == "attention"
    )
    return model.layers * (shared + settings.experts * (_expert_count(job, model) + model.hidden))


def lora_mixture_copied(job: Job, model: ModelInfo, width: int) -> int:
    """Numbers of a layer's experts that every pass makes anew: they learn in 32 bits and work in the model's."""
    if not is_lora_mixture(job) or width >= DTYPE_BYTES["float32"]:
        return 0
    return int(job.moe.settings.experts) * _expert_count(job, model)


def lora_mixture_weights(job: Job, model: ModelInfo) -> int:
    """Weights of experts and routers that one token goes through; 0 for another job."""
    if not is_lora_mixture(job):
        return 0
    settings = job.moe.settings
    return int(model.layers * (settings.top_k * _expert_count(job, model) + settings.experts * model.hidden))


def _expert_count(job: Job, model: ModelInfo) -> int:
    """Numbers of one expert's A and B in one layer."""
    adapter = job.adapter.settings
    return 3 * int(adapter.mlp_rank or adapter.rank) * (model.hidden + model.intermediate)
