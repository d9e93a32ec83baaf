"""The shapes of records: which columns each takes by which names, and the row it gives.

To add a shape: a function `number, Values -> row` and one entry in `SHAPES`, before the more general ones.
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from engine.data.rows import Conversation, Message, Preference, Row, RowKind, Text
from engine.data.values import UnusableRowError, Values
from engine.job.errors import DataError

EMPTY_ANSWER = "empty answer"
NO_ANSWER = "no answer"
EMPTY_PROMPT = "empty prompt"
NO_PROMPT = "no prompt"
EMPTY_TEXT = "empty text"
ONE_SIDED = "only one of the two answers"
IDENTICAL = "identical answers"
OTHER_PROMPTS = "the two dialogues differ before the last answer"


@dataclass(frozen=True)
class Shape:
    """A kind of record. `roles`: each role's usual column names, best first; `needed` ones must be there."""

    kind: str
    title: str
    rows: RowKind
    roles: Mapping[str, tuple[str, ...]]
    needed: tuple[str, ...]
    build: Callable[[int, Values], Row]


def detect(
    columns: Sequence[str], wanted: str, chosen: Mapping[str, str], name: str
) -> tuple[Shape, dict[str, str]]:
    """The shape of a file with these columns, and the column of each role.

    `wanted` is a shape's kind or "auto"; `chosen` maps roles to columns with unusual names.
    Raises DataError naming the file, the columns present and what is missing.
    """
    _check_chosen(columns, chosen, name)
    for shape in SHAPES:
        if wanted not in ("auto", shape.kind) or not set(chosen) <= set(shape.roles):
            continue
        found = assign(shape, columns, chosen)
        if all(role in found for role in shape.needed):
            return shape, found
    raise _unrecognised(columns, wanted, chosen, name)


def assign(shape: Shape, columns: Sequence[str], chosen: Mapping[str, str]) -> dict[str, str]:
    """The column of each role: the chosen one, else the first usual name that is there and not yet taken."""
    found = dict(chosen)
    free = {column.strip().lower(): column for column in columns if column not in found.values()}
    for role, names in shape.roles.items():
        usual = next((n for n in names if n in free), None)
        if role not in found and usual is not None:
            found[role] = free.pop(usual)
    return {role: found[role] for role in shape.roles if role in found}


def evidence(shape: Shape, found: Mapping[str, str], records: Sequence[Mapping[str, object]]) -> str:
    """One sentence that tells why the file was taken for this shape."""
    columns = [found[role] for role in shape.needed]
    full = sum(all(record.get(column) not in (None, "", []) for column in columns) for record in records)
    things = [
        _thing(role, found[role]) for role in shape.roles if role in found and role in _SHOWN[shape.kind]
    ]
    listed = ", ".join(things[:-1]) + " and " + things[-1] if len(things) > 1 else things[0]
    if full < len(records):
        return f"{full} of {len(records)} rows have {listed}."
    return f"All {full} rows have {listed}." if full > 1 else f"The one row has {listed}."


# What each shape gives --------------------------------------------------------------------------------


def instruction_row(number: int, values: Values) -> Row:
    """Instruction (with input, system, history) and answer; both may be lists of messages."""
    prompt, answer = values.turns("prompt"), values.turns("answer")
    head = _system(values)
    if isinstance(prompt, str):
        prompt = (*_history(values), *_asked(prompt, values))
    return _conversation(number, (*head, *prompt, *_answered(answer)))


def messages_row(number: int, values: Values) -> Row:
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


def text_row(number: int, values: Values) -> Row:
    """A text, learned as a whole."""
    text = values.text("text")
    if not text.strip():
        raise UnusableRowError(EMPTY_TEXT)
    return Text(number, text)


