"""Single rows as training would tokenise them, whole and cut."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from engine.data.rows import Conversation, Feedback, Preference, Row, Text
from engine.data.rows_view import Rows
from engine.job.events import RowView
from engine.job.job import Job
from engine.models.encoded import Encoded, EncodedPair, Refused, Result
from engine.models.encoding import Heard, encoded_table
from engine.models.tally import NOTHING_LEARNED, Tally
from engine.models.template import encode_rows, end_tokens, open_template
from engine.use.token_view import MOST_TOKENS, token_view


class RowTokens:
    """Turns rows into tokens as training would; raises ModelError when tokenizer and template do not fit."""

    def __init__(self, tokenizer: Any, job: Job) -> None:  # Any: untyped in transformers
        self.tokenizer = tokenizer
        self.template = open_template(tokenizer, job.rows.template)
        self.ends = end_tokens(tokenizer, self.template)
        self._section = job.rows

    def encode(self, rows: Sequence[Row], is_cut: bool = True) -> Iterator[Result]:
        """Each row's tokens, in order; `is_cut` False leaves rows whole."""
        section = self._section
        limit = section.max_tokens if is_cut else None
        return encode_rows(rows, self.tokenizer, self.template, section.train_on, limit, section.too_long)

    def tally(self, rows: Rows, size: int, heard: Heard | None = None) -> Tally:
        """What all these rows add up to, cut as training cuts them; their tokens stay in the row cache for it.

        `size`: bytes of their files. `heard` is told how many rows are encoded, and may raise StoppedError.
        """
        table = encoded_table(rows, rows.mark, size, self.tokenizer, self.template, self._section, heard)
        return Tally(self.ends, table)

    def remarks(self, tally: Tally) -> tuple[str, ...]:
        """What a person should know about rows encoded here."""
        return tally.remarks(self.template.writer.folds_system, self.tokenizer.pad_token_id)

    def end_texts(self) -> tuple[str, ...]:
        """What the end tokens look like."""
        return tuple(self.tokenizer.convert_ids_to_tokens(list(self.ends)))

    def fill(self, view: RowView, row: Row) -> RowView:
        """The view with the tokens of its row as training gets them, and those that are cut."""
        (whole,), (kept, *further) = self.encode([row], is_cut=False), self.encode([row])
        seen = kept if not isinstance(kept, Refused) else whole
        problem = kept.reason if isinstance(kept, Refused) else _problem(kept)
        view = replace(view, is_used=not isinstance(kept, Refused) and teaches(kept))
        if not isinstance(whole, Refused) and any(len(side.ids) > MOST_TOKENS for side in sides_of(whole)):
            problem = f"{problem} Only its first {MOST_TOKENS:,} tokens are shown.".strip()
        match whole, seen:
            case Refused(reason=reason), _:
                return replace(view, problem=reason, is_used=False)
            case EncodedPair() as a, EncodedPair() as b:
                first, second = _contents(row)
                chosen = token_view(self.tokenizer, a.chosen, b.chosen, first)
                rejected = token_view(self.tokenizer, a.rejected, b.rejected, second, "rejected")
                return replace(
                    view, tokens=chosen, rejected=rejected, problem=problem, shared=a.prompt_length
                )
            case Encoded() as a, Encoded() as b:
                (contents,) = _contents(row)
                tokens = token_view(self.tokenizer, a, a if further else b, contents)
                return replace(view, tokens=tokens, problem=problem)
        raise AssertionError("a row gives the same kind of result whether it is cut or not")


def _contents(row: Row) -> list[list[str]]:
    """What the row itself says, message by message, for each of its sides."""
    match row:
        case Text(text=text):
            return [[text]]
        case Conversation(messages=messages):
            sides = [messages]
        case Feedback(prompt=prompt, completion=completion):
            sides = [(*prompt, *completion)]
        case Preference(prompt=prompt, chosen=chosen, rejected=rejected):
            sides = [(*prompt, *chosen), (*prompt, *rejected)]
    return [[message.content for message in side] for side in sides]


def sides_of(result: Encoded | EncodedPair) -> tuple[Encoded, ...]:
    """The one sequence of a row, or both of a pair."""
    return (result.chosen, result.rejected) if isinstance(result, EncodedPair) else (result,)


def teaches(result: Encoded | EncodedPair) -> bool:
    """Whether something of every side is learned."""
    return all(any(side.trained) for side in sides_of(result))


def _problem(result: Encoded | EncodedPair) -> str:
    """What a person should know about one row's tokens, or ""."""
    sides = sides_of(result)
    if sides[0].parts > 1:
        return f"Too long: it is divided into {sides[0].parts} pieces."
    if not teaches(result):
        return NOTHING_LEARNED
    cut = max(side.cut for side in sides)
    return f"Too long: {cut} tokens are cut." if cut else ""
