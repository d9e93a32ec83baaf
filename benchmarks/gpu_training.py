"""The work behind `gpu.py`: one case trained as the app does, and the same updates done plainly and by TRL."""

import gc
import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM

from benchmarks import gpu_trl
from engine.job.channel import Desk, events_of
from engine.job.events import Event, Prepared, Progress, Step
from engine.job.job import Job, job_from_values
from engine.library.folders import samples_folder, starter_folder
from engine.library.home import HOME_VARIABLE
from engine.models.load import load_tokenizer
from engine.train.batches import Example
from engine.train.rows import prepare_rows
from engine.train.session import train

WARM_STEPS = 3
RANK, ALPHA, BETA, RATE = 16, 32.0, 0.1, 2e-4
SIZES = {
    "1B": {"hidden_size": 2048, "intermediate_size": 5632, "num_hidden_layers": 20, "vocab_size": 32000},
    "40M": {"hidden_size": 512, "intermediate_size": 1536, "num_hidden_layers": 8, "vocab_size": 32000},
    "tiny": {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "vocab_size": 2000},
}
JOINED = 8
"""Sample rows that make one row for a larger model: a few hundred tokens instead of thirty."""

HEAD = (
    *("model", "method", "side", "tokens a row", "rows an update", "tokens/s", "to plain", "to TRL"),
    *("memory MB", "first loss", "fast paths"),
)
Settings = dict[str, dict[str, object]]
WAYS: dict[str, Settings] = {
    "padded": {"rows": {"packing": "off"}},
    "packed": {"rows": {"packing": "on"}},
    "packed, prompts twice": {"rows": {"packing": "on", "prefix_sharing": "off"}},
    "padded, fast off": {"rows": {"packing": "off"}, "train": {"fast": "off"}},
}
"""Our own sides, by what a job says beside. Prompts are shared where there are pairs."""


@dataclass(frozen=True)
class Figures:
    """What one side did: tokens a second after warming up, most bytes of GPU memory, the first update's loss.

    `paths` are the fast paths that our own engine took.
    """

    tokens_per_second: float
    bytes_most: int
    first_loss: float
    paths: tuple[str, ...] = ()


def cases(on_cpu: bool) -> list[tuple[str, int]]:
    """Model and rows an update."""
    return [("starter", 16), ("tiny", 4)] if on_cpu else [("starter", 16), ("40M", 16), ("1B", 16)]


def measured(size: str, method: str, batch: int, device: str, steps: int, folder: Path) -> Iterator[str]:
    """The lines of one case: each of our ways, then the others on the very same updates."""
    model = starter_folder() if size == "starter" else random_model(size, folder, device)
    data = starter_data(method) if size == "starter" else joined_data(method, folder)
    sides: dict[str, Figures] = {}
    updates: list[list[Example]] = []
    for way, settings in WAYS.items():
        if "prefix_sharing" in settings["rows"] and method != "dpo":
            continue
        job = job_of(method, model, data, batch, device, steps, settings)
        place = folder / f"{size}-{method}-{len(sides)}"
        place.mkdir()
        sides[way], seen = with_engine(job, place)
        if updates and seen != updates:
            raise RuntimeError(f"{way} took other rows than {next(iter(sides))}")
        updates = seen
    sides["plain"] = plainly(job, model, updates, device)
    if gpu_trl.is_there():
        sides["TRL"] = with_trl(job, updates, device, folder / f"{size}-{method}-trl")
    rows = sum(len(update) for update in updates) * (2 if method == "dpo" else 1)
    beginning = (size, method), (f"{tokens_of(updates) / rows:.0f}", str(batch))
    for side in sides:
        yield f"| {' | '.join(_cells(side, sides, *beginning))} |"


def _cells(side: str, sides: Mapping[str, Figures], case: Sequence[str], rows: Sequence[str]) -> list[str]:
    found = sides[side]
    others = [sides.get(name) for name in ("plain", "TRL")]
    return [
        *(*case, side, *rows, f"{found.tokens_per_second:.0f}"),
        *(_cell(other and found.tokens_per_second / other.tokens_per_second, "{:.2f}") for other in others),
        *(f"{found.bytes_most / 1e6:.0f}", f"{found.first_loss:.4f}", ", ".join(found.paths) or "-"),
    ]


def _cell(figure: float | None, form: str) -> str:
    return "-" if figure is None else form.format(figure)


