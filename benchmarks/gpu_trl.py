"""The same updates by TRL's own trainers, where TRL is installed: its collator, its loss, its loop."""

import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch

from engine.train.batches import Example


def is_there() -> bool:
    """Whether TRL and what it needs are installed."""
    return all(find_spec(name) is not None for name in ("trl", "datasets", "accelerate"))


def trl_steps(
    model: Any,  # Any: transformers' models are untyped
    tokenizer: Any,  # Any: as are its tokenizers
    adapter: Any,  # Any: PEFT's configuration
    updates: Sequence[Sequence[Example]],
    *,
    method: str,
    rate: float,
    beta: float,
    folder: Path,
) -> tuple[list[float], list[float]]:
    """Train on the very tokens of these updates, in their order; when each ended (seconds), and the losses."""
    from datasets import Dataset
    from transformers import PrinterCallback

    place = next(model.parameters()).device.type
    clock, examples = _clock(place), [example for update in updates for example in update]
    rows = [_pair(example) if method == "dpo" else _answer(example) for example in examples]
    more = {"learning_rate": rate, "max_steps": len(updates), "per_device_train_batch_size": len(updates[0])}
    trainer_class, config = _in_order(method)
    trainer = trainer_class(
        model=model,
        args=config(**_settings(place, folder), **more, **({"beta": beta} if method == "dpo" else {})),
        train_dataset=Dataset.from_list(rows),
        processing_class=tokenizer,
        peft_config=adapter,
        callbacks=[clock],
    )
    trainer.remove_callback(PrinterCallback)
    trainer.train()
    return clock.ends, [float(entry["loss"]) for entry in trainer.state.log_history if "loss" in entry]


def _settings(place: str, folder: Path) -> dict[str, Any]:  # Any: the trainers' arguments
    return {
        "output_dir": str(folder),
        "lr_scheduler_type": "constant",
        "weight_decay": 0.0,
        "max_grad_norm": 1.0,
        "logging_steps": 1,
        "save_strategy": "no",
        "report_to": [],
        "disable_tqdm": True,
        "use_cpu": place == "cpu",
        "bf16": place != "cpu",
        "gradient_checkpointing": False,
        "max_length": None,
    }


def _clock(place: str) -> Any:  # Any: transformers' callbacks
    """Notes when each update has ended, also on the GPU."""
    from transformers import TrainerCallback

    class Clock(TrainerCallback):
        def __init__(self) -> None:
            self.ends: list[float] = []

        def on_step_end(self, *arguments: object, **more: object) -> None:
            if place == "cuda":
                torch.cuda.synchronize()
            self.ends.append(time.perf_counter())

    return Clock()


def _in_order(method: str) -> tuple[Any, Any]:  # Any: TRL's classes
    """TRL's trainer for rows that are tokens already and come in their order, and its configuration."""
    from torch.utils.data import SequentialSampler
    from trl import DPOConfig, DPOTrainer, SFTConfig, SFTTrainer

    trainer, config = (DPOTrainer, DPOConfig) if method == "dpo" else (SFTTrainer, SFTConfig)

    class InOrder(trainer):  # type: ignore[misc, valid-type]
        def _get_train_sampler(self, dataset: Any = None) -> Any:  # Any: torch's samplers
            return SequentialSampler(self.train_dataset if dataset is None else dataset)

        def _prepare_dataset(self, dataset: Any, *arguments: object, **more: object) -> Any:  # Any: datasets'
            return dataset

    return InOrder, config


def _answer(example: Example) -> dict[str, list[int]]:
    part = example.parts[0]
    labels = [token if is_trained else -100 for token, is_trained in zip(part.ids, part.trained, strict=True)]
    return {"input_ids": list(part.ids), "labels": labels}


def _pair(example: Example) -> dict[str, list[int]]:
    chosen, rejected = example.parts
    start = list(chosen.trained).index(True)
    return {
        "prompt_ids": list(chosen.ids[:start]),
        "chosen_ids": list(chosen.ids[start:]),
        "rejected_ids": list(rejected.ids[start:]),
    }
