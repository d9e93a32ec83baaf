"""What both sides read: a dense model, the same one grown into a Mixtral as stock files, and rows."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from benchmarks.training.cases import Case, Texts
from benchmarks.training.making import visited, word_tokenizer
from benchmarks.training.ours import SEED
from benchmarks.training.texts import SPECIAL, write_rows
from engine.models.upcycle import Growth, upcycled

EXPERTS, TOP_K, BALANCE, RANK, ALPHA, RATE = 4, 2, 0.01, 16, 32.0, 1e-4
TEXTS = Texts(prompt=170, answer=80, longest=512)


@dataclass(frozen=True)
class Shape:
    """A Llama of random weights, and how many rows an update has."""

    layers: int
    hidden: int
    words: int
    rows: int
    updates: int


FULL = Shape(layers=4, hidden=512, words=8000, rows=8, updates=6)
QUICK = Shape(layers=2, hidden=64, words=500, rows=2, updates=3)
GATE = Shape(layers=1, hidden=64, words=500, rows=4, updates=1)


@dataclass(frozen=True)
class Files:
    """Folders of the dense model and of the grown one, the rows, and the rows of each update by number from 1."""

    dense: Path
    grown: Path
    data: Path
    updates: list[list[int]]
    rows: int

    def plain(self) -> dict[str, Any]:  # Any: JSON values
        """As JSON values."""
        paths = {name: str(getattr(self, name)) for name in ("dense", "grown", "data")}
        return {**paths, "updates": self.updates, "rows": self.rows}


def make_files(shape: Shape, folder: Path) -> Files:
    """Write all of it below `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    case = Case("grown", "", "sft", shape.rows, shape.updates, TEXTS, ())
    data = write_rows(case, shape.words, folder / "rows.jsonl")
    dense = _dense(shape)
    dense.save_pretrained(folder / "dense")
    upcycled(dense, Growth(EXPERTS, TOP_K, SEED)).save_pretrained(folder / "grown")
    for name in ("dense", "grown"):
        word_tokenizer(shape.words).save_pretrained(folder / name)
    order = visited(shape.rows * shape.updates, shape.rows, SEED)
    return Files(folder / "dense", folder / "grown", data, order, shape.rows)


def files_from(values: dict[str, Any]) -> Files:  # Any: JSON values
    """Back from JSON values."""
    paths = {name: Path(values[name]) for name in ("dense", "grown", "data")}
    return Files(**paths, updates=values["updates"], rows=values["rows"])


def _dense(shape: Shape) -> Any:  # Any: a transformers model
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=shape.words,
        hidden_size=shape.hidden,
        intermediate_size=shape.hidden * 11 // 4,
        num_hidden_layers=shape.layers,
        num_attention_heads=8,
        num_key_value_heads=4,
        max_position_embeddings=1024,
        bos_token_id=None,
        eos_token_id=SPECIAL.index("<|end|>"),
        pad_token_id=SPECIAL.index("<|pad|>"),
    )
    return LlamaForCausalLM(config)
