"""All rows of a job as tokens: from the row cache where an earlier look or run left them, else made and left there."""

import functools
import hashlib
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import tokenizers

import engine
from engine.data.rows import Row
from engine.data.store import Columns, StoredColumns, key_of
from engine.job.sections import RowsSection
from engine.models.encoded_table import SCHEMA, EncodedTable, packed
from engine.models.template import Template, encode_rows

IN_MEMORY_BYTES = 200_000
"""Of data files: about 500 short rows. Tokenising them takes 0.15 s; naming an entry takes 0.2 s with a vocabulary of
150,000 (1 ms with a small one), so up to here nothing is kept."""
_BATCH = 512
Heard = Callable[[int], None]
"""Is told how many rows are encoded; may raise StoppedError to end the work."""


def encoded_table(
    rows: Sequence[Row],
    mark: str,
    size: int,
    tokenizer: Any,  # Any: transformers' tokenizers share no typed base
    template: Template,
    section: RowsSection,
    heard: Heard | None = None,
) -> EncodedTable:
    """Each row's tokens or refusal, in order, as `engine.models.template.encode_rows` gives them for a job's `section`.

    `mark` tells these rows from all others (`engine.data.rows_view.Rows.mark`), `size` is that of their files in bytes.
    The tokens of little data stay in memory, and all do where the cache cannot be written.
    """

    def batches() -> Iterator[Any]:  # Any: pyarrow is not typed
        for start in range(0, len(rows), _BATCH):
            some = rows[start : start + _BATCH]
            settings = section.train_on, section.max_tokens, section.too_long
            yield packed(encode_rows(some, tokenizer, template, *settings))
            if heard is not None:
                heard(min(start + _BATCH, len(rows)))

    if size <= IN_MEMORY_BYTES:
        return EncodedTable(batches())
    key = entry_key(mark, tokenizer, template, section)
    stored = _opened(key, len(rows))
    if stored is None:
        try:
            _write(key, batches(), len(rows))
        except (
            OSError
        ):  # a full disk, or a cache that somebody cleared meanwhile, must not keep anyone from training
            return EncodedTable(batches())
        stored = _opened(key, len(rows))
    return EncodedTable(batches()) if stored is None else EncodedTable(stored.batches(), stored)


def entry_key(mark: str, tokenizer: Any, template: Template, section: RowsSection) -> str:
    # Any: transformers' tokenizers share no typed base
    """The name of the cache entry: another wherever the tokens could be others."""
    # A template that writes the date gives other tokens tomorrow.
    day = date.today().isoformat() if "strftime_now" in template.text else ""
    settings = section.train_on, section.max_tokens, section.too_long
    return key_of("tokens", mark, tokenizer_mark(tokenizer), template.text, day, settings, _code_mark())


def tokenizer_mark(tokenizer: Any) -> str:  # Any: transformers' tokenizers share no typed base
    """The same for tokenizers that give the same ids: 64 hex digits over all that tokenizer.json holds of it.

    What it cuts and pads to is left out: whoever used it last set that.
    """
    whole: str = tokenizer.backend_tokenizer.to_str()
    digest = hashlib.sha256(whole[whole.index('"added_tokens"') :].encode("utf-8", "surrogatepass"))
    named = tokenizer.bos_token_id, tokenizer.eos_token_id, sorted(tokenizer.special_tokens_map.items())
    digest.update(repr((named, tokenizers.__version__)).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


@functools.cache
def _code_mark() -> str:
    """Tokens that other code of ours made are not trusted: its text where it is at hand, and the version."""
    digest = hashlib.sha256(engine.__version__.encode())
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _write(key: str, batches: Iterator[Any], rows: int) -> None:  # Any: pyarrow is not typed
    out = Columns(key, SCHEMA, is_packed=False)
    try:
        for batch in batches:
            out.write_batch(batch)
        out.finish({"rows": rows})
    except BaseException:
        out.abandon()
        raise


def _opened(key: str, rows: int) -> StoredColumns | None:
    stored = StoredColumns.opened(key)
    return stored if stored is not None and stored.facts.get("rows") == rows else None
