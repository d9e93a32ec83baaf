"""What a run leaves behind: the folder with what was learned."""

import shutil
from pathlib import Path
from typing import Any

import torch

from engine.job.channel import ADAPTER, CHECKPOINTS, Desk
from engine.job.events import Trained
from engine.models.adapters import is_whole, save_adapter
from engine.models.load import LoadedModel
from engine.models.placement import DTYPES
from engine.train.checkpoints import complete_folder
from engine.train.state import State


def write_result(
    model: Any, loaded: LoadedModel, has_new_tokens: bool, run: Path
) -> None:  # Any: PeftModel or a transformers model
    """Write `adapter/`: an adapter's two files, or the whole model with its tokenizer in the base's own precision.

    The tokenizer stands beside an adapter as well where it is not the base's own. Raises ResourceError when the disk is full; the last checkpoint holds the same.
    """
    with complete_folder(run / ADAPTER) as part:
        if not is_whole(model):
            save_adapter(model, part)
        else:
            save_adapter(model, part, DTYPES.get(loaded.info.dtype, torch.float32))
        if is_whole(model) or has_new_tokens:
            loaded.tokenizer.save_pretrained(part)


def tell_result(state: State, desk: Desk) -> None:
    """Tell that training has ended."""
    desk.tell(
        Trained(
            step=state.step,
            steps=state.steps,
            first_loss=state.first_loss,
            last_loss=state.last_loss,
            best_loss=state.best_loss,
            best_step=state.best_step,
            tokens=state.tokens,
            seconds=state.seconds,
            adapter=ADAPTER,
        )
    )


def discard_result(run: Path) -> None:
    """Remove all that was learned; the job and its history stay."""
    for name in (CHECKPOINTS, ADAPTER):
        shutil.rmtree(run / name, ignore_errors=True)
