"""Rows made ready to train on: read, recognise, write by the template, tokenise and mask, beside TRL's own way.

Each measurement is a fresh process on the same file. TRL and datasets come with the extra "benchmark"; where they
are not installed, or `TUNEWRIGHT_BENCHMARK_PYTHON` names no Python that has them, only our own figures are shown.
"""

import json
import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.table import ROOT, Row, Table

_WORDS = [
    "the",
    "quick",
    "brown",
    "fox",
    "says",
    "hello",
    "to",
    "a",
    "lazy",
    "dog",
    "and",
    "how",
    "are",
    "you",
    "today",
    "table",
    "colour",
    "sky",
    "green",
    "answer",
]
_COMMON = """
import json, resource, sys, time
kind, path, model, folder = sys.argv[1:5]
started, worked = time.perf_counter(), time.process_time()
def told(rows):
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps([rows, time.perf_counter() - started, time.process_time() - worked, memory]))
"""
_OURS = (
    _COMMON
    + """
import pyarrow.compute, pyarrow.parquet
from engine.data.dataset import open_rows
from engine.job.sections import DataSource
from engine.models.load import load_tokenizer
from engine.models.template import encode_rows, open_template
from pathlib import Path
tokenizer = load_tokenizer(Path(model))
template = open_template(tokenizer)
started, worked = time.perf_counter(), time.process_time()
rows = open_rows([DataSource(path=path)]).rows
told(sum(1 for row in encode_rows(rows, tokenizer, template, "answers", 1024)))
"""
)
_THEIRS = (
    _COMMON
    + """
import datasets
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM
from trl import DPOConfig, DPOTrainer, SFTConfig, SFTTrainer
datasets.disable_progress_bars()
tokenizer = AutoTokenizer.from_pretrained(model)
sizes = dict(hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2)
tiny = LlamaForCausalLM(LlamaConfig(vocab_size=len(tokenizer), **sizes))
settings = dict(output_dir=folder, max_length=1024, report_to=[], use_cpu=True, bf16=False)
started, worked = time.perf_counter(), time.process_time()
found = datasets.load_dataset("json", data_files=path, split="train", cache_dir=folder)
def user(text):
    return [{"role": "user", "content": text}]
def answer(text):
    return [{"role": "assistant", "content": text}]
if kind == "pairs":
    found = found.map(lambda r: {"prompt": user(r["prompt"]), "chosen": answer(r["chosen"]), "rejected": answer(r["rejected"])})
    reference = LlamaForCausalLM(tiny.config)
    trainer = DPOTrainer(tiny, ref_model=reference, args=DPOConfig(**settings), train_dataset=found, processing_class=tokenizer)
else:
    found = found.map(
        lambda r: {
            "prompt": user(r["instruction"] + "\\n\\n" + r["input"] if r["input"] else r["instruction"]),
            "completion": answer(r["output"]),
        },
        remove_columns=found.column_names,
    )
    trainer = SFTTrainer(tiny, args=SFTConfig(**settings), train_dataset=found, processing_class=tokenizer)
told(len(trainer.train_dataset))
"""
)


def measure(quick: bool) -> Table:
    """Rows per second and peak memory, ours and TRL's, on Alpaca-style rows and on pairs."""
    alpaca, pairs = (2_000, 1_000) if quick else (100_000, 20_000)
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = {"Alpaca-style rows": ("rows", alpaca), "preference rows": ("pairs", pairs)}
        for title, (kind, count) in files.items():
            path = _written(folder / f"{kind}.jsonl", kind, count)
            rows += _compared(f"{count:,} {title}", kind, path, folder)
    how = "One fresh process each, imports and the tokenizer not counted; caches empty; the starter's tokenizer."
    return Table("Rows made ready to train on", how, tuple(rows))


def _compared(title: str, kind: str, path: Path, folder: Path) -> list[Row]:
    ours, words = _figures(_run(sys.executable, _OURS, kind, path, folder / "ours"))
    found = [Row(f"{title}: Tunewright", words)]
    python = os.environ.get("TUNEWRIGHT_BENCHMARK_PYTHON", sys.executable)
    if subprocess.run([python, "-c", "import trl, datasets"], capture_output=True, check=False).returncode:
        return [*found, Row(f"{title}: datasets and TRL", "not installed")]
    theirs, words = _figures(_run(python, _THEIRS, kind, path, folder / "theirs"))
    found.append(Row(f"{title}: datasets and TRL", words))
    return [*found, Row(f"{title}: times faster", f"{ours / theirs:.1f}", "at least 3", ours >= 3 * theirs)]


def _figures(taken: tuple[int, float, float, float]) -> tuple[float, str]:
    """Rows per second, and all figures in words."""
    count, seconds, worked, memory = taken
    words = f"{count / seconds:,.0f} rows/s ({count / worked:,.0f} a processor second), peak {memory:,.0f} MB"
    return count / seconds, words


def _run(python: str, code: str, kind: str, path: Path, folder: Path) -> tuple[int, float, float, float]:
    folder.mkdir(exist_ok=True)
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "TUNEWRIGHT_HOME": str(folder / "home"),
        "HF_HOME": str(folder / "huggingface"),
        "HF_HUB_OFFLINE": "1",
    }
    command = [python, "-c", code, kind, str(path), str(ROOT / "resources" / "starter"), str(folder)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    count, seconds, worked, memory = json.loads(done.stdout.strip().splitlines()[-1])
    return int(count), float(seconds), float(worked), float(memory)


def _written(path: Path, kind: str, count: int) -> Path:
    """A file of so many rows, always the same."""
    draw = random.Random(7)
    text = lambda words: " ".join(draw.choices(_WORDS, k=words))  # noqa: E731
    with path.open("w", encoding="utf-8") as out:
        for number in range(count):
            if kind == "pairs":
                row = {"prompt": f"{number} {text(60)}?", "chosen": text(60), "rejected": text(50)}
            else:
                extra = text(20) if number % 2 else ""
                row = {"instruction": f"{number} {text(20)}", "input": extra, "output": text(60)}
            out.write(json.dumps(row) + "\n")
    return path
