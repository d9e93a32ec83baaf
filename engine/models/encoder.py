"""Rows to token ids with which of them are learned, and what is cut. Batches to train on live in engine.train."""

import gc
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from engine.data.rows import Conversation, Feedback, Message, Preference, Row, Text
from engine.job.errors import DataError
from engine.models.cutting import Cut, cuts, droppable, pieces
from engine.models.encoded import ANSWER_TOO_LONG, TOO_LONG, Encoded, EncodedPair, Refused, Result
from engine.models.placed import Span, Tokens
from engine.models.rendering import Writer
from engine.models.tokens import Passage


@dataclass(frozen=True)
class _Draft:
    """A sequence before it is tokenised. `learned`: spans of the text; `answer`: where the last one begins."""

    passage: Passage
    learned: tuple[Span, ...]
    answer: int
    controls: int


@dataclass(frozen=True)
class _Sequence:
    """A tokenised draft; `answer` is the first token of the last answer."""

    ids: list[int]
    trained: list[bool]
    answer: int
    controls: int
    joined: bool = False


class Encoder:
    """Turns batches of rows into tokens. `max_tokens` None cuts nothing.

    `too_long`: "cut" leaves out the oldest turns, then the prompt's left end, then the answer's end; "trim" never
    touches an answer, "drop" nothing: they refuse the row. A running text is divided, or dropped.
    """

    def __init__(
        self, tokenizer: Any, writer: Writer, train_on: str, max_tokens: int | None, too_long: str = "cut"
    ) -> None:
        self.writer = writer
        self.too_long = too_long
        self.train_on = train_on
        self.limit = max_tokens
        self.bos = tokenizer.bos_token_id
        self.head = [self.bos] if adds_bos(tokenizer) else []
        self.tail = [tokenizer.eos_token_id] if tokenizer.eos_token_id is not None else []

    def encode(self, rows: Sequence[Row]) -> list[Result]:
        """Each row's tokens in order, a divided text's pieces one after another.

        All drafts come first, so that the tokenizer gets them in one batch.
        """
        drafts = [self._drafts_or_reason(row) for row in rows]
        flat = [draft for found in drafts if not isinstance(found, str) for draft in found]
        sequences = iter(self._tokenised(flat))
        results: list[Result] = []
        for row, found in zip(rows, drafts, strict=True):
            if isinstance(found, str):
                results.append(Refused(row.number, found))
            else:
                results.extend(self._finished(row, [next(sequences) for _ in found]))
        return results

    def _drafts_or_reason(self, row: Row) -> list[_Draft] | str:
        try:
            return self._drafts(row)
        except DataError as error:
            return error.title

    def _drafts(self, row: Row, skip: int = 0) -> list[_Draft]:
        """One draft, or for a pair two. `skip` leaves out messages after the system's (a text has none)."""
        match row:
            case Text(text=text):
                literal = tuple(self.writer.tokens.control_texts(text))
                return [_Draft(Passage(text, literal), ((0, len(text)),), 0, len(literal))]
            case Conversation(messages=messages):
                return [self._draft(self._shorter(messages, skip), 0, self.train_on)]
            case Feedback(prompt=prompt, completion=completion):
                shorter = self._shorter(prompt, skip)
                return [self._draft((*shorter, *completion), len(shorter), "answers")]
            case Preference(prompt=prompt, chosen=chosen, rejected=rejected):
                shorter = self._shorter(prompt, skip)
                sides = ((*shorter, *chosen), (*shorter, *rejected))
                return [self._draft(side, len(shorter), "answers") for side in sides]

    def _shorter(self, messages: Sequence[Message], skip: int) -> tuple[Message, ...]:
        system = (message for message in messages[:skip] if message.role == "system")
        return self.writer.fold((*system, *messages[skip:]))

    def _draft(self, messages: tuple[Message, ...], first: int, train_on: str) -> _Draft:
        """The conversation; its answers before message `first` belong to the prompt."""
        answers = [i for i, message in enumerate(messages) if message.role == "assistant" and i >= first]
        wanted = answers if train_on == "answers" else answers[-1:]
        written = self.writer.write(messages, wanted)
        spans = tuple(written.answers[index] for index in wanted)
        learned = ((0, len(written.passage.text)),) if train_on == "everything" else spans
        start = spans[0] if first else spans[-1]
        return _Draft(written.passage, learned, start[0], written.controls)

    def _tokenised(self, drafts: Sequence[_Draft]) -> list[_Sequence]:
        tokens = self.writer.tokens.encode([draft.passage for draft in drafts])
        return [self._sequence(draft, found) for draft, found in zip(drafts, tokens, strict=True)]

    def _sequence(self, draft: _Draft, tokens: Tokens) -> _Sequence:
        ids, trained = tokens.ids, _learned(tokens, draft)
        answer = tokens.ending_after(draft.answer)
        while len(ids) > 1 and ids[0] == ids[1] == self.bos and self.bos is not None:
            ids, trained, answer = ids[1:], trained[1:], answer - 1
        if trained:
            trained[0] = False  # nothing stands before it to predict it from
        return _Sequence(ids, trained, answer, draft.controls, _is_joined(tokens, draft))

    def _finished(self, row: Row, sequences: list[_Sequence]) -> list[Result]:
        if isinstance(row, Text):
            return self._pieces(row.number, self._closed(sequences[0]))
        lengths = [len(sequence.ids) for sequence in sequences]
        if self.limit is not None and max(lengths) > self.limit:
            if self.too_long == "drop":
                return [Refused(row.number, TOO_LONG, tuple(lengths))]
            fitted = self._fitted(row, sequences, self.limit)
            if fitted is None:
                return [Refused(row.number, ANSWER_TOO_LONG, tuple(lengths))]
            sequences = fitted
        label = row.label if isinstance(row, Feedback) else None
        encoded = [
            Encoded(
                row.number, s.ids, s.trained, length - len(s.ids), s.controls, label=label, joined=s.joined
            )
            for s, length in zip(sequences, lengths, strict=True)
        ]
        if len(encoded) == 1:
            return [encoded[0]]
        return [EncodedPair(row.number, _shared(sequences), encoded[0], encoded[1])]

    def _pieces(self, number: int, whole: _Sequence) -> list[Result]:
        """A text as it is, or divided so that every token but its first is learned exactly once."""
        if self.limit is None or len(whole.ids) <= self.limit:
            return [Encoded(number, whole.ids, whole.trained, 0, whole.controls)]
        if self.too_long == "drop":
            return [Refused(number, TOO_LONG, (len(whole.ids),))]
        stretches = pieces(len(whole.ids), self.limit)
        return [
            Encoded(
                number,
                whole.ids[start:stop],
                [False] + [True] * (stop - start - 1),
                0,
                whole.controls,
                part=part,
                parts=len(stretches),
            )
            for part, (start, stop) in enumerate(stretches)
        ]

    def _closed(self, sequence: _Sequence) -> _Sequence:
        """A text with the tokenizer's own beginning and end."""
        ids = [*self.head, *sequence.ids, *self.tail]
        return _Sequence(ids, [False] + [True] * (len(ids) - 1), 0, sequence.controls)

    def _fitted(
        self, row: Conversation | Preference | Feedback, sequences: list[_Sequence], limit: int
    ) -> list[_Sequence] | None:
        """Without its oldest turns, and if that is not enough without the prompt's left end.

        None where an answer would have to lose its end and must not.
        """
        sequences = self._without_oldest(row, sequences, limit)
        prompt = _shared(sequences) if len(sequences) > 1 else sequences[0].answer
        answers = [len(sequence.ids) - prompt for sequence in sequences]
        if max(answers) + prompt <= limit:
            return sequences
        if self.too_long == "trim" and max(answers) >= limit:
            return None
        has_bos = self.bos is not None and sequences[0].ids[0] == self.bos
        found = cuts(prompt, answers, limit, has_bos)
        return [_shortened(sequence, cut) for sequence, cut in zip(sequences, found, strict=True)]

    def _without_oldest(
        self, row: Conversation | Preference | Feedback, sequences: list[_Sequence], limit: int
    ) -> list[_Sequence]:
        """Without as few of the oldest turns as fit; without all but the last turn when nothing fits."""
        messages = row.messages if isinstance(row, Conversation) else row.prompt
        starts = droppable([message.role for message in messages], len(messages))
        tried: dict[int, list[_Sequence]] = {}

        def fits(start: int) -> bool:
            try:
                tried[start] = self._tokenised(self._drafts(row, start))
            except DataError:  # the template refuses what is left of the dialogue
                tried[start] = sequences
            return max(len(sequence.ids) for sequence in tried[start]) <= limit

        at = bisect_left(starts, True, key=fits)
        if not starts:
            return sequences
        start = starts[min(at, len(starts) - 1)]
        return tried[start]


