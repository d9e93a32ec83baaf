"""Token ids and masks the slow way: byte by byte from what a style writes by hand, with nothing of the engine's."""

import re
from collections.abc import Sequence

from engine.data.rows import Message
from tests.models.template_styles import Pieces, Style

SPACES = r"[^\S\x1c-\x1f]*"
"""White space as Unicode has it; Python counts four separators more."""
BREAK = "\ue000"
"""Stands in a message within what only reads like a control token."""


def broken(tokenizer, message: Message) -> Message:
    """The message with a break in everything that reads like a control token."""
    names = {token.content for token in tokenizer.added_tokens_decoder.values()}
    found = re.compile("|".join(map(re.escape, sorted(names, key=len, reverse=True))))
    content = found.sub(lambda match: match[0][0] + BREAK + match[0][1:], message.content)
    return Message(message.role, content)


def reference(tokenizer, style: Style, messages: Sequence[Message], train_on: str = "answers"):
    """Ids, and which of them are learned."""
    pieces = style.pieces([broken(tokenizer, message) for message in messages])
    return tokens_of(tokenizer, pieces, train_on)


def tokens_of(tokenizer, pieces: Pieces, train_on: str = "answers"):
    """Ids and mask of hand-written pieces: a token is learned when it holds a byte of a learned piece."""
    answers = [number for number, (_, is_learned) in enumerate(pieces) if is_learned]
    wanted = {"answers": answers, "last-answer": answers[-1:], "everything": range(len(pieces))}[train_on]
    marked = [(text, number in wanted) for number, (text, _) in enumerate(pieces)]
    ids = _ids(tokenizer, "".join(text for text, _ in marked))
    flags = [is_learned for text, is_learned in marked for _ in text.replace(BREAK, "").encode()]
    whole = "".join(text for text, _ in marked).replace(BREAK, "").encode()
    trained, at = [], 0
    for length in _lengths(tokenizer, ids, whole):
        trained.append(any(flags[at : at + length]))
        at += length
    assert at == len(flags)
    return ids, [False, *trained[1:]] if train_on == "everything" else trained


def _ids(tokenizer, text: str) -> list[int]:
    """The control tokens that a style wrote as what they are, everything else as text."""
    if BREAK not in text:
        return tokenizer(text, add_special_tokens=False)["input_ids"]
    added = {token.content: token for token in tokenizer.added_tokens_decoder.values()}
    ends = {name: SPACES if token.rstrip else "" for name, token in added.items()}
    found = "|".join(f"{re.escape(name)}{ends[name]}" for name in sorted(added, key=len, reverse=True))
    ids: list[int] = []
    for part in re.split(f"({found})", text):
        if re.fullmatch(found, part):
            ids.append(tokenizer.convert_tokens_to_ids(part if part in added else part.rstrip()))
        elif part:
            plain = part.replace(BREAK, "")
            ids += tokenizer(plain, add_special_tokens=False, split_special_tokens=True)["input_ids"]
    return ids


def _lengths(tokenizer, ids: list[int], whole: bytes) -> list[int]:
    """How many bytes of the text each token stands for, from the vocabulary's own spelling."""
    added, at, lengths = tokenizer.added_tokens_decoder, 0, []
    for number, text in zip(ids, tokenizer.convert_ids_to_tokens(ids), strict=True):
        if number not in added:
            length = len(text)  # byte-level BPE spells each byte as one character of its alphabet
        elif added[number].rstrip:
            length = len(re.match(re.escape(text) + SPACES, whole[at:].decode())[0].encode())
        else:
            length = len(text.encode())
        lengths.append(length)
        at += length
    return lengths