def tokens_of(updates: Sequence[Sequence[Example]]) -> int:
    """Tokens of all rows, padding not counted."""
    return sum(example.tokens for update in updates for example in update)


def job_of(
    method: str,
    model: Path,
    data: Path,
    batch: int,
    device: str,
    steps: int,
    more: Mapping[str, Mapping[str, object]] | None = None,
) -> Job:
    """The same job for all sides: LoRA on every linear layer, AdamW, a constant rate; `more` by section on top."""
    values: dict[str, dict[str, Any]] = {  # Any: a job's values are of several types
            "model": {"source": str(model), "dtype": "float32" if device == "cpu" else "bfloat16"},
            "data": [{"path": str(data)}],
            "rows": {"max_tokens": 1024, "validation": 0.0},
            "method": {"kind": method} | ({"beta": BETA} if method == "dpo" else {}),
            "adapter": {"kind": "lora", "rank": RANK, "alpha": ALPHA},
            "train": {"steps": steps, "batch_size": batch, "learning_rate": RATE, "schedule": "constant", "warmup": 0.0},
            "watch": {"sample_every": steps},  # the others answer nothing while they train
            "device": {"kind": device},
    }  # fmt: skip
    for section, settings in (more or {}).items():
        values[section] = values.get(section, {}) | dict(settings)
    return job_from_values(values)


def with_engine(job: Job, folder: Path) -> tuple[Figures, list[list[Example]]]:
    """Train as the app does; also the examples of each update, for the other side."""
    forget_memory()
    desk = Desk(folder)
    with mock.patch.dict(
        os.environ, {HOME_VARIABLE: str(folder)}
    ):  # no reference is remembered from another run
        train(job, desk)
    events = events_of(folder)
    steps = [event for event in events if isinstance(event, Step)]
    most = most_memory()
    by_number = {
        one.number: one for one in prepare_rows(job, load_tokenizer(Path(job.model.source)), desk).train
    }
    updates = [[by_number[number] for number in step.rows] for step in steps]
    # From one event to the next: all that happens between two updates counts.
    seconds = steps[-1].time - steps[WARM_STEPS - 1].time
    seconds += looking(events) * len(steps[WARM_STEPS:]) / len(steps)
    rate, first = tokens_of(updates[WARM_STEPS:]) / seconds, steps[0].loss or float("nan")
    paths = next(event.fast_paths for event in events if isinstance(event, Prepared))
    return Figures(rate, most, first, tuple(paths)), updates


def looking(events: Sequence[Event]) -> float:
    """Seconds that looking at the reference took before the first update, which the others do in each one."""
    looks = [event.time for event in events if isinstance(event, Progress) and "reference" in event.title]
    ends = [event.time for event in events if isinstance(event, Prepared)]
    return ends[0] - looks[0] if looks else 0.0


def with_trl(job: Job, updates: Sequence[Sequence[Example]], device: str, folder: Path) -> Figures:
    """The same updates by TRL's trainer, prepared as its examples do: a model in bfloat16 and PEFT's LoRA."""
    forget_memory()
    torch.manual_seed(0)
    source = Path(job.model.source)
    base = AutoModelForCausalLM.from_pretrained(source, dtype=getattr(torch, job.model.dtype)).to(device)
    adapter = LoraConfig(r=RANK, lora_alpha=ALPHA, target_modules="all-linear", task_type="CAUSAL_LM")
    tokenizer = load_tokenizer(source)
    ends, losses = gpu_trl.trl_steps(
        base, tokenizer, adapter, updates, method=job.method.kind, rate=RATE, beta=BETA, folder=folder
    )
    seconds = ends[-1] - ends[WARM_STEPS - 1]
    return Figures(tokens_of(updates[WARM_STEPS:]) / seconds, most_memory(), losses[0])


def plainly(job: Job, folder: Path, updates: Sequence[Sequence[Example]], device: str) -> Figures:
    """A plain loop: rows padded to the longest, all logits, the reference by switching the adapter off."""
    forget_memory()
    torch.manual_seed(0)
    base = AutoModelForCausalLM.from_pretrained(folder, dtype=getattr(torch, job.model.dtype)).to(device)
    model = get_peft_model(base, LoraConfig(r=RANK, lora_alpha=ALPHA, target_modules="all-linear"))
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=RATE, weight_decay=0.0)
    losses, seconds = [], []
    for update in updates:
        synchronize(device)
        started = time.perf_counter()
        loss = (preference_loss if job.method.kind == "dpo" else supervised_loss)(model, update, device)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(float(loss.detach()))
        synchronize(device)
        seconds.append(time.perf_counter() - started)
    return Figures(tokens_of(updates[WARM_STEPS:]) / sum(seconds[WARM_STEPS:]), most_memory(), losses[0])


