"""TRL's side: a fresh process that reads the rows' text and trains with TRL's own trainer, as its examples do.

    python -m benchmarks.training.theirs PLAN_FILE

The plan: model and rows, updates (row numbers in the order in which ours visits them), method, arguments of the
configuration beyond `ARGUMENTS`, and the files to leave the result and the adapter in.
"""

import json
import sys
import time
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks.training.cases import Case, Variant
from benchmarks.training.process import Cost, module, run_measured
from benchmarks.training.taken import Taken
from benchmarks.training.texts import dumped, read_rows, spoken, tokens_of

TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def is_there() -> bool:
    """Whether TRL and what it needs are installed. Nothing is imported."""
    return all(find_spec(name) is not None for name in ("trl", "datasets", "accelerate"))


def run_theirs(
    case: Case, variant: Variant, model: Path, data: Path, updates: list[list[int]], folder: Path
) -> Taken:
    """Train in a fresh process; raises RuntimeError when it fails."""
    from benchmarks.training.ours import ALPHA, BETA, RANK, RATE

    folder.mkdir(parents=True, exist_ok=True)
    plan = {
        "model": str(model),
        "data": str(data),
        "updates": updates,
        "method": case.method,
        "lora": {"r": RANK, "lora_alpha": ALPHA, "target_modules": TARGETS, "task_type": "CAUSAL_LM"},
        "arguments": {
            "learning_rate": RATE,
            "per_device_train_batch_size": case.rows,
            "max_length": case.texts.longest,
            **({"beta": BETA} if case.method == "dpo" else {}),
            **variant.settings,
        },
        "folder": str(folder / "trained"),
        "result": str(folder / "result.json"),
    }
    file = dumped(plan, folder / "plan.json")
    cost = run_measured(module("theirs", file), folder, variant.environment)
    return read_result(json.loads((folder / "result.json").read_text(encoding="utf-8")), plan, cost)


def read_result(found: Mapping[str, Any], plan: Mapping[str, Any], cost: Cost) -> Taken:  # Any: JSON values
    """What the process left behind; the rows of its updates are known where it could not choose them."""
    chose = plan["arguments"].get("packing") or "train_sampling_strategy" in plan["arguments"]
    return Taken(
        tokens=tuple(found["tokens"]),
        ends=tuple(end - cost.started for end in found["ends"]),
        begun=found["begun"] - cost.started,
        rows=() if chose else tuple(map(tuple, plan["updates"])),
        learned=found["learned"],
        reference=found["reference"],
        wall=cost.wall,
        processor=cost.processor,
        memory=cost.memory,
        dtype=found["dtype"],
    )


def train(plan: Mapping[str, Any]) -> dict[str, Any]:  # Any: JSON values
    """Train one epoch of the plan and save the adapter; what it counted, times in seconds since the epoch."""
    from datasets import Dataset, disable_progress_bars
    from peft import LoraConfig
    from transformers import PrinterCallback

    disable_progress_bars()
    rows = read_rows(Path(plan["data"]))
    ordered = [spoken(rows[number - 1]) for update in plan["updates"] for number in update]
    trainer_class, config = counting(plan["method"])
    trainer = trainer_class(
        model=plan["model"],
        args=config(**_arguments(plan, rows)),
        train_dataset=Dataset.from_list(ordered),
        peft_config=LoraConfig(**plan["lora"]),
    )
    trainer.remove_callback(PrinterCallback)
    trainer.train()
    trainer.save_model(plan["folder"])
    counted = trainer.counted
    frozen = next(weight for weight in trainer.model.parameters() if not weight.requires_grad)
    return {**counted, "dtype": str(frozen.dtype).removeprefix("torch.")}


def _arguments(plan: Mapping[str, Any], rows: list[dict[str, str]]) -> dict[str, Any]:  # Any: JSON values
    """Arguments of TRL's configuration: what both sides do alike, then what the plan says."""
    own = dict(plan["arguments"])
    if own.get("packing"):  # as many full rows as an update of separate ones has tokens
        tokens = sum(tokens_of(rows, plan["updates"])) / len(plan["updates"])
        own["per_device_train_batch_size"] = max(1, round(tokens / own["max_length"]))
    return {
        "output_dir": plan["folder"],
        "num_train_epochs": 1,
        "lr_scheduler_type": "constant",
        "weight_decay": 0.0,
        "max_grad_norm": 1.0,
        "save_strategy": "no",
        "report_to": "none",
        "disable_tqdm": True,
        "use_cpu": True,
        "dataloader_pin_memory": False,
        "train_sampling_strategy": "sequential",
        **own,
    }


def counting(method: str) -> tuple[Any, Any]:  # Any: TRL's classes
    """TRL's trainer that also counts tokens and notes times, and its configuration."""
    from trl import DPOConfig, DPOTrainer, SFTConfig, SFTTrainer

    trainer, config = (DPOTrainer, DPOConfig) if method == "dpo" else (SFTTrainer, SFTConfig)

    class Counting(trainer):  # type: ignore[misc, valid-type]
        def __init__(self, *arguments: object, **more: object) -> None:
            self.counted = {"tokens": [], "ends": [], "begun": 0.0, "learned": 0, "reference": 0.0}
            super().__init__(*arguments, **more)
            self.add_callback(_clock(self.counted))

        def training_step(self, model: Any, inputs: Any, *arguments: Any, **more: Any) -> Any:  # Any: TRL's
            tokens, learned = count_tokens(inputs)
            self.counted["tokens"].append(tokens)
            self.counted["learned"] += learned
            return super().training_step(model, inputs, *arguments, **more)

        def _precompute_ref_logps(self, *arguments: Any, **more: Any) -> Any:  # Any: TRL's datasets
            started = time.perf_counter()
            found = super()._precompute_ref_logps(*arguments, **more)
            self.counted["reference"] += time.perf_counter() - started
            return found

    return Counting, config


def _clock(counted: dict[str, Any]) -> Any:  # Any: transformers' callbacks
    from transformers import TrainerCallback

    class Clock(TrainerCallback):
        def on_step_begin(self, *arguments: object, **more: object) -> None:
            counted["begun"] = counted["begun"] or time.time()

        def on_step_end(self, *arguments: object, **more: object) -> None:
            counted["ends"].append(time.time())

    return Clock()


def count_tokens(inputs: Mapping[str, Any]) -> tuple[int, int]:  # Any: tensors
    """Real tokens of a batch, and those that are learned; the first of a text has nothing before it and never is."""
    mask = inputs.get("attention_mask")
    tokens = inputs["input_ids"].numel() if mask is None else int(mask.sum())
    if "completion_mask" in inputs:
        return tokens, int(inputs["completion_mask"][:, 1:].sum())
    return tokens, int((inputs["labels"][:, 1:] != -100).sum())


if __name__ == "__main__":
    _plan = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    dumped(train(_plan), Path(_plan["result"]))
