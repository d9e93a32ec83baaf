"""A run made to fit into memory as its plan says, and a person told of it."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import torch

from engine.job.channel import Desk
from engine.job.events import Remark
from engine.job.job import Job
from engine.library.memory_plan import Plan, recomputing_words
from engine.models.load import LoadedModel
from engine.models.offload import offload_layers
from engine.models.recomputing import recompute_layers
from engine.train.in_backward import InBackward
from engine.train.memory import Fit, RowsAtATime, bound_memory
from engine.train.optimizer import Optimizer


def fit_into_memory(
    job: Job, model: Any, fit: Fit, loaded: LoadedModel, desk: Desk
) -> RowsAtATime:  # Any: PeftModel or a transformers model
    """Rows at a time as the fit says, and the model with some layers computed again, or what they keep elsewhere."""
    bound_memory(loaded.device)
    recompute_layers(model, fit.plan.recomputed)
    words = recomputing_words(fit.plan, loaded.info.layers)
    if words and job.train.checkpointing == "auto":
        desk.tell(Remark("info", f"To fit into memory, {words}", "The result is the same. Nothing to do."))
    if job.train.offload and loaded.device == "cuda":
        offload_layers(model)
    elif job.train.offload:
        title = "Intermediate values stay where they are: only an NVIDIA GPU has a memory of its own."
        desk.tell(Remark("info", title, "Nothing to do."))
    may_do_more = fit.plan.recomputed < fit.layers
    recompute = partial(recompute_layers, model, fit.layers) if may_do_more else None
    return RowsAtATime(fit.plan.micro_batch, desk, fit.least, recompute)


def optimizer_for(
    job: Job,
    plan: Plan,
    parameters: Mapping[str, torch.nn.Parameter],
    rates: Callable[[str], float],
    desk: Desk,
) -> Optimizer:
    """The plan's optimizer over named parameters; a person is told where it is not the ordinary one unasked."""
    settings = replace(job.train, optimizer=plan.optimizer)
    if plan.optimizer == "adamw-8bit" and job.train.optimizer == "auto":
        title = "To fit into memory, the optimizer remembers in 8 bits: a little less exact."
        desk.tell(Remark("info", title, "To refuse this, set [train] optimizer to adamw."))

    def in_parts() -> None:
        title = "Weights are corrected all together: an update goes through the model in several portions."
        desk.tell(
            Remark("info", title, "Fewer rows per correction ([train] batch_size) would go through at once.")
        )

    if not plan.in_backward:
        if job.train.step_in_backward == "on":
            in_parts()
        return Optimizer(parameters, settings, rates)
    if job.train.step_in_backward == "auto" and settings.clip:
        title = "To fit into memory, each weight is corrected by itself, and sudden jumps are cut off in each by itself."
        desk.tell(Remark("info", title, "To refuse this, set [train] step_in_backward to off."))
    return InBackward(parameters, settings, rates, in_parts)