def supervised_loss(model: Any, update: Sequence[Example], device: str) -> torch.Tensor:  # Any: a PeftModel
    """Mean cross-entropy of the answers' tokens."""
    ids, mask, labels = padded(update, 0, device)
    return model(input_ids=ids, attention_mask=mask, labels=labels).loss


def preference_loss(model: Any, update: Sequence[Example], device: str) -> torch.Tensor:  # Any: a PeftModel
    """DPO: chosen and rejected rows in one batch, prompts twice, the reference in every update."""
    batches = [padded(update, part, device) for part in (0, 1)]
    with torch.no_grad(), model.disable_adapter():
        reference = [answer_logps(model, *batch) for batch in batches]
    policy = [answer_logps(model, *batch) for batch in batches]
    margin = (policy[0] - reference[0]) - (policy[1] - reference[1])
    return -torch.nn.functional.logsigmoid(BETA * margin).mean()


def answer_logps(model: Any, ids: torch.Tensor, mask: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """(B,): log-probability of each answer, summed over its tokens, from logits in float32."""
    logits = model(input_ids=ids, attention_mask=mask).logits[:, :-1].float()
    targets = labels[:, 1:]
    logps = logits.log_softmax(-1).gather(-1, targets.clamp(min=0).unsqueeze(-1)).squeeze(-1)
    return (logps * (targets >= 0)).sum(-1)


def padded(
    update: Sequence[Example], part: int, device: str
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Ids, mask and labels (B, T), padded on the right; -100 where nothing is learned."""
    rows = [example.parts[part] for example in update]
    shape = (len(rows), max(len(row.ids) for row in rows))
    ids, mask = torch.zeros(shape, dtype=torch.long), torch.zeros(shape, dtype=torch.long)
    labels = torch.full(shape, -100)
    for place, row in enumerate(rows):
        tokens = torch.tensor(row.ids)
        ids[place, : len(tokens)], mask[place, : len(tokens)] = tokens, 1
        labels[place, : len(tokens)] = torch.where(torch.tensor(row.trained), tokens, -100)
    return ids.to(device), mask.to(device), labels.to(device)


def random_model(size: str, folder: Path, device: str = "cpu") -> Path:
    """A Llama with random weights, drawn on the device, and the starter's tokenizer."""
    place = folder / size
    if place.exists():
        return place
    torch.manual_seed(0)
    config = LlamaConfig(
        **SIZES[size],
        num_attention_heads=8,
        num_key_value_heads=8,
        max_position_embeddings=2048,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=load_tokenizer(starter_folder()).eos_token_id,
    )
    with torch.device(device):
        LlamaForCausalLM(config).to(torch.bfloat16).save_pretrained(place)
    load_tokenizer(starter_folder()).save_pretrained(place)
    return place


def starter_data(method: str) -> Path:
    """The bundled sample of a method."""
    return samples_folder() / ("preferences.jsonl" if method == "dpo" else "polite.jsonl")


def joined_data(method: str, folder: Path) -> Path:
    """Sample rows joined to longer ones: several questions in one prompt, their answers in one answer."""
    lines = starter_data(method).read_text(encoding="utf-8").splitlines()
    rows = [json.loads(text) for text in lines]
    path = folder / f"{method}.jsonl"
    joined = [
        {field: " ".join(row[field] for row in rows[start : start + JOINED]) for field in rows[0]}
        for start in range(0, len(rows) - JOINED, 2)
    ]
    path.write_text("\n".join(json.dumps(row) for row in joined), encoding="utf-8")
    return path


def synchronize(device: str) -> None:
    """Wait for what was asked of the GPU."""
    if device == "cuda":
        torch.cuda.synchronize()


def forget_memory() -> None:
    """Begin to measure memory anew."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()


def most_memory() -> int:
    """Bytes that tensors held at most on the GPU; 0 without one."""
    return torch.cuda.max_memory_allocated() if torch.cuda.is_available() else 0
