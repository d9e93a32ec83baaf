"""Conversations written out by a chat template, and where in the text each answer stands."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import jinja2

from engine.data.rows import Message
from engine.job.errors import DataError, ModelError
from engine.models.chat_jinja import FAULTS, ChatTemplate, LimitError
from engine.models.placed import Span
from engine.models.template_trial import check_template, over_bounds
from engine.models.tokens import Passage, TextTokens

_THOUGHT = re.compile(r"\s*(?:<think>.*?</think>\s*)?", re.DOTALL)
_NONCHARACTERS = [chr(code) for code in range(0xFDD0, 0xFDF0)]  # Unicode promises that no text uses them


@dataclass(frozen=True)
class Rendering:
    """A conversation as text. `answers`: span of each wanted answer, its end token included, by message.

    `controls` counts passages of messages that read like control tokens; they stay text.
    """

    passage: Passage
    answers: dict[int, Span]
    controls: int


class Writer:
    """Writes conversations by one template for one tokenizer.

    `end`: the token that closes an answer, "" when there is none. `folds_system`: the template has no place
    for a system message, so it is put before the first user message.
    Raises ModelError when the template cannot be read, or takes too much time or memory.
    """

    def __init__(self, tokenizer: Any, source: str) -> None:  # Any: transformers' tokenizers, untyped
        self.tokens = TextTokens(tokenizer)
        self._names = {
            name: str(value)
            for name, value in tokenizer.special_tokens_map.items()
            if not isinstance(value, list)
        }
        check_template(source, self._names)  # first: even reading a template may compute
        self._template = _compiled(source)
        self.end = self._find_end()
        self.folds_system = not self._shows_system()

    def write(self, messages: Sequence[Message], wanted: Collection[int]) -> Rendering:
        """The conversation as text, with the span of each answer whose index is `wanted`.

        Raises DataError with the template's words when it refuses the messages, or when it writes them in a
        way that leaves open where an answer begins or ends.
        """
        messages, mark, controls = self._guarded(messages)
        text, tagged = self._render(messages)
        answers = self._tagged_answers(messages, tagged, wanted)
        if answers is None:
            answers = {index: self._answer(messages, index, text) for index in wanted}
        answers = {index: self._to_end(text, *span) for index, span in answers.items()}
        return _unguarded(text, answers, mark, controls)

    def opening(self, messages: Sequence[Message]) -> Passage:
        """The conversation up to where the model's answer begins; raises DataError like `write`."""
        guarded, mark, controls = self._guarded(messages)
        text, _ = self._render(guarded, opens=True)
        return _unguarded(text, {}, mark, controls).passage

    def fold(self, messages: Sequence[Message]) -> tuple[Message, ...]:
        """The messages as the template takes them: system messages before the first user message if need be."""
        system = [m.content.strip() for m in messages if m.role == "system"]
        if not (self.folds_system and system):
            return tuple(messages)
        rest = [m for m in messages if m.role != "system"]
        first = next((i for i, m in enumerate(rest) if m.role == "user"), None)
        if first is None:
            return (Message("user", "\n\n".join(system)), *rest)
        rest[first] = Message("user", "\n\n".join([*system, rest[first].content]))
        return tuple(rest)

    def _render(self, messages: Sequence[Message], opens: bool = False) -> tuple[str, list[Span]]:
        """The text, and the spans between generation tags; `opens` adds the beginning of an answer."""
        plain = [{"role": m.role, "content": m.content} for m in messages]
        try:
            return self._template.render(plain, opens, self._names)
        except LimitError as error:
            raise over_bounds(str(error)) from None
        except (jinja2.TemplateError, *FAULTS) as error:
            words = " ".join(str(error).split()) or type(error).__name__
            raise DataError(f"The chat template refuses it: {words}", "Mend or remove the row.") from None

    # Where answers stand ------------------------------------------------------------------------------

    def _tagged_answers(
        self, messages: Sequence[Message], tagged: Sequence[Span], wanted: Collection[int]
    ) -> dict[int, Span] | None:
        """The spans of the template's own tags, None where they do not fit the answers."""
        indices = [index for index, message in enumerate(messages) if message.role == "assistant"]
        if len(tagged) != len(indices) or any(end <= start for start, end in tagged):
            return None
        return {index: span for index, span in zip(indices, tagged, strict=True) if index in wanted}

    def _answer(self, messages: Sequence[Message], index: int, text: str) -> Span:
        """The span of an answer by comparing the text with that of the messages before it."""
        start = self._answer_start(messages, index, text)
        if index == len(messages) - 1:
            return start, len(text)
        whole, _ = self._render(messages[: index + 1])
        if text.startswith(whole) and len(whole) > start:
            return start, len(whole)
        at = _located(messages[index].content, text, start)
        if at is None:
            return start, self._by_mark(messages, index, text)[1]
        return start, at + len(_said(messages[index].content))

    def _answer_start(self, messages: Sequence[Message], index: int, text: str) -> int:
        opened, _ = self._render(messages[:index], opens=True)
        if text.startswith(opened):
            return len(opened)
        # Some templates open an answer with more than they keep of it, such as the beginning of a thought.
        before, _ = self._render(messages[:index])
        at = _located(messages[index].content, text, _common(opened, text))
        if not text.startswith(before) or not opened.startswith(before) or at is None:
            return self._by_mark(messages, index, text)[0]
        return min(_common(opened, text), at)

    def _by_mark(self, messages: Sequence[Message], index: int, text: str) -> Span:
        """The span of an answer by writing a mark in its stead, where the template changes what stands before it.

        Raises DataError where anything else changes with it, or where the model would be asked in another way.
        """
        mark = next(c for c in _NONCHARACTERS if c not in text)
        other = [*messages[:index], Message(messages[index].role, mark), *messages[index + 1 :]]
        before, _, after = self._render(other)[0].partition(mark)
        is_alone = text.startswith(before) and text.endswith(after) and len(before) + len(after) < len(text)
        asked, (opened, _) = self._render(messages[:index])[0], self._render(messages[:index], opens=True)
        opening = opened.removeprefix(asked)
        is_opened = not opening or any(before.endswith(opening[:n]) for n in range(len(opening), 0, -1))
        if not (is_alone and opened.startswith(asked) and is_opened and mark not in after):
            raise _unsure(index)
        return len(before), len(text) - len(after)

    def _to_end(self, text: str, start: int, stop: int) -> Span:
        """The span up to its end token: what stands after that is never generated, so it is not learned."""
        if not self.end:
            return start, start + len(text[start:stop].rstrip())
        at = text.rfind(self.end, start, stop)
        if at >= 0:
            return start, at + len(self.end)
        follows = re.compile(r"\s*" + re.escape(self.end)).match(text, stop)
        return start, follows.end() if follows else stop

    # What the template is like ------------------------------------------------------------------------

    def _find_end(self) -> str:
        """The first control token after an answer."""
        try:
            text, _ = self._render([Message("user", "Ping"), Message("assistant", "Pong")])
        except DataError:
            return ""
        rest = text[text.rfind("Pong") + 4 :].lstrip() if "Pong" in text else ""
        fits = [token for token in self.tokens.added if rest.startswith(token)]
        return max(fits, key=len, default="")

    def _shows_system(self) -> bool:
        messages = [Message("system", "Be brief"), Message("user", "Ping"), Message("assistant", "Pong")]
        try:
            return "Be brief" in self._render(messages)[0]
        except DataError:
            return False

    def _guarded(self, messages: Sequence[Message]) -> tuple[list[Message], str, int]:
        """Messages in which nothing reads like a control token: a mark breaks each such passage."""
        found = [self.tokens.control_texts(message.content) for message in messages]
        if not any(found):
            return list(messages), "", 0
        whole = "".join(message.content for message in messages)
        mark = next(c for c in _NONCHARACTERS if c not in whole)
        guarded = []
        for message, spans in zip(messages, found, strict=True):
            content = message.content
            for start, _ in reversed(spans):
                content = content[: start + 1] + mark + content[start + 1 :]
            guarded.append(Message(message.role, content))
        return guarded, mark, sum(len(spans) for spans in found)


