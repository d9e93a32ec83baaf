"""Experts grown before the first step: that the model still gives the dense model's numbers is checked and told."""

import torch

from engine.job.channel import Desk
from engine.job.errors import ModelError
from engine.job.events import Phase, Remark
from engine.job.job import Job
from engine.job.moe_settings import AssembleSettings
from engine.library.arithmetic import count_words
from engine.models.growing import grown, grows
from engine.models.load import LoadedModel
from engine.models.upcycle import start_difference

_PROBE = (2, 16)  # texts and tokens that the start is compared on


def with_grown_experts(job: Job, loaded: LoadedModel, desk: Desk) -> LoadedModel:
    """The model that the job trains: with experts where it asks to grow them, else the same.

    Raises ModelError when a grown model does not begin as the dense one does.
    """
    if not grows(job):
        return loaded
    desk.tell(Phase("experts", "Growing experts"))
    larger = grown(job, loaded)
    weights, active = count_words(larger.info.parameters), count_words(larger.info.active)
    size = f"{weights} weights, {active} for each token"
    if isinstance(job.moe.settings, AssembleSettings):
        desk.tell(Remark("good", f"Assembled {larger.info.experts} models into one: {size}."))
        return larger
    found, allowed = start_difference(loaded.model, larger.model, _probe(loaded))
    if job.moe.settings.copy_noise:
        words = f"The copies differ, so the start does too, by {found:.2g} at most ('moe.copy_noise')."
    elif found <= allowed:
        words = f"The start equals the dense model: in 32 bits no number differs by more than {found:.1e}."
    else:
        title = f"The model with experts differs from the dense one at the start, by {found:.2g}."
        raise ModelError(title, "Keep this model dense, and tell the makers of Tunewright which one it is.")
    desk.tell(Remark("good", f"Grown to {larger.info.experts} experts: {size}.", words))
    return larger


def _probe(loaded: LoadedModel) -> torch.Tensor:
    """Tokens (B, T) from all over the vocabulary."""
    rows, width = _PROBE
    step = max(1, loaded.info.vocab // (rows * width))
    return (torch.arange(rows * width, device=loaded.device) * step % loaded.info.vocab).reshape(rows, width)
