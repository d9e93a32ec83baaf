"""Pairs of made-up tokens that begin alike in every way a pair can."""

from engine.models.encoded import Encoded
from engine.train.batches import Example

PROMPT = [31, 7, 55, 12, 90, 41, 8, 77, 23, 64]  # longer than every window of the tiny models


def pair(index: int, prompts: list[list[int]], answers: list[list[int]], only: int | None = None) -> Example:
    """A row whose sides have these prompts and answers; `only` the answers' token of that number is learned."""
    parts = []
    for prompt, answer in zip(prompts, answers, strict=True):
        trained = [only is None or place == only for place in range(len(answer))]
        parts.append(Encoded(index + 1, prompt + answer, [False] * len(prompt) + trained, 0))
    return Example(index, index + 1, tuple(parts))


def alike(index: int, chosen: list[int], rejected: list[int], only: int | None = None) -> Example:
    """Two answers to one prompt."""
    return pair(index, [PROMPT, PROMPT], [chosen, rejected], only)


_FIRST, _SECOND = [101, 102, 103, 104, 105, 106, 107], [201, 202, 203, 204]
CASES = {
    "answers that differ at once": [alike(0, _FIRST, _SECOND)],
    "answers that begin alike": [alike(0, _FIRST, [*_FIRST[:3], *_SECOND])],
    "the rejected answer is a beginning of the chosen one": [alike(0, _FIRST, _FIRST[:4])],
    "the chosen answer is a beginning of the rejected one": [alike(0, _FIRST[:4], _FIRST)],
    "the same answer twice": [alike(0, _FIRST, _FIRST)],
    "one learned token": [alike(0, _FIRST, _SECOND, only=0)],
    "one learned token behind equal ones": [alike(0, _FIRST, [*_FIRST[:3], *_SECOND], only=3)],
    "answers of one token": [alike(0, [101], [201])],
    "nothing in common": [pair(0, [PROMPT, PROMPT[1:]], [_FIRST, _SECOND])],
    "a chosen answer that was cut": [alike(0, _FIRST[:2], [*_SECOND, *_FIRST, *_SECOND])],
    "one side's prompt has another last token": [pair(0, [PROMPT, [*PROMPT[:-1], 65]], [_FIRST, _SECOND])],
    "several pairs": [
        alike(0, _FIRST, _SECOND),
        pair(1, [PROMPT[2:], PROMPT[2:]], [_SECOND, [*_SECOND[:2], 99]]),
        pair(2, [PROMPT, PROMPT[1:]], [_SECOND, _FIRST]),
        alike(3, _SECOND, _FIRST),
    ],
}
SEVERAL = CASES["several pairs"]
