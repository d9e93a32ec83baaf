"""Single rows as training would tokenise them, whole and cut."""

from collections.abc import Iterator, Sequence
from typing import Any

from engine.data.rows import Row
from engine.job.events import Token
from engine.job.job import Job
from engine.models.encoded import Encoded, EncodedPair, Refused
from engine.models.template import encode_rows, end_tokens, open_template
from engine.use.inspection import NOTHING_LEARNED, Result
from engine.use.token_view import token_view


class RowTokens:
    """Turns rows into tokens as training would; raises ModelError when tokenizer and template do not fit."""

    def __init__(self, tokenizer: Any, job: Job) -> None:  # Any: untyped in transformers
        self.tokenizer = tokenizer
        self.template = open_template(tokenizer, job.rows.template)
        self.ends = end_tokens(tokenizer, self.template)
        self._section = job.rows

    def encode(self, rows: Sequence[Row], is_cut: bool = True) -> Iterator[Result]:
        """Each row's tokens, in order; `is_cut` False leaves rows whole."""
        limit = self._section.max_tokens if is_cut else None
        return encode_rows(rows, self.tokenizer, self.template, self._section.train_on, limit)

    def end_texts(self) -> tuple[str, ...]:
        """What the end tokens look like."""
        return tuple(self.tokenizer.convert_ids_to_tokens(list(self.ends)))

    def view(self, row: Row) -> tuple[tuple[Token, ...], tuple[Token, ...], str]:
        """The tokens of a row, those of its rejected answer, and what is wrong with it."""
        (whole,), (kept,) = self.encode([row], is_cut=False), self.encode([row])
        match whole, kept:
            case Refused(reason=reason), _:
                return (), (), reason
            case _, Refused(reason=reason):
                return (), (), reason
            case EncodedPair() as a, EncodedPair() as b:
                chosen = token_view(self.tokenizer, a.chosen, b.chosen)
                return chosen, token_view(self.tokenizer, a.rejected, b.rejected, "rejected"), _problem(b)
            case Encoded() as a, Encoded() as b:
                return token_view(self.tokenizer, a, b), (), _problem(b)
        raise AssertionError("a row gives the same kind of result whether it is cut or not")


def _problem(result: Encoded | EncodedPair) -> str:
    """What a person should know about one row's tokens, or ""."""
    sides = (result.chosen, result.rejected) if isinstance(result, EncodedPair) else (result,)
    if not all(any(side.trained) for side in sides):
        return f"There is {NOTHING_LEARNED}."
    cut = max(side.cut for side in sides)
    return f"Too long: {cut} tokens are cut." if cut else ""
