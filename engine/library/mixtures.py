"""Experts by numbers alone: which dense models can grow them, what that makes of a model, which of them learn. No torch."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from engine.job.errors import JobError, ModelError
from engine.job.job import Job
from engine.job.moe_settings import AssembleSettings, KeepSettings, UpcycleSettings
from engine.library.architectures import SUPPORTED
from engine.library.model_folder import CONFIG, ModelInfo
from engine.library.weights import read_json

GROWN = {"llama": "mixtral", "mistral": "mixtral", "qwen2": "qwen2_moe", "qwen3": "qwen3_moe"}
"""The stock family with the same layer, whose feed-forward part is a mixture of experts."""

SHARED_WIDTH = 64
"""Of Qwen2-MoE's shared expert, which adds nothing in a grown model: small, but servers can divide it."""

_CHOOSE = "Choose a Llama, Mistral, Qwen2 or Qwen3 model, or keep this one dense."


def mixture_problem(config: Mapping[str, Any]) -> tuple[str, str]:  # Any: JSON values
    """Why a model cannot grow experts, and what to do, from its `config.json`; both empty if it can."""
    kind = str(config.get("model_type", ""))
    if kind in SUPPORTED and SUPPORTED[kind].experts is not None:
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
    if kind == "qwen3" and len(set(config.get("layer_types") or ())) > 1:
        title = "Some layers of this model look back further than others, which Qwen3-MoE has no place for."
        return title, _CHOOSE
    return "", ""


def stack_problem(settings: Any) -> tuple[str, str]:  # Any: settings of LoRA or DoRA
    """Why LoRA cannot go to experts with these settings, and what to do; both empty if it can.

    A layer's experts lie in one piece, which LoRA changes as a whole: there is no input of its own to leave out at
    random, and no row of its own to measure.
    """
    attention = "or set 'adapter.targets' to 'attention'."
    if settings.dropout > 0:
        title = f"'adapter.dropout' is {settings.dropout:g}, but LoRA cannot forget at random in experts."
        return title, f"Set it to 0, {attention}"
    if getattr(settings, "dora", True):  # DoRA's own settings have no such switch
        return "DoRA cannot learn in experts, whose matrices lie in one piece.", f"Choose LoRA, {attention}"
    if settings.pissa:
        return (
            "PiSSA cannot begin in experts, whose matrices lie in one piece.",
            f"Switch it off, {attention}",
        )
    return "", ""


def with_experts(job: Job, model: ModelInfo) -> ModelInfo:
    """The model as the job's `[moe]` has it grow; the same again for one that has experts already.

    Raises ModelError for a model that cannot grow any.
    """
    settings = job.moe.settings
    if model.experts or not isinstance(settings, UpcycleSettings | AssembleSettings):
        return model
    _refuse_family(model)
    count = settings.experts if isinstance(settings, UpcycleSettings) else len(settings.sources)
    family = GROWN[model.model_type]
    shared = min(SHARED_WIDTH, model.intermediate) if family == "qwen2_moe" else 0
    copies = (count - 1) * 3 * model.hidden * model.intermediate
    silent = model.hidden * (3 * shared + 1) if shared else 0
    return replace(
        model,
        model_type=family,
        architecture=SUPPORTED[family].class_name,
        parameters=model.parameters + model.layers * (copies + count * model.hidden + silent),
        experts=count,
        top_k=settings.top_k,
        shared=shared,
    )


def refuse_mixture(job: Job, model: ModelInfo) -> None:
    """Raise ModelError or JobError, in one sentence, where `[moe]` and the model or the adapter do not go together.

    `model` is the base as its folder has it.
    """
    settings = job.moe.settings
    is_kept = isinstance(settings, KeepSettings)
    refuse_to_grow(job, model)
    grown = with_experts(job, model)
    if is_kept and settings.train_router and not grown.experts:
        title = f"'moe.train_router' is on, but {model.name} has no experts to choose from."
        advice = "Switch it off, or choose a way to grow experts."
        raise JobError(title, advice, brief="This model has no experts to choose from.")
    if is_kept and settings.train_router and job.adapter.kind not in ("lora", "full"):
        title = f"'moe.train_router' is on, but the adapter '{job.adapter.kind}' does not reach the router."
        advice = "Set 'adapter.kind' to 'lora' or 'full', or switch it off."
        raise JobError(title, advice, brief="The router learns with LoRA and with full training alone.")
    if grown.experts and job.model.quantization != "none":
        title = "The experts of a model cannot be compressed ('model.quantization')."
        advice = "Set 'model.quantization' to 'none'."
        raise JobError(title, advice, brief="The experts of a model cannot be compressed.")
    if grown.experts and job.adapter.kind in ("lora", "dora") and _reaches_stacks(job):
        title, advice = stack_problem(job.adapter.settings)
        if title:
            raise JobError(title, advice)


def refuse_to_grow(job: Job, model: ModelInfo) -> None:
    """Raise ModelError, in one sentence, where the job wants full experts that this base cannot grow."""
    if isinstance(job.moe.settings, UpcycleSettings | AssembleSettings):
        _refuse_family(model)


def router_learns(job: Job, model: ModelInfo) -> bool:
    """Whether training changes which expert a token goes to; `model` has its experts."""
    if not model.experts or job.adapter.kind not in ("lora", "full"):
        return False
    settings = job.moe.settings
    return settings.train_router if isinstance(settings, KeepSettings) else True


def learning_part(job: Job, model: ModelInfo) -> str:
    """What full training reaches: "all", "experts" (with the router), "router", or "no-router" (all but it)."""
    if job.adapter.kind != "full" or not model.experts:
        return "all"
    if router_learns(job, model):
        return str(getattr(job.moe.settings, "learns", "all"))
    return "no-router"


def mixture_count(job: Job, model: ModelInfo, counted: int) -> int:
    """Numbers that training changes, where the adapter alone would change `counted`; `model` has its experts."""
    if not model.experts:
        return counted
    if job.adapter.kind == "lora" and router_learns(job, model):
        return counted + model.layers * job.adapter.settings.rank * (model.hidden + model.experts)
    router = model.layers * model.experts * model.hidden
    parts = {
        "router": router,
        "experts": router + 3 * router * model.intermediate,  # three matrices of hidden x intermediate each
        "no-router": counted - router,
    }
    return parts.get(learning_part(job, model), counted)


def copied_numbers(job: Job, model: ModelInfo) -> int:
    """Numbers of a layer's experts that are made anew in every pass: LoRA in them changes each matrix as a whole."""
    if job.adapter.kind != "lora" or not _reaches_experts(job):
        return 0
    return model.experts * 3 * model.hidden * model.intermediate


def _reaches_experts(job: Job) -> bool:
    settings = job.adapter.settings
    return not settings.names and settings.targets in ("all-linear", "mlp")


def _reaches_stacks(job: Job) -> bool:
    is_at_router = not isinstance(job.moe.settings, KeepSettings) or job.moe.settings.train_router
    return is_at_router or _reaches_experts(job)


def _refuse_family(model: ModelInfo) -> None:
    title, advice = mixture_problem(_config(model))
    if title:
        raise ModelError(title, advice)


def _config(model: ModelInfo) -> Mapping[str, Any]:
    """The model's `config.json`; of one that is not on this computer its family alone."""
    path = model.folder / CONFIG
    return read_json(path) if path.is_file() else {"model_type": model.model_type}
