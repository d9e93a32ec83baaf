"""Both sides, an update at a time: a run of ours, and transformers' own model in a loop as its users write it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from benchmarks.grown.making import ALPHA, BALANCE, EXPERTS, RANK, RATE, TOP_K, Files
from benchmarks.training.ours import SEED
from benchmarks.training.texts import read_rows, spoken
from engine.job.channel import Desk, events_of
from engine.job.events import Step
from engine.job.job import Job, job_from_values
from engine.models.adapters import trained_parameters
from engine.train import session
from engine.train.loop import Training, train_loop
from engine.train.optimizer import Optimizer

ATTENTION = ["q_proj", "k_proj", "v_proj", "o_proj"]
STACKS = ["mlp.experts.gate_up_proj", "mlp.experts.down_proj", "mlp.gate.weight"]
CLIP = 1.0
IGNORED = -100


class Ours:
    """A run of a job with `kind = "upcycle"`, as the worker makes it; its own loop does each update."""

    name = "Tunewright"

    def __init__(self, files: Files, learns: str, dtype: str, folder: Path) -> None:
        folder.mkdir(parents=True)
        self._folder = folder
        with mock.patch.object(session, "train_loop", self._begin), mock.patch.object(session, "_finish"):
            session.train(job_for(files, learns, dtype), Desk(folder))

    def _begin(self, training: Training, between: Any) -> None:  # Any: what the session hands to its loop
        self._training, self._between = training, between
        self.trained: Mapping[str, torch.nn.Parameter] = trained_parameters(training.policy.model)
        training.state.steps = 0

    def update(self) -> float:
        """One update; its loss without what balances the routers."""
        self._training.state.steps += 1
        train_loop(self._training, self._between)
        losses = [event.loss for event in events_of(self._folder) if isinstance(event, Step)]
        return float(losses[-1] or 0.0)

    def gradients(self) -> tuple[float, dict[str, torch.Tensor]]:
        """One update; its loss, and the gradients that it had before they were clipped."""
        found: dict[str, torch.Tensor] = {}
        norm = Optimizer.norm

        def listening(optimizer: Optimizer) -> torch.Tensor:
            found.update(copied(self.trained))
            return norm(optimizer)

        with mock.patch.object(Optimizer, "norm", listening):
            return self.update(), found


class Theirs:
    """A stock Mixtral: padded batches, its own loss with its own balance loss, autograd, clipping, fused AdamW."""

    def __init__(self, files: Files, learns: str, dtype: str, experts: str) -> None:
        self.name = f"transformers, {experts}"
        is_wide = learns == "full" or dtype == "float32"
        self._model = AutoModelForCausalLM.from_pretrained(
            files.grown,
            dtype=torch.float32 if is_wide else torch.bfloat16,
            experts_implementation=experts,
            output_router_logits=True,
            router_aux_loss_coef=BALANCE,
        )
        self._model.config.use_cache = False
        self._autocast = dtype == "bfloat16"
        if learns == "lora":
            self._model = _with_lora(self._model)
        self.trained: Mapping[str, torch.nn.Parameter] = trained_parameters(self._model)
        self._optimizer = torch.optim.AdamW(self.trained.values(), lr=RATE, weight_decay=0.0, fused=True)
        self._batches = _batches(files)
        self._next = 0
        self._model.train()

    def update(self) -> float:
        """One update; its loss without what balances the routers."""
        self._optimizer.zero_grad(set_to_none=True)
        loss = self._backward()
        torch.nn.utils.clip_grad_norm_(self.trained.values(), CLIP)
        self._optimizer.step()
        return loss

    def gradients(self) -> tuple[float, dict[str, torch.Tensor]]:
        """Loss and gradients of the next update's rows."""
        self._optimizer.zero_grad(set_to_none=True)
        return self._backward(), copied(self.trained)

    def _backward(self) -> float:
        ids, mask, labels = self._batches[self._next]
        self._next += 1
        with torch.autocast("cpu", torch.bfloat16, enabled=self._autocast):
            said = self._model(input_ids=ids, attention_mask=mask, labels=labels)
        said.loss.backward()
        return float(said.loss.detach() - BALANCE * said.aux_loss.detach())


def job_for(files: Files, learns: str, dtype: str) -> Job:
    """What a person asks for, nothing kept back or looked at."""
    own = {"kind": "full"} if learns == "full" else {"kind": "lora", "rank": RANK, "alpha": ALPHA}
    return job_from_values(
        {
            "model": {"source": str(files.dense), "dtype": dtype},
            "data": [{"path": str(files.data)}],
            "rows": {"validation": 0.0},
            "adapter": own,
            "moe": {
                "kind": "upcycle",
                "experts": EXPERTS,
                "top_k": TOP_K,
                "balance": BALANCE,
                **({"learns": "all"} if learns == "full" else {}),
            },
            "train": {
                "epochs": 1.0,
                "batch_size": files.rows,
                "learning_rate": RATE,
                "schedule": "constant",
                "warmup": 0.0,
                "seed": SEED,
            },
            "saving": {"every_minutes": 1440.0},
            "watch": {"sample_every": 1_000_000, "evaluate_every": 1_000_000},
            "device": {"kind": "cpu"},
        }
    )


def draw(trained: Mapping[str, torch.nn.Parameter]) -> None:
    """Fill an adapter's matrices from seeds of their names, so that no gradient is nothing."""
    with torch.no_grad():
        for name, weight in trained.items():
            generator = torch.Generator().manual_seed(sum(map(ord, name)))
            weight.copy_(0.02 * torch.randn(weight.shape, generator=generator))


def tokens_of_updates(files: Files) -> list[int]:
    """Real tokens of each update."""
    return [int(mask.sum()) for _, mask, _ in _batches(files)]


def copied(trained: Mapping[str, torch.nn.Parameter]) -> dict[str, torch.Tensor]:
    """The gradients by their parameters' names."""
    return {
        name: weight.grad.detach().float().clone()
        for name, weight in trained.items()
        if weight.grad is not None
    }


def _with_lora(model: Any) -> Any:  # Any: transformers' and PEFT's models
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(
        r=RANK, lora_alpha=ALPHA, target_modules=ATTENTION, target_parameters=STACKS, task_type="CAUSAL_LM"
    )
    return get_peft_model(model, config)


def _batches(files: Files) -> list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
    """Ids, mask and labels (B, T) of each update, padded on the right; answers alone are learned."""
    tokenizer, rows = AutoTokenizer.from_pretrained(files.dense), read_rows(files.data)
    found = []
    for update in files.updates:
        texts = []
        for number in update:
            said = spoken(rows[number - 1])
            prompt = tokenizer.apply_chat_template(
                said["prompt"], add_generation_prompt=True, return_dict=False
            )
            whole = tokenizer.apply_chat_template([*said["prompt"], *said["completion"]], return_dict=False)
            texts.append((whole, [IGNORED] * len(prompt) + whole[len(prompt) :]))
        width = max(len(ids) for ids, _ in texts)

        def padded(values: list[int], filler: int, width: int = width) -> list[int]:
            return values + [filler] * (width - len(values))

        pad = tokenizer.pad_token_id
        ids = torch.tensor([padded(ids, pad) for ids, _ in texts])
        mask = torch.tensor([padded([1] * len(ids), 0) for ids, _ in texts])
        labels = torch.tensor([padded(labels, IGNORED) for _, labels in texts])
        found.append((ids, mask, labels))
    return found
