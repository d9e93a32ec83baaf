"""What a row is to the model: ids, and which of them are learned. Plain data; engine.models.template makes it."""

from dataclasses import dataclass, field

TOO_LONG = "too long"
ANSWER_TOO_LONG = "the answer alone is too long"


@dataclass(frozen=True)
class Encoded:
    """One sequence. `trained[i]` tells whether token i is learned, that is predicted from those before it.

    `cut`: tokens left out because the row was too long. `controls`: passages that read like control tokens
    and stayed text. A running text that is too long comes in `parts` pieces; this is piece `part`, from 0.
    `label`: whether a row of feedback is a good one. `joined`: an answer's first token also holds the prompt's end.
    """

    number: int
    ids: list[int]
    trained: list[bool]
    cut: int
    controls: int = 0
    part: int = 0
    parts: int = 1
    label: bool | None = None
    joined: bool = False


@dataclass(frozen=True)
class EncodedPair:
    """Two continuations of one prompt: the first `prompt_length` ids of both are equal and not learned."""

    number: int
    prompt_length: int
    chosen: Encoded
    rejected: Encoded


@dataclass(frozen=True)
class Refused:
    """A row that cannot be encoded, and why; its sides' `lengths` in tokens where that is what is wrong."""

    number: int
    reason: str
    lengths: tuple[int, ...] = field(default=(), compare=False)


Result = Encoded | EncodedPair | Refused
