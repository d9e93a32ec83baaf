"""A row's tokens for the eye: the text of each, what became of it, whether it is a marker."""

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

from engine.job.events import Token
from engine.models.template import Encoded

MOST_TOKENS = 20_000
"""What an eye may scroll through; a row of a million tokens would keep the window busy for minutes."""
_UNFINISHED = "\ufffd"  # what a decoder shows for a character whose last bytes are still to come


def token_view(
    tokenizer: Any,  # Any: transformers' tokenizers share no typed base
    whole: Encoded,
    kept: Encoded,
    contents: Sequence[str],
    learned: str = "trained",
) -> tuple[Token, ...]:
    """The tokens of a whole row; those missing from `kept` are "cut", those learned are called `learned`.

    `contents`: what the row itself says, message by message; all else was added by the template or tokenizer.
    Of very many tokens the first `MOST_TOKENS` alone.
    """
    first, last = _missing(whole.ids, kept.ids)
    ids = whole.ids[:MOST_TOKENS]
    markers = set(tokenizer.all_special_ids) | {
        number for number, token in tokenizer.added_tokens_decoder.items() if token.special
    }
    texts = token_texts(tokenizer, ids)
    added = _added(texts, contents)
    tokens = []
    for at, (number, text) in enumerate(zip(ids, texts, strict=True)):
        kind = "cut" if first <= at < last else learned if whole.trained[at] else "prompt"
        tokens.append(Token(number, text, kind, number in markers, added[at]))
    return tuple(tokens)


def token_texts(tokenizer: Any, ids: Sequence[int]) -> list[str]:  # Any: untyped tokenizers
    """The text of each token, so that joined they read as the whole does.

    A character that several tokens share stands with the last of them; the others are "".
    """
    single = [_decoded(tokenizer, [number]) for number in ids]
    if "".join(single) == _decoded(tokenizer, ids):
        return single
    texts: list[str] = []
    start = shown = 0
    for end in range(1, len(ids) + 1):
        before, now = _decoded(tokenizer, ids[start:shown]), _decoded(tokenizer, ids[start:end])
        if now.endswith(_UNFINISHED) and end < len(ids):
            texts.append("")
            continue
        texts.append(now[len(before) :])
        start, shown = shown, end
    return texts


def _added(texts: Sequence[str], contents: Sequence[str]) -> list[bool]:
    """For each token whether it holds nothing of `contents`; nowhere, when one of them cannot be found again.

    A template may trim a message, and leave out the thoughts before an answer.
    """
    whole, own, at = "".join(texts), list[tuple[int, int]](), 0
    for content in contents:
        said = (content, content.strip(), content.rpartition("</think>")[2].strip())
        places = ((whole.find(text, at), len(text)) for text in said)
        start, length = next((place for place in places if place[0] >= 0), (-1, 0))
        if start < 0:
            return [False] * len(texts)
        at = start + length
        own.append((start, at))
    ends = list(accumulate(map(len, texts)))
    spans = zip(ends, map(len, texts), strict=True)
    return [not any(end - length < stop and start < end for start, stop in own) for end, length in spans]


def _decoded(tokenizer: Any, ids: Sequence[int]) -> str:  # Any: untyped tokenizers
    text: str = tokenizer.decode(list(ids), skip_special_tokens=False, clean_up_tokenization_spaces=False)
    return text


def _missing(whole: Sequence[int], kept: Sequence[int]) -> tuple[int, int]:
    """The stretch of `whole` that `kept` lacks: both begin and end alike, what differs lies between."""
    most = min(len(whole), len(kept))
    same = next((i for i in range(most) if whole[i] != kept[i]), most)
    tail = next((i for i in range(most - same) if whole[-1 - i] != kept[-1 - i]), most - same)
    return same, max(same, len(whole) - tail)
