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
    from torch.utils.data import SequentialSampler
    from transformers import PrinterCallback, TrainerCallback
    from trl import DPOConfig, DPOTrainer, SFTConfig, SFTTrainer

    is_cpu = next(model.parameters()).device.type == "cpu"
    ends: list[float] = []

    class Clock(TrainerCallback):
        def on_step_end(self, *arguments: object, **more: object) -> None:
            if not is_cpu:
                torch.cuda.synchronize()
            ends.append(time.perf_counter())

    settings: dict[str, Any] = {  # Any: the trainers' arguments
        "output_dir": str(folder),
        "per_device_train_batch_size": len(updates[0]),
        "max_steps": len(updates),
        "learning_rate": rate,
        "lr_scheduler_type": "constant",
        "weight_decay": 0.0,
        "max_grad_norm": 1.0,
        "logging_steps": 1,
        "save_strategy": "no",
        "report_to": [],
        "disable_tqdm": True,
        "use_cpu": is_cpu,
        "bf16": not is_cpu,
        "gradient_checkpointing": False,
        "max_length": None,
    }
    examples = [example for update in updates for example in update]
    trainer_class, config = (
        (DPOTrainer, DPOConfig(beta=beta, **settings))
        if method == "dpo"
        else (SFTTrainer, SFTConfig(**settings))
    )

    class InOrder(trainer_class):  # type: ignore[misc, valid-type]
        def _get_train_sampler(self, dataset: Any = None) -> Any:  # Any: torch's samplers
            return SequentialSampler(self.train_dataset if dataset is None else dataset)

        def _prepare_dataset(self, dataset: Any, *arguments: object, **more: object) -> Any:  # Any: datasets'
            return dataset  # tokens already

    rows = [_pair(example) if method == "dpo" else _answer(example) for example in examples]
    trainer = InOrder(
        model=model,
        args=config,
        train_dataset=Dataset.from_list(rows),
        processing_class=tokenizer,
        peft_config=adapter,
        callbacks=[Clock()],
    )
    trainer.remove_callback(PrinterCallback)
    trainer.train()
    return ends, [float(entry["loss"]) for entry in trainer.state.log_history if "loss" in entry]


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
