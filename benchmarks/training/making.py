"""A process that makes what both sides read: a model folder of random weights, and the order of the rows.

    python -m benchmarks.training.making SIZE MODEL_FOLDER ROWS BATCH SEED ORDER_FILE

The order is the one in which our run visits the rows; TRL is given its rows in it.
"""

import shutil
import sys
from pathlib import Path
from typing import Any

import torch
from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from benchmarks.training.cases import SIZES, Size
from benchmarks.training.texts import SPECIAL, dumped, vocabulary
from engine.library.folders import starter_folder
from engine.train.batches import Order

FAMILIES = {"llama": (LlamaConfig, LlamaForCausalLM), "qwen3": (Qwen3Config, Qwen3ForCausalLM)}


def make_model(size: Size, folder: Path) -> Path:
    """The folder of a model of this size, complete or absent; made once."""
    if folder.exists():
        return folder
    part = folder.with_name(folder.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    torch.manual_seed(0)
    config_class, model_class = FAMILIES[size.family]
    config = config_class(
        vocab_size=size.vocabulary,
        hidden_size=size.hidden,
        intermediate_size=size.intermediate,
        num_hidden_layers=size.layers,
        num_attention_heads=size.heads,
        num_key_value_heads=size.kv_heads,
        head_dim=size.hidden // size.heads,
        max_position_embeddings=size.positions,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=SPECIAL.index("<|end|>"),
        pad_token_id=SPECIAL.index("<|pad|>"),
    )
    model_class(config).to(torch.bfloat16).save_pretrained(part)
    word_tokenizer(size.vocabulary).save_pretrained(part)
    part.replace(folder)
    return folder


def word_tokenizer(size: int) -> Any:  # Any: transformers' tokenizers share no typed base
    """A tokenizer with one token a word, and the starter's chat template."""
    tokenizer = Tokenizer(models.WordLevel(vocabulary(size), unk_token="<|unknown|>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.add_special_tokens([AddedToken(text, special=True) for text in SPECIAL])
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<|pad|>", unk_token="<|unknown|>", eos_token="<|end|>"
    )
    fast.chat_template = (starter_folder() / "chat_template.jinja").read_text(encoding="utf-8")
    return fast


def visited(rows: int, batch: int, seed: int) -> list[list[int]]:
    """The rows of each update of one epoch, by their number in the file, from 1."""
    order = Order(rows, batch, rows, seed)
    return [[row + 1 for row in order.of_update(update + 1)] for update in range(order.updates)]


if __name__ == "__main__":
    _size, _folder, _rows, _batch, _seed, _file = sys.argv[1:]
    make_model(SIZES[_size], Path(_folder))
    dumped(visited(int(_rows), int(_batch), int(_seed)), Path(_file))
