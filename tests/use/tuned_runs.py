"""Runs without the training: a run's folder whose adapter is drawn at random, so that it changes every answer."""

import dataclasses
import json
from pathlib import Path

import torch

from engine.job.adapters import LoraSettings
from engine.job.channel import ADAPTER, CHECKPOINTS
from engine.job.job import Job
from engine.job.record import update_record
from engine.job.sections import DataSource, ModelSection, WatchSection
from engine.library.runs import create_run
from engine.models.adapters import add_lora, save_adapter, train_all
from engine.models.load import load_model
from tests.models.tiny_models import tiny_model, tiny_tokenizer

QUESTIONS = [
    f"say {word} to the dog" for word in ("hello", "how", "fox", "brown", "lazy", "quick", "12", "34")
]


def saved_model(
    folder: Path, family: str = "llama", dtype=torch.float32, with_template=True, **changes
) -> Path:
    tiny_model(family, **changes).to(dtype).save_pretrained(folder)
    tiny_tokenizer(with_template=with_template).save_pretrained(folder)
    return folder


def data_file(folder: Path) -> Path:
    path = folder / "rows.jsonl"
    rows = [{"prompt": question, "completion": "hello"} for question in QUESTIONS]
    path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    return path


def tuned_run(base: Path, data: Path, name="polite", is_whole=False, strength=1.0) -> Path:
    """A finished run of 7 steps with its result and a checkpoint of step 3 (whose adapter is another)."""
    job = Job(
        name=name,
        model=ModelSection(source=str(base)),
        data=(DataSource(path=str(data)),),
        watch=WatchSection(prompts=("how are you?",), sample_tokens=16),
    )
    run = create_run(job)
    for seed, folder in ((1, run / ADAPTER), (2, run / CHECKPOINTS / "step-000003")):
        save_adapter(_learned(base, seed, is_whole, strength), folder, torch.float32 if is_whole else None)
    update_record(run, status="done", step=7, steps=7)
    return run


def _learned(base: Path, seed: int, is_whole: bool, strength: float):
    from engine.job.adapters import FullSettings

    model = load_model(base, "float32", "cpu").model
    torch.manual_seed(seed)
    if is_whole:
        model = train_all(model, FullSettings())
        learned = dict(model.named_parameters())
    else:
        model = add_lora(model, dataclasses.replace(LoraSettings(), rank=4))
        learned = {name: weight for name, weight in model.named_parameters() if "lora_B" in name}
    for weight in learned.values():
        weight.data += torch.randn_like(weight) * 0.2 * strength
    return model