def _compiled(source: str) -> ChatTemplate:
    try:
        return ChatTemplate(source)
    except jinja2.TemplateSyntaxError as error:
        title = f"The chat template cannot be read: line {error.lineno}: {error.message}"
        raise ModelError(title, "Choose another template, such as 'plain'.") from None


def _unguarded(text: str, answers: dict[int, Span], mark: str, controls: int) -> Rendering:
    """Without the marks; where they stood, the passage is literal."""
    if not mark:
        return Rendering(Passage(text), answers, controls)
    places = [match.start() - number for number, match in enumerate(re.finditer(mark, text))]
    moved = {i: (a - text.count(mark, 0, a), b - text.count(mark, 0, b)) for i, (a, b) in answers.items()}
    literal = tuple((place - 1, place + 1) for place in places)
    return Rendering(Passage(text.replace(mark, ""), literal), moved, controls)


def _unsure(index: int) -> DataError:
    title = f"The chat template writes message {index + 1} in a way that leaves open where the answer begins"
    return DataError(f"{title} or ends.", "Learn from the last answer only, or choose another template.")


def _common(first: str, second: str) -> int:
    """How many characters two texts share at their beginning."""
    for at, (a, b) in enumerate(zip(first, second, strict=False)):
        if a != b:
            return at
    return min(len(first), len(second))


def _said(content: str) -> str:
    """An answer without its thoughts, which templates may leave out of earlier turns."""
    return content.rpartition("</think>")[2].strip()


def _located(content: str, text: str, start: int) -> int | None:
    """Where the answer's words begin: at `start`, but for white space and a thought; None when unsure."""
    said = _said(content)
    for whole in dict.fromkeys((content.strip(), said)):
        at = text.find(whole, start) if whole else -1
        if at >= 0 and _THOUGHT.fullmatch(text, start, at):
            return at + len(whole) - len(said)
    return None
