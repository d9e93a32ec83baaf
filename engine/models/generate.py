"""One answer, token by token: the same loop for live samples, Compare and the check of an export.

The plain distribution of the model is followed: greedy at temperature 0, else drawn at that temperature.
Penalties and filters that a model folder may ask for are left out, so that what is seen is what was trained.
"""

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import torch

from engine.data.rows import Message
from engine.job.errors import DataError, ModelError
from engine.models.prompts import continuing, virtual_tokens
from engine.models.routes import RouteWatch
from engine.models.streaming import Stream
from engine.models.template import Template, end_tokens, open_template

Prompt = str | Sequence[Mapping[str, str]]


@dataclass(frozen=True)
class Answer:
    """What the model wrote. `tokens` counts the end token; `ended` tells whether there was one."""

    text: str
    tokens: int
    seconds: float
    ended: bool


def generate(
    model: torch.nn.Module,
    tokenizer: Any,  # Any: transformers' tokenizers share no typed base
    prompt: Prompt,
    *,
    seed: int,
    temperature: float,
    max_new_tokens: int,
    end_ids: Collection[int],
    on_text: Callable[[str], None] | None = None,
    stopped: Callable[[], bool] | None = None,
    routes: RouteWatch | None = None,
) -> Answer:
    """Answer one prompt; `on_text` gets each new piece of text, never half a character.

    A string is asked as the user's message where the tokenizer has a chat template, else it is continued.
    The seed alone decides what is drawn: global random state is neither used nor changed. The model's
    training flags are as before afterwards. `stopped` is asked before every token. `routes` is told the experts of
    each token where the model has some.
    Raises DataError when the prompt leaves no room in the context, ModelError when logits are not numbers.
    """
    started = time.perf_counter()
    ids = encode_prompt(tokenizer, prompt)
    room = _room(model, len(ids), max_new_tokens)
    text = Stream(tokenizer, on_text, has_spans=routes is not None)
    hearing = nullcontext() if routes is None else routes.hearing(model, len(ids))
    written, ended = 0, False
    with evaluating(model), torch.no_grad(), hearing:
        for token in _tokens(model, ids, torch.Generator().manual_seed(seed), temperature):
            written, ended = written + 1, token in end_ids
            if not ended:
                text.add(token)
            if routes is not None:
                routes.settle(text.spans)
            if ended or written >= room or (stopped is not None and stopped()):
                break
    whole = text.finish()
    if routes is not None:
        routes.finish(text.spans)
    return Answer(whole, written, time.perf_counter() - started, ended)


def encode_prompt(tokenizer: Any, prompt: Prompt) -> list[int]:
    """The ids that the model is asked with: the chat template up to where its answer begins.

    Raises DataError when nothing is left to ask with, or the template refuses the messages.
    """
    if not tokenizer.chat_template:
        text = prompt if isinstance(prompt, str) else "\n".join(message["content"] for message in prompt)
        ids: list[int] = list(tokenizer(text)["input_ids"])
        if not ids and tokenizer.bos_token_id is not None:
            ids = [tokenizer.bos_token_id]
    else:
        ids = _written(tokenizer, as_messages(tokenizer, prompt))
    if not ids:
        raise DataError("The prompt is empty.", "Write a question or the beginning of a text.")
    return ids


def as_messages(tokenizer: Any, prompt: Prompt) -> tuple[Message, ...]:
    """The prompt as the tokenizer's chat template takes it; a system message where that has a place for one."""
    turns = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt
    return _template(tokenizer).writer.fold([Message(turn["role"], turn["content"]) for turn in turns])


def answer_ends(model: Any, tokenizer: Any) -> tuple[int, ...]:  # Any: transformers' classes are untyped
    """The ids that end an answer: the template's end of turn first, then what the model's folder names."""
    own = model.generation_config.eos_token_id if model.generation_config is not None else None
    ids = [*own] if isinstance(own, Sequence) else [own]
    if tokenizer.chat_template:
        ids = [*end_tokens(tokenizer, _template(tokenizer)), *ids]
    return tuple(dict.fromkeys(number for number in [*ids, tokenizer.eos_token_id] if number is not None))


@contextmanager
def evaluating(model: torch.nn.Module) -> Iterator[None]:
    """Evaluation mode (no dropout); each module's own training flag is restored afterwards."""
    training = [module for module in model.modules() if module.training]
    model.eval()
    try:
        yield
    finally:
        for module in training:
            module.training = True


_TEMPLATES: "WeakKeyDictionary[Any, Template]" = WeakKeyDictionary()  # opening one copies the tokenizer


def _template(tokenizer: Any) -> Template:
    """The template that the tokenizer carries."""
    template = _TEMPLATES.get(tokenizer)
    if template is None or template.text != tokenizer.chat_template:
        template = _TEMPLATES[tokenizer] = open_template(tokenizer)
    return template


def _written(tokenizer: Any, messages: Sequence[Message]) -> list[int]:
    """As in training: a control token that stands in a message stays text."""
    writer = _template(tokenizer).writer
    ids = writer.tokens.encode([writer.opening(messages)])[0].ids
    doubled = len(ids) > 1 and ids[0] == ids[1] == tokenizer.bos_token_id
    return ids[1:] if doubled else ids


def _room(model: Any, prompt_tokens: int, max_new_tokens: int) -> int:
    """How many tokens the answer may have within the model's context."""
    context = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    if context is None:  # no fixed number of positions
        return max_new_tokens
    free = int(context) - virtual_tokens(model)
    if prompt_tokens >= free:
        title = f"The prompt has {prompt_tokens} tokens; the model takes at most {free} with its answer."
        raise DataError(title, "Shorten the prompt.")
    return min(max_new_tokens, free - prompt_tokens)


def _tokens(model: Any, ids: Sequence[int], generator: torch.Generator, temperature: float) -> Iterator[int]:
    """Endless: one token after the other; only the new token goes through the model, the rest is cached."""
    device = next(model.parameters()).device
    new, cache = torch.tensor([list(ids)], device=device), None
    while True:
        out = model(input_ids=new, past_key_values=cache, use_cache=True, logits_to_keep=1)
        token = _choose(out.logits[0, -1].float().cpu(), generator, temperature)
        yield token
        new, cache = torch.tensor([[token]], device=device), out.past_key_values
        model = continuing(model)


def _choose(logits: torch.Tensor, generator: torch.Generator, temperature: float) -> int:
    """The next token from float32 logits `(V,)` on the CPU, where the same seed draws the same everywhere."""
    if torch.isnan(logits).any():
        advice = "Its weights are damaged or training went astray: use an earlier checkpoint."
        raise ModelError("The model's answer is not a number.", advice)
    if temperature <= 0:
        return int(logits.argmax())
    chances = torch.softmax(logits / temperature, dim=-1)
    return int(torch.multinomial(chances, 1, generator=generator))
