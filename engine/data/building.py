"""Rows out of records whose columns have roles: one function for each shape. Nothing is guessed from words."""

import re
from collections.abc import Sequence

from engine.data.rows import Conversation, Feedback, Message, Preference, Row, Text
from engine.data.values import UnusableRowError, Values

EMPTY_ANSWER = "empty answer"
NO_ANSWER = "no answer"
EMPTY_PROMPT = "empty prompt"
NO_PROMPT = "no prompt"
EMPTY_TEXT = "empty text"
ONE_SIDED = "only one of the two answers"
IDENTICAL = "identical answers"
NO_LABEL = "no label"
OTHER_PROMPTS = "the two dialogues differ before the last answer"


def instruction_row(number: int, values: Values) -> Conversation:
    """Instruction (with input, system, history) and answer; both may be lists of messages."""
    prompt, answer = values.turns("prompt"), values.turns("answer")
    head = _system(values)
    if isinstance(prompt, str):
        prompt = (*_history(values), *_asked(prompt, values))
    return _conversation(number, (*head, *prompt, *_answered(answer)))


def messages_row(number: int, values: Values) -> Conversation:
    """A list of messages; a system column stands before it when it has none of its own."""
    messages = values.turns("messages")
    if isinstance(messages, str):
        if messages.strip():
            raise values.wrong_type("messages", messages, "a list of messages")
        raise UnusableRowError(NO_ANSWER)
    head = () if any(m.role == "system" for m in messages) else _system(values)
    return _conversation(number, (*head, *messages))


def preference_row(number: int, values: Values) -> Row:
    """A prompt with two answers: texts, lists of messages, or two dialogues with a common beginning."""
    chosen, rejected = values.turns("chosen"), values.turns("rejected")
    if _is_blank(chosen) or _is_blank(rejected):
        raise UnusableRowError(NO_ANSWER if _is_blank(chosen) and _is_blank(rejected) else ONE_SIDED)
    if chosen == rejected:
        raise UnusableRowError(IDENTICAL)
    prompt = values.turns("prompt") if "prompt" in values.columns else ""
    good, bad = _dialogue(chosen), _dialogue(rejected)
    if isinstance(prompt, str):
        asked = _transcript(prompt.removesuffix("\n\nAssistant:")) if _is_transcript(prompt) else ()
        asked = asked or (_asked(prompt, values) if prompt.strip() else ())
    else:
        asked = prompt
    shared, good, bad = _separated(asked, good, bad)
    if not any(m.content.strip() for m in shared if m.role != "system"):
        raise UnusableRowError(EMPTY_PROMPT if "prompt" in values.columns else NO_PROMPT)
    head = () if any(m.role == "system" for m in shared) else _system(values)
    if [m.content.strip() for m in good] == [m.content.strip() for m in bad]:
        raise UnusableRowError(IDENTICAL)
    return Preference(number, (*head, *shared), good, bad)


def feedback_row(number: int, values: Values) -> Row:
    """A prompt, one answer and its label; the answer may stand at the end of a dialogue."""
    label = values.verdict("label")
    if label is None:
        raise UnusableRowError(NO_LABEL)
    if "answer" in values.columns:
        conversation = instruction_row(number, values)
    else:
        conversation = messages_row(
            number,
            Values(values.record, {**values.columns, "messages": values.columns["prompt"]}, values.where),
        )
    messages = conversation.messages
    answer = len(messages) - 1
    return Feedback(number, messages[:answer], messages[answer:], label)


def text_row(number: int, values: Values) -> Row:
    """A text, learned as a whole."""
    text = values.text("text")
    if not text.strip():
        raise UnusableRowError(EMPTY_TEXT)
    return Text(number, text)


def _conversation(number: int, messages: Sequence[Message]) -> Conversation:
    """Up to the last answer: what stands after it teaches nothing. Passed over without a whole answer."""
    answers = [i for i, message in enumerate(messages) if message.role == "assistant"]
    if not answers:
        raise UnusableRowError(NO_ANSWER)
    if not all(messages[i].content.strip() for i in answers):
        raise UnusableRowError(EMPTY_ANSWER)
    if not any(m.content.strip() for m in messages[: answers[-1]] if m.role != "system"):
        raise UnusableRowError(EMPTY_PROMPT)
    return Conversation(number, _to_last_answer(messages))


def _system(values: Values) -> tuple[Message, ...]:
    text = values.text("system", is_optional=True)
    return (Message("system", text),) if text.strip() else ()


def _asked(prompt: str, values: Values) -> tuple[Message, ...]:
    extra = values.text("input", is_optional=True)
    whole = f"{prompt}\n\n{extra}" if extra.strip() and prompt.strip() else prompt or extra
    return (Message("user", whole),)


def _answered(answer: str | tuple[Message, ...]) -> tuple[Message, ...]:
    return (Message("assistant", answer),) if isinstance(answer, str) else answer


def _history(values: Values) -> list[Message]:
    """Earlier turns as [[question, answer], ...]."""
    pairs = values.listed("history")
    is_pairs = isinstance(pairs, list) and all(
        isinstance(pair, list) and len(pair) == 2 and all(isinstance(side, str) for side in pair)
        for pair in pairs
    )
    if not is_pairs:
        raise values.wrong_type("history", pairs, "a list of [question, answer] pairs")
    sides = [(role, text) for pair in pairs for role, text in zip(("user", "assistant"), pair, strict=True)]
    return [Message(role, values.sound("history", text)) for role, text in sides]


def _is_blank(side: str | tuple[Message, ...]) -> bool:
    return not side.strip() if isinstance(side, str) else not side or not side[-1].content.strip()


_TURN = re.compile(r"\n\n(Human|Assistant):")


def _is_transcript(text: str) -> bool:
    return text.startswith("\n\nHuman:")


def _transcript(text: str) -> tuple[Message, ...]:
    """The turns of a dialogue written as "\\n\\nHuman: ...\\n\\nAssistant: ..."."""
    parts = _TURN.split(text)[1:]
    roles = ("user" if who == "Human" else "assistant" for who in parts[::2])
    return tuple(Message(role, said.strip()) for role, said in zip(roles, parts[1::2], strict=True))


def _dialogue(side: str | tuple[Message, ...]) -> tuple[Message, ...]:
    if isinstance(side, str):
        return _transcript(side) if _is_transcript(side) else (Message("assistant", side),)
    return side


def _separated(
    asked: tuple[Message, ...], good: tuple[Message, ...], bad: tuple[Message, ...]
) -> tuple[tuple[Message, ...], tuple[Message, ...], tuple[Message, ...]]:
    """Prompt and the two answers, where the sides may repeat the prompt before their answers."""
    if all(m.role == "assistant" for m in (*good, *bad)):
        return asked, good, bad
    # Whole messages are compared, so that no answer loses first words that both share.
    shared = 0
    while shared < min(len(good), len(bad)) - 1 and good[shared] == bad[shared]:
        shared += 1
    if good[shared].role != "assistant" or bad[shared].role != "assistant":
        raise UnusableRowError(OTHER_PROMPTS)
    prompt = good[:shared]
    if not any(m.role == "user" for m in prompt):
        prompt = (*asked, *prompt)
    return prompt, _to_last_answer(good[shared:]), _to_last_answer(bad[shared:])


def _to_last_answer(messages: Sequence[Message]) -> tuple[Message, ...]:
    last = max(i for i, message in enumerate(messages) if message.role == "assistant")
    return tuple(messages[: last + 1])
