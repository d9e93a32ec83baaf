"""New tokens: added to the tokenizer, and rows for them in the model. How they learn lives in engine.models.embeddings."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from tokenizers import AddedToken

from engine.job.errors import JobError
from engine.models.load import LoadedModel, load_tokenizer, quiet


def tokenizer_with(
    folder: Path, tokens: Sequence[Sequence[str]]
) -> Any:  # Any: transformers' tokenizers share no typed base
    """A model folder's tokenizer with new tokens, added in that order; raises as `load_tokenizer` and `add_tokens` do."""
    tokenizer = load_tokenizer(folder)
    for fresh in tokens:
        add_tokens(tokenizer, fresh)
    return tokenizer


def add_tokens(tokenizer: Any, tokens: Sequence[str]) -> list[int]:
    """Have a tokenizer read each text as one token, wherever it stands; gives their ids.

    They are plain tokens: a message that holds one means it, and an answer shows it. Raises JobError for a text that
    is one token already.
    """
    for token in tokens:
        refuse_known(tokenizer, token)
    # Not normalised: found as it is written, before any text is changed.
    tokenizer.add_tokens([AddedToken(token, normalized=False, special=False) for token in tokens])
    return token_ids(tokenizer, tokens)


def refuse_known(tokenizer: Any, token: str) -> None:
    """Raise JobError for a new token that the tokenizer knows as one token."""
    ids = tokenizer(token, add_special_tokens=False)["input_ids"]
    is_whole = len(ids) == 1 and ids[0] != tokenizer.unk_token_id
    if is_whole or token in tokenizer.get_vocab():
        title = f"'model.new_tokens' has '{token}', which is one token of this model already."
        raise JobError(title, "Remove it: the model reads and writes it as it is.")


def token_ids(tokenizer: Any, tokens: Sequence[str]) -> list[int]:
    """The ids of tokens that were added."""
    return [int(number) for number in tokenizer.convert_tokens_to_ids(list(tokens))]


def extended(loaded: LoadedModel, tokens: Sequence[str]) -> LoadedModel:
    """The same model and tokenizer, changed, with these new tokens; raises JobError as `add_tokens` does.

    A new token begins as the mean of all words, for reading and for writing (Hewitt 2021): the model gives it no
    more than an average chance, and every run begins with the same numbers. What is known of old tokens stays.
    """
    if not tokens:
        return loaded
    known = max(loaded.tokenizer.get_vocab().values()) + 1
    ids = add_tokens(loaded.tokenizer, tokens)
    before = sum(weight.numel() for weight in loaded.model.parameters())
    _give_rows(loaded.model, ids, known)
    grown = sum(weight.numel() for weight in loaded.model.parameters()) - before
    rows = loaded.model.get_input_embeddings().weight.shape[0]
    info = dataclasses.replace(loaded.info, vocab=rows, parameters=loaded.info.parameters + grown)
    return dataclasses.replace(loaded, info=info)


def _give_rows(model: Any, ids: Sequence[int], known: int) -> None:  # Any: see LoadedModel
    """Rows for these ids, among the model's spare ones where it has them; all begin as the mean of the known ones."""
    old = model.get_input_embeddings().weight.shape[0]
    needed = max(ids) + 1
    if needed > old:
        with quiet():
            model.resize_token_embeddings(needed, mean_resizing=False)
    fresh = sorted({*ids, *range(old, needed)})
    matrices = {id(part.weight): part.weight for part in word_modules(model)}
    with torch.no_grad():
        for weight in matrices.values():
            weight[fresh] = weight[: min(known, old)].mean(dim=0, dtype=torch.float32).to(weight.dtype)


def word_modules(model: Any) -> tuple[Any, Any]:
    """What turns tokens into vectors, and vectors into scores of tokens."""
    return model.get_input_embeddings(), model.get_output_embeddings()