def _shortened(sequence: _Sequence, cut: Cut) -> _Sequence:
    trained = cut.of(sequence.trained)
    trained[0] = False
    answer = min(cut.head + max(0, sequence.answer - cut.start), len(trained))
    return _Sequence(cut.of(sequence.ids), trained, answer, sequence.controls, sequence.joined)


def _shared(sequences: Sequence[_Sequence]) -> int:
    """How many ids the prompt of both sides shares."""
    first, second = sequences
    most = min(first.answer, second.answer)
    if first.ids[:most] == second.ids[:most]:
        return most
    pairs = zip(first.ids[:most], second.ids[:most], strict=True)
    return next((at for at, (a, b) in enumerate(pairs) if a != b), most)


def _learned(tokens: Tokens, draft: _Draft) -> list[bool]:
    """For each token whether it holds a character of a learned span."""
    whole = len(draft.passage.text)
    trained = [False] * len(tokens.ids)
    for start, end in draft.learned:
        first = tokens.ending_after(start)
        last = tokens.starting_from(end) if end < whole else len(trained)
        trained[first:last] = [True] * (last - first)
    return trained


def _is_joined(tokens: Tokens, draft: _Draft) -> bool:
    """Whether the token that begins an answer also holds the last sign of what stands before; a blank is no matter."""
    text = draft.passage.text
    return any(
        not text[start - 1].isspace() and tokens.starting_from(start) > tokens.ending_after(start)
        for start, _ in draft.learned
        if start
    )


@contextmanager
def collecting_later() -> Iterator[None]:
    """Without Python's search for cycles: a batch makes none, and looking at all that torch holds takes a fifth longer."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def adds_bos(tokenizer: Any) -> bool:  # Any: untyped tokenizers
    """Whether the tokenizer begins plain text with a BOS."""
    bos = tokenizer.bos_token_id
    return bos is not None and list(tokenizer("a")["input_ids"])[:1] == [bos]
