"""The gate before any speed: loss and the gradient of every LoRA matrix, ours beside TRL's own, in float32.

    python -m benchmarks.training.equality FOLDER RESULT_FILE

Ours is a whole run of one update, whatever ways it chooses, listened to where its gradients are divided and not yet
clipped; TRL's is its trainer's own loss of its own batch. Both start from the same adapter with both matrices drawn,
on the same rows.
"""

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from transformers import (
    Gemma2Config,
    Gemma2ForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from benchmarks.training.cases import Case, Texts
from benchmarks.training.making import word_tokenizer
from benchmarks.training.ours import job_for
from benchmarks.training.texts import SPECIAL, dumped, read_rows, spoken, write_rows
from benchmarks.training.theirs import TARGETS
from engine.job.channel import Desk, events_of
from engine.job.events import Step
from engine.job.job import Job
from engine.models.adapters import trained_parameters
from engine.train import session
from engine.train.optimizer import Optimizer

WINDOW, WORDS = 16, 400
MODELS: dict[str, tuple[Any, Any, dict[str, Any]]] = {  # Any: transformers' classes and their arguments
    "Llama": (LlamaConfig, LlamaForCausalLM, {}),
    "Qwen3": (Qwen3Config, Qwen3ForCausalLM, {"head_dim": 8, "tie_word_embeddings": True}),
    "Mistral, window": (MistralConfig, MistralForCausalLM, {"sliding_window": WINDOW}),
    "Gemma2": (Gemma2Config, Gemma2ForCausalLM, {"head_dim": 8, "sliding_window": WINDOW}),
}
LOSS = {"sft": 1e-5, "dpo": 5e-5}  # the sums of log-probabilities behind a pair's loss are hundreds of nats
GRADIENT = 1e-4
_MATRIX = re.compile(r"(layers\.\d+\..*)\.lora_([AB])\b")


@dataclass(frozen=True)
class Gradients:
    """A mean loss, and its gradient for every matrix of the adapter by layer, module and letter."""

    loss: float
    by_matrix: Mapping[str, torch.Tensor]


@dataclass(frozen=True)
class Difference:
    """How far two sides are apart: absolute of the loss, and of the worst matrix relative to its size."""

    loss: float
    gradient: float
    worst: str

    def is_small(self, method: str) -> bool:
        """Whether rounding in float32 explains it."""
        return self.loss <= LOSS[method] and self.gradient <= GRADIENT


def difference(ours: Gradients, theirs: Gradients) -> Difference:
    """Raises RuntimeError when the sides train other matrices, or one has no gradient at all."""
    if ours.by_matrix.keys() != theirs.by_matrix.keys() or not ours.by_matrix:
        names = sorted(ours.by_matrix.keys() ^ theirs.by_matrix.keys())
        raise RuntimeError(f"The two sides train other matrices: {names[:6]} on one side alone.")
    relative = {
        name: (float((gradient - theirs.by_matrix[name]).norm() / theirs.by_matrix[name].norm()))
        for name, gradient in ours.by_matrix.items()
    }
    worst = max(relative, key=lambda name: relative[name] if relative[name] == relative[name] else 1e9)
    return Difference(abs(ours.loss - theirs.loss), relative[worst], worst)


def compared(name: str, method: str, folder: Path) -> Difference:
    """Build a tiny model of that family and rows, and take both sides' loss and gradients."""
    folder.mkdir(parents=True, exist_ok=True)
    model = tiny_model(name, folder / "model")
    case = Case(name, "", method, 4, 1, Texts(70, 20, longest=256), ())
    data = write_rows(case, WORDS, folder / "rows.jsonl")
    job = job_for(case, model, data, {"model": {"source": str(model), "dtype": "float32"}})
    return difference(ours(job, folder / "run"), theirs(method, model, data, folder / "trl"))


def tiny_model(name: str, folder: Path) -> Path:
    """A folder with a random model of two layers, in float32, whose answers vary."""
    config_class, model_class, own = MODELS[name]
    torch.manual_seed(1)
    config = config_class(
        **{
            "vocab_size": WORDS,
            "hidden_size": 32,
            "intermediate_size": 48,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "max_position_embeddings": 512,
            "initializer_range": 0.3,
            "pad_token_id": 0,
            "bos_token_id": None,
            "eos_token_id": SPECIAL.index("<|end|>"),
            "tie_word_embeddings": False,
            **own,
        }
    )
    model_class(config).save_pretrained(folder)
    word_tokenizer(WORDS).save_pretrained(folder)
    return folder


def ours(job: Job, folder: Path) -> Gradients:
    """The loss that a run tells of its first update, and the gradient that it had there, from the drawn adapter."""
    folder.mkdir()
    loop, norm, found = session.train_loop, Optimizer.norm, dict[str, torch.Tensor]()

    def from_the_drawn_adapter(
        training: Any, *others: Any
    ) -> None:  # Any: what the session hands to its loop
        trained = trained_parameters(training.policy.model)
        draw_adapter(trained)

        def listening(optimizer: Optimizer) -> Any:  # Any: a number or a tensor
            found.update(_by_matrix(trained))
            return norm(optimizer)

        with mock.patch.object(Optimizer, "norm", listening):
            loop(training, *others)

    with mock.patch.object(session, "train_loop", from_the_drawn_adapter):
        session.train(job, Desk(folder))
    losses = [event.loss for event in events_of(folder) if isinstance(event, Step)]
    if len(losses) != 1 or losses[0] is None:
        raise RuntimeError(f"The run had the losses {losses} instead of a single one.")
    return Gradients(losses[0], found)


def theirs(method: str, model: Path, data: Path, folder: Path) -> Gradients:
    """The loss and gradient of TRL's trainer on all rows in one batch, from the drawn adapter."""
    from datasets import Dataset, disable_progress_bars
    from peft import LoraConfig
    from trl import DPOConfig, DPOTrainer, SFTConfig, SFTTrainer

    disable_progress_bars()
    rows = read_rows(data)
    trainer_class, config = (DPOTrainer, DPOConfig) if method == "dpo" else (SFTTrainer, SFTConfig)
    trainer = trainer_class(
        model=str(model),
        args=config(
            output_dir=str(folder),
            per_device_train_batch_size=len(rows),
            train_sampling_strategy="sequential",
            gradient_checkpointing=False,
            bf16=False,
            use_cpu=True,
            report_to="none",
            disable_tqdm=True,
            dataloader_pin_memory=False,
        ),
        train_dataset=Dataset.from_list([spoken(row) for row in rows]),
        peft_config=LoraConfig(r=16, lora_alpha=32, target_modules=TARGETS, task_type="CAUSAL_LM"),
    )
    trained = trained_parameters(trainer.model)
    draw_adapter(trained)
    trainer.model.train()
    loss = trainer.compute_loss(trainer.model, next(iter(trainer.get_train_dataloader())))
    loss.backward()
    return Gradients(float(loss.detach()), _by_matrix(trained))


def draw_adapter(trained: Mapping[str, torch.nn.Parameter]) -> None:
    """Fill both matrices of every layer from a seed of its own, so that no gradient is nothing."""
    with torch.no_grad():
        for name, weight in trained.items():
            generator = torch.Generator().manual_seed(sum(map(ord, _key(name))))
            weight.copy_(0.05 * torch.randn(weight.shape, generator=generator))


def _by_matrix(trained: Mapping[str, torch.nn.Parameter]) -> dict[str, torch.Tensor]:
    """A copy of the gradient of each matrix."""
    return {
        _key(name): weight.grad.detach().float().clone()
        for name, weight in trained.items()
        if weight.grad is not None
    }


def _key(name: str) -> str:
    found = _MATRIX.search(name)
    if found is None:
        raise RuntimeError(f"'{name}' is trained, but is no matrix of an adapter.")
    return f"{found[1]}.{found[2]}"


def all_differences(folder: Path) -> list[dict[str, Any]]:  # Any: JSON values
    """Every family with both methods."""
    found = []
    for name in MODELS:
        for method in ("sft", "dpo"):
            one = compared(name, method, folder / f"{name} {method}")
            found.append(
                {
                    "what": f"{name}, {method.upper()}",
                    "loss": one.loss,
                    "gradient": one.gradient,
                    "worst": one.worst,
                    "passed": one.is_small(method),
                }
            )
    return found


if __name__ == "__main__":
    dumped(all_differences(Path(sys.argv[1])), Path(sys.argv[2]))
