"""The model on the stand-in hub, and how tests fetch it."""

import json
from pathlib import Path

from engine.library import hub as client
from tests.library.model_files import CONFIG, llama_tensors, safetensors_bytes, tokenizer_values

REPO = "acme/small"
WEIGHTS = safetensors_bytes(llama_tensors() | {"padding": (1_500_000,)})  # three megabytes: many pieces
FILES = {
    "config.json": json.dumps(CONFIG).encode(),
    "tokenizer.json": json.dumps(tokenizer_values()).encode(),
    "tokenizer_config.json": b"{}",
    "chat_template.jinja": b"{{ messages }}",
    "README.md": b"---\nlicense: apache-2.0\n---\n",
    "LICENSE": b"Apache",
    "merges.txt": b"",
    "model.safetensors": WEIGHTS,
    "pytorch_model.bin": b"pickle",
    "modeling_small.py": b"print('never run')",
    "model.fp16.safetensors": b"other",
    "consolidated.safetensors": b"other",
    "onnx/model.onnx": b"other",
    "original/params.json": b"{}",
}
WANTED = sorted(list(FILES)[:8])


def fetch(repo: str = REPO, revision: str = "main", told: list[tuple[int, int]] | None = None) -> Path:
    told = [] if told is None else told
    return client.download(repo, revision, lambda done, total: told.append((done, total)), lambda: False)


def blobs(home: Path) -> list[Path]:
    return sorted((home.parent / "hf" / "hub" / "models--acme--small" / "blobs").iterdir())