_SYSTEM = ("system", "system_prompt", "system_message")
_MESSAGES = ("messages", "conversations", "conversation", "dialogue", "dialog", "chat", "turns")
_PROMPT = ("instruction", "prompt", "question", "query", "inputs", "problem", "user", "human", "input")
_ANSWER = (
    "output",
    "response",
    "completion",
    "answer",
    "targets",
    "target",
    "reply",
    "solution",
    "assistant",
)
SHAPES: tuple[Shape, ...] = (
    Shape(
        kind="preference",
        title="Two answers, one preferred",
        rows="preference",
        roles={
            "prompt": ("prompt", "instruction", "question", "query", "input", *_MESSAGES),
            "input": ("input",),
            "system": _SYSTEM,
            "chosen": ("chosen", "chosen_response", "preferred", "answer_chosen"),
            "rejected": ("rejected", "rejected_response", "dispreferred", "answer_rejected"),
        },
        needed=("chosen", "rejected"),
        build=preference_row,
    ),
    Shape(
        kind="messages",
        title="Conversation",
        rows="conversation",
        roles={"messages": _MESSAGES, "system": _SYSTEM},
        needed=("messages",),
        build=messages_row,
    ),
    Shape(
        kind="instruction",
        title="Question and answer",
        rows="conversation",
        roles={
            "prompt": _PROMPT,
            "input": ("input", "context"),
            "answer": _ANSWER,
            "system": _SYSTEM,
            "history": ("history",),
        },
        needed=("prompt", "answer"),
        build=instruction_row,
    ),
    Shape(
        kind="text",
        title="Plain text",
        rows="text",
        roles={"text": ("text", "content", "document", "body")},
        needed=("text",),
        build=text_row,
    ),
)
_SHOWN = {  # the roles that the evidence names; the rest may be missing from a row
    "preference": ("prompt", "chosen", "rejected"),
    "messages": ("messages",),
    "instruction": ("prompt", "answer"),
    "text": ("text",),
}


# Recognising ------------------------------------------------------------------------------------------


def _check_chosen(columns: Sequence[str], chosen: Mapping[str, str], name: str) -> None:
    known = {role for shape in SHAPES for role in shape.roles}
    for role, column in chosen.items():
        if role not in known:
            advice = f"Roles: {', '.join(sorted(known))}."
            raise DataError(f"'{role}' in 'columns' is not a role that a column can have.", advice)
        if column not in columns:
            advice = f"It has {_quoted(columns)}."
            raise DataError(f"'{name}' has no column '{column}', which 'columns' names as {role}.", advice)


def _unrecognised(columns: Sequence[str], wanted: str, chosen: Mapping[str, str], name: str) -> DataError:
    if wanted == "auto":
        title = f"'{name}' has {_quoted(columns)}, from which no kind of rows can be recognised."
        advice = 'Say which columns to use, for example columns = { prompt = "…", answer = "…" }.'
        return DataError(title, advice)
    shape = next(shape for shape in SHAPES if shape.kind == wanted)
    found = assign(shape, columns, {r: c for r, c in chosen.items() if r in shape.roles})
    missing = _quoted([role for role in shape.needed if role not in found])
    title = f"'{name}' has no column for {missing}; it has {_quoted(columns)}."
    return DataError(title, "Choose the column in 'columns', or another kind of rows.")


def _quoted(names: Collection[str]) -> str:
    return ", ".join(f"'{name}'" for name in names) or "no columns"


def _thing(role: str, column: str) -> str:
    if role == "messages":
        return "a list of messages"
    if role in ("chosen", "rejected"):
        return f"a {role} answer"
    word = column if re.fullmatch(r"[A-Za-z][A-Za-z ]*", column) else f"'{column}' as {role}"
    return f"{'an' if word[0].lower() in 'aeiou' else 'a'} {word}" if word == column else word


# Building ---------------------------------------------------------------------------------------------


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
    pairs = values.optional("history") or []
    is_pairs = isinstance(pairs, list) and all(
        isinstance(pair, list) and len(pair) == 2 and all(isinstance(side, str) for side in pair)
        for pair in pairs
    )
    if not is_pairs:
        raise values.wrong_type("history", pairs, "a list of [question, answer] pairs")
    return [
        Message(role, text) for pair in pairs for role, text in zip(("user", "assistant"), pair, strict=True)
    ]


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
