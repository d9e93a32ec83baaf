"""Small model folders written without torch: a real header, zeros as weights, a tokenizer of twenty words."""

import json
import struct
from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import Any

CONFIG: dict[str, Any] = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": 8,
    "intermediate_size": 12,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "vocab_size": 20,
    "max_position_embeddings": 64,
    "tie_word_embeddings": False,
}
# Two layers of q 8x8, k 4x8, v 4x8, o 8x8, gate 12x8, up 12x8, down 8x12, two norms of 8;
# embeddings and head of 20x8, a last norm of 8:
# 2 * (64 + 32 + 32 + 64 + 96 + 96 + 96 + 16) + 2 * 160 + 8 = 1320
PARAMETERS = 1320


def llama_tensors() -> dict[str, tuple[int, ...]]:
    """The tensors that `CONFIG` promises."""
    tensors: dict[str, tuple[int, ...]] = {
        "model.embed_tokens.weight": (20, 8),
        "lm_head.weight": (20, 8),
        "model.norm.weight": (8,),
    }
    for layer in range(2):
        start = f"model.layers.{layer}"
        shapes = {"q_proj": (8, 8), "k_proj": (4, 8), "v_proj": (4, 8), "o_proj": (8, 8)}
        tensors |= {f"{start}.self_attn.{name}.weight": shape for name, shape in shapes.items()}
        shapes = {"gate_proj": (12, 8), "up_proj": (12, 8), "down_proj": (8, 12)}
        tensors |= {f"{start}.mlp.{name}.weight": shape for name, shape in shapes.items()}
        norms = ("input_layernorm", "post_attention_layernorm")
        tensors |= {f"{start}.{name}.weight": (8,) for name in norms}
    return tensors


def safetensors_bytes(tensors: Mapping[str, tuple[int, ...]]) -> bytes:
    """A whole bfloat16 file of zeros, by the format's definition: length, JSON header, data."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name, shape in tensors.items():
        start, end = end, end + 2 * prod(shape)
        header[name] = {"dtype": "BF16", "shape": list(shape), "data_offsets": [start, end]}
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + bytes(end)


def tokenizer_values(words: int = 20) -> dict[str, Any]:
    """A word-level tokenizer's file."""
    vocab = {f"w{number}": number for number in range(words)}
    return {
        "version": "1.0",
        "added_tokens": [],
        "model": {"type": "WordLevel", "vocab": vocab, "unk_token": "w0"},
    }


def write_model(folder: Path, **config: Any) -> Path:
    """A complete model folder; `config` changes or (with None) removes fields of config.json."""
    folder.mkdir(parents=True, exist_ok=True)
    values = {key: value for key, value in {**CONFIG, **config}.items() if value is not None}
    (folder / "config.json").write_text(json.dumps(values))
    (folder / "model.safetensors").write_bytes(safetensors_bytes(llama_tensors()))
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer_values()))
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"eos_token": "w1", "chat_template": "{{ messages }}"})
    )
    return folder


def split_weights(folder: Path) -> list[Path]:
    """Turn the folder's single weights file into two shards and an index."""
    tensors = llama_tensors()
    names = sorted(tensors)
    halves = (names[: len(names) // 2], names[len(names) // 2 :])
    files, weight_map = [], {}
    for number, half in enumerate(halves, 1):
        file = folder / f"model-{number:05d}-of-00002.safetensors"
        file.write_bytes(safetensors_bytes({name: tensors[name] for name in half}))
        weight_map |= dict.fromkeys(half, file.name)
        files.append(file)
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors.index.json").write_text(
        json.dumps({"metadata": {}, "weight_map": weight_map})
    )
    return files
