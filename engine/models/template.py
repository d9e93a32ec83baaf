"""The chat template of a model, and rows as its tokens. How a row is encoded lives in engine.models.encoder."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from engine.data.rows import Row
from engine.job.errors import DataError, ModelError
from engine.models.encoded import Encoded, EncodedPair, Refused, Result
from engine.models.encoder import Encoder, adds_bos, collecting_later
from engine.models.named_templates import TEMPLATES, fitting, lacking
from engine.models.rendering import Writer

__all__ = [
    "Encoded",
    "EncodedPair",
    "Refused",
    "Template",
    "encode",
    "encode_rows",
    "end_tokens",
    "open_template",
]

_BATCH = 1024


@dataclass(frozen=True)
class Template:
    """How conversations are written for one tokenizer. `name`: "own", or that of a named template."""

    name: str
    text: str
    from_model: bool
    writer: Writer = field(repr=False, compare=False)


def open_template(tokenizer: Any, choice: str = "auto") -> Template:  # Any: transformers' tokenizers, untyped
    """The template to write with: the model's own for "auto", else a named default, installed on the tokenizer.

    A model without one gets the named template whose tokens its tokenizer knows, else plain roles; no token is
    invented. Raises ModelError when the template is broken or does not fit the tokenizer.
    """
    own = tokenizer.chat_template
    if isinstance(own, dict):
        own = own.get("default")
    if choice == "auto" and own:
        return Template("own", own, True, Writer(tokenizer, own))
    known = tokenizer.get_vocab()
    name = fitting(known) if choice == "auto" else choice
    if missing := lacking(name, known):
        title = f"The template {TEMPLATES[name].title} needs the {_tokens(missing)}, which this model lacks."
        raise ModelError(title, "Choose the template 'plain' or 'auto'.")
    text = ("{{ bos_token }}" if adds_bos(tokenizer) else "") + TEMPLATES[name].text
    writer = Writer(tokenizer, text)
    tokenizer.chat_template = text
    return Template(name, text, False, writer)


def _tokens(names: list[str]) -> str:
    *first, last = names
    return f"tokens {', '.join(first)} and {last}" if first else f"token {last}"


def end_tokens(tokenizer: Any, template: Template) -> tuple[int, ...]:  # Any: untyped tokenizers
    """The ids that end an answer: the template's end of turn, then the tokenizer's own end token."""
    ids = [template.writer.tokens.added.get(template.writer.end), tokenizer.eos_token_id]
    return tuple(dict.fromkeys(number for number in ids if number is not None))


def encode(
    row: Row,
    tokenizer: Any,
    template: Template,
    train_on: str,
    max_tokens: int | None,
    too_long: str = "cut",
) -> Encoded | EncodedPair:
    """One row's tokens, of a divided text the first piece; `max_tokens` None cuts nothing.

    Raises DataError naming the row and the reason.
    """
    for encoded in encode_rows([row], tokenizer, template, train_on, max_tokens, too_long):
        if isinstance(encoded, Refused):
            raise DataError(f"Row {encoded.number}: {encoded.reason}", "Mend or remove the row.")
        return encoded
    raise AssertionError("encode_rows gives one result a row")


def encode_rows(
    rows: Iterable[Row],
    tokenizer: Any,
    template: Template,
    train_on: str,
    max_tokens: int | None,
    too_long: str = "cut",
) -> Iterator[Result]:
    """Each row's tokens or refusal, in order, tokenised in batches; a divided text gives several.

    `too_long` is a job's `rows.too_long`; the other arguments are as for `encode`.
    """
    encoder = Encoder(tokenizer, template.writer, train_on, max_tokens, too_long)
    waiting = iter(rows)
    while True:
        with collecting_later():
            found = encoder.encode(list(islice(waiting, _BATCH)))
        if not found:
            return
        yield from found
