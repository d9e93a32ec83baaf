"""A byte-level BPE tokenizer in GGUF's words: tokens, merges, how text is split first, and special ids.

How text is split is told by the split pattern itself; an unknown one is refused, for with a wrong one the
file loads and some texts silently become other tokens.
"""

import json
import re
from collections.abc import Sequence
from typing import Any

import gguf

from engine.job.errors import ModelError
from engine.library.export_plan import OTHER_WAY

_WORDS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|"
_REST = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
_LLAMA3 = _WORDS + r"\p{N}{1,3}" + _REST
_QWEN2 = _WORDS + r"\p{N}" + _REST
# llama.cpp's names. Those of Llama 3's split differ in whether a whole word may skip the merges.
_BY_PATTERN = {(_LLAMA3, True): "llama-bpe", (_LLAMA3, False): "smaug-bpe", (_QWEN2, False): "qwen2"}


READABLE = (
    "gpt-2",
    "llama-bpe",
    "smaug-bpe",
    "qwen2",
)  # what transformers' GGUF reader splits as llama.cpp does


def check_tokenizer(tokenizer: Any) -> None:  # Any: transformers' tokenizers share no typed base
    """Raise ModelError when this tokenizer cannot be written to GGUF."""
    splitter(tokenizer)


def splitter(tokenizer: Any) -> str:
    """llama.cpp's name for how this tokenizer splits text before merging; raises ModelError when it has none."""
    return _splitter(_parts(tokenizer))


def add_tokenizer(
    writer: gguf.GGUFWriter, tokenizer: Any, rows: int, turn_ends: Sequence[int], eos: int | None
) -> None:
    """Write the tokenizer for a model with `rows` embedding rows.

    `turn_ends` end an answer (the template's end of turn first), `eos` ends a text.
    Raises ModelError when the tokenizer is not one that llama.cpp splits in the same way.
    """
    parts = _parts(tokenizer)
    tokens, types = _tokens(tokenizer, rows)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(_splitter(parts))
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    writer.add_token_merges([m if isinstance(m, str) else " ".join(m) for m in parts["model"]["merges"]])
    _add_special_ids(writer, tokenizer, turn_ends, eos)
    if tokenizer.chat_template:
        writer.add_chat_template(plain_template(tokenizer.chat_template))


def plain_template(template: str) -> str:
    """The template without the `generation` marks that only training needs and only transformers reads."""
    opened = re.sub(r"\{%(-?)\s*generation\s*(-?)%\}", r"{%\1 if true \2%}", template)
    return re.sub(r"\{%(-?)\s*endgeneration\s*(-?)%\}", r"{%\1 endif \2%}", opened)


def _parts(tokenizer: Any) -> dict[str, Any]:  # Any: the JSON of a tokenizer
    if not tokenizer.is_fast:
        raise ModelError("GGUF needs the model's tokenizer.json, which is missing.", OTHER_WAY)
    parts: dict[str, Any] = json.loads(tokenizer.backend_tokenizer.to_str())
    return parts


def _splitter(parts: dict[str, Any]) -> str:
    """llama.cpp's name for how this tokenizer splits text before merging."""
    model, steps = parts["model"], parts["pre_tokenizer"] or {}
    if model["type"] != "BPE" or model.get("byte_fallback"):
        raise ModelError(
            "GGUF is written for byte-level BPE tokenizers; this one is another kind.", OTHER_WAY
        )
    normalizer = (parts["normalizer"] or {}).get("type")
    if normalizer not in (None, "NFC"):  # llama.cpp normalises nothing; NFC leaves usual text as it is
        raise ModelError(
            f"This tokenizer changes text first ({normalizer}), which GGUF cannot say.", OTHER_WAY
        )
    sequence = steps.get("pretokenizers", [steps])
    whole_words = bool(model.get("ignore_merges"))
    match [(step.get("type"), step) for step in sequence]:
        case [("ByteLevel", byte)] if byte["use_regex"] and not byte["add_prefix_space"] and not whole_words:
            return "gpt-2"
        case [("Digits", digits), ("ByteLevel", byte)] if (
            digits["individual_digits"]
            and byte["use_regex"]
            and not byte["add_prefix_space"]
            and not whole_words
        ):
            return "smollm"
        case [("Split", split), ("ByteLevel", byte)] if (
            not byte["use_regex"] and not byte["add_prefix_space"] and split["behavior"] == "Isolated"
        ):
            known = _BY_PATTERN.get((split["pattern"].get("Regex"), whole_words))
            if known is not None:
                return known
    raise ModelError("This tokenizer splits text in a way that has no name in GGUF.", OTHER_WAY)


def _tokens(tokenizer: Any, rows: int) -> tuple[list[str], list[int]]:
    """Text and kind of every embedding row; rows beyond the tokenizer are marked unused."""
    texts = {number: text for text, number in tokenizer.get_vocab().items()}
    if max(texts) >= rows:
        title = f"The tokenizer has ids up to {max(texts)}, the model only {rows} rows."
        raise ModelError(title, "Use the tokenizer that belongs to this model.")
    added = tokenizer.added_tokens_decoder
    types = []
    for number in range(rows):
        kind = gguf.TokenType.NORMAL if number in texts else gguf.TokenType.UNUSED
        if number in added:
            kind = gguf.TokenType.CONTROL if added[number].special else gguf.TokenType.USER_DEFINED
        types.append(int(kind))
    return [texts.get(number, f"[PAD{number}]") for number in range(rows)], types


def _add_special_ids(
    writer: gguf.GGUFWriter, tokenizer: Any, turn_ends: Sequence[int], eos: int | None
) -> None:
    if tokenizer.bos_token_id is not None:
        writer.add_bos_token_id(tokenizer.bos_token_id)
    if eos is not None:
        writer.add_eos_token_id(eos)
    if turn_ends:
        writer.add_eot_token_id(turn_ends[0])
    if tokenizer.pad_token_id is not None:
        writer.add_pad_token_id(tokenizer.pad_token_id)
    ids = tokenizer("a")["input_ids"]
    writer.add_add_bos_token(ids[0] == tokenizer.bos_token_id)
    writer.add_add_eos_token(len(ids) > 1 and ids[-1] == tokenizer.eos_token_id)
    writer.add_add_space_prefix(False)
