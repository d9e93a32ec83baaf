"""A model on its way to disk as a plain transformers folder, and how much room an export needs."""

import copy
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from transformers import GenerationConfig

from engine.library.export_plan import TYPE_BYTES
from engine.library.models import ModelInfo
from engine.models.load import quiet
from engine.use.open import Opened, own_dtype
from engine.use.target import folder_size

_BESIDE_WEIGHTS = 20_000_000  # tokenizer and card, generously
_LOOK_SECONDS = 0.5


def bytes_needed(form: str, kind: str, base: ModelInfo, learned: Path) -> int:
    """About how large an export becomes; `base` is the model that it is written as."""
    if form == "adapter":
        return folder_size(learned)[0] + _BESIDE_WEIGHTS
    numbers = own_dtype(base.folder) if kind == "auto" else kind
    return int(base.parameters * TYPE_BYTES[numbers]) + _BESIDE_WEIGHTS


def write_model(
    opened: Opened, folder: Path, shard_gigabytes: float, progress: Callable[[int, int], None]
) -> None:
    """Write weights, config, generation settings and tokenizer as `save_pretrained` does.

    The end tokens of an answer, the template's end of turn first, become the model's own; what a base may ask of
    training (to tell its routers' scores, and add their loss) is left behind. `progress` gets the bytes so far and in all.
    """
    model = opened.model
    if getattr(model.config, "output_router_logits", False):
        model.config.output_router_logits = False
    model.generation_config = generation_settings(model, opened.tokenizer, opened.end_ids)
    model.config.eos_token_id = opened.end_ids[0] if opened.end_ids else model.config.eos_token_id
    total = sum(weight.numel() * weight.element_size() for weight in model.parameters())
    progress(0, total)
    with quiet(), _told(folder, total, progress):
        model.save_pretrained(folder, max_shard_size=int(shard_gigabytes * 1e9))
        opened.tokenizer.save_pretrained(folder)
    progress(total, total)


def generation_settings(model: Any, tokenizer: Any, ends: tuple[int, ...]) -> GenerationConfig:
    """The base's settings with these end tokens; only the special ids where the base's contradict each other."""
    settings = copy.deepcopy(model.generation_config) or GenerationConfig()
    try:
        settings.validate(strict=True)
    except ValueError:  # such a file loads with a warning but cannot be written again
        settings = GenerationConfig(bos_token_id=settings.bos_token_id, pad_token_id=settings.pad_token_id)
    settings.eos_token_id = list(ends) or None
    if settings.pad_token_id is None:
        settings.pad_token_id = tokenizer.pad_token_id
    return settings


@contextmanager
def _told(folder: Path, total: int, progress: Callable[[int, int], None]) -> Iterator[None]:
    """Watch the folder grow while transformers writes it."""
    done = threading.Event()

    def watch() -> None:
        while not done.wait(_LOOK_SECONDS):
            progress(min(folder_size(folder)[0], total), total)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()
