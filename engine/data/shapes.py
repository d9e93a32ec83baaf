"""The shapes of records: which columns each takes by which names, and the row it gives.

To add a shape: a function `number, Values -> row` in engine.data.building and one entry in `SHAPES`, before the more general ones.
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from engine.data.building import feedback_row, instruction_row, messages_row, preference_row, text_row
from engine.data.reading import quoted, shortened
from engine.data.rows import Row, RowKind
from engine.data.values import UnusableRowError, Values, verdict_of
from engine.job.errors import DataError


class UnrecognisedError(DataError):
    """The columns of a file do not tell what its rows are; a person can."""


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
    columns: Sequence[str],
    wanted: str,
    chosen: Mapping[str, str],
    name: str,
    sample: Sequence[Mapping[str, object]] = (),
) -> tuple[Shape, dict[str, str]]:
    """The shape of a file with these columns, and the column of each role.

    `wanted` is a shape's kind or "auto"; `chosen` maps roles to columns with unusual names; `sample` are some
    records, whose values tell a label from another column of that name.
    Raises UnrecognisedError naming the file, the columns present and what is missing; DataError for `chosen`
    roles and columns that there are none of.
    """
    _check_chosen(columns, chosen, name)
    for shape in SHAPES:
        if wanted not in ("auto", shape.kind) or not set(chosen) <= set(shape.roles):
            continue
        found = assign(shape, columns, chosen)
        is_label = wanted != "auto" or "label" in chosen or _holds_verdicts(sample, found.get("label"))
        if all(role in found for role in shape.needed) and is_label:
            return shape, found
    raise _unrecognised(columns, wanted, chosen, name)


def assign(shape: Shape, columns: Sequence[str], chosen: Mapping[str, str]) -> dict[str, str]:
    """The column of each role: the chosen one, else the first usual name that is there and not yet taken."""
    found = dict(chosen)
    # Of two names that differ in their letters' size only, the usual, small one counts wherever it stands.
    ordered = sorted(columns, key=lambda column: (column != column.strip().lower(), column), reverse=True)
    free = {column.strip().lower(): column for column in ordered if column not in found.values()}
    for role, names in shape.roles.items():
        usual = next((n for n in names if n in free), None)
        if role not in found and usual is not None:
            found[role] = free.pop(usual)
    return {role: found[role] for role in shape.roles if role in found}


def is_full(record: Mapping[str, object], columns: Sequence[str]) -> bool:
    """Whether none of these cells is empty."""
    return all(record.get(column) not in (None, "", []) for column in columns)


def evidence(shape: Shape, found: Mapping[str, str], full: int, total: int) -> str:
    """One sentence that tells why a file of which `full` rows of `total` are full was taken for this shape."""
    things = [
        _thing(role, found[role]) for role in shape.roles if role in found and role in _SHOWN[shape.kind]
    ]
    listed = ", ".join(things[:-1]) + " and " + things[-1] if len(things) > 1 else things[0]
    if full < total:
        return f"{full} of {total} rows have {listed}."
    return f"All {full} rows have {listed}." if full > 1 else f"The one row has {listed}."


def unknown(chosen: Mapping[str, str]) -> tuple[Shape, dict[str, str]]:
    """In place of a shape, where there is none yet: it makes no rows, and keeps the roles that were chosen."""
    return Shape("unknown", "Not known yet", "conversation", {}, (), _no_row), dict(chosen)


def _no_row(number: int, values: Values) -> Row:
    raise UnusableRowError("which column is what is not known")


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
        kind="feedback",
        title="An answer with thumbs up or down",
        rows="feedback",
        roles={
            "prompt": (*_PROMPT[:-1], *_MESSAGES, "input"),
            "input": ("input", "context"),
            "answer": _ANSWER,
            "system": _SYSTEM,
            "history": ("history",),
            "label": ("label", "kto_tag", "feedback", "thumbs", "is_good", "desirable"),
        },
        needed=("prompt", "label"),
        build=feedback_row,
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
    "feedback": ("prompt", "answer", "label"),
    "messages": ("messages",),
    "instruction": ("prompt", "answer"),
    "text": ("text",),
}


def _holds_verdicts(sample: Sequence[Mapping[str, object]], column: str | None) -> bool:
    """Whether a column holds nothing but thumbs up or down; a shape without a label has no such column."""
    if column is None or not sample:
        return column is None
    values = [record.get(column) for record in sample]
    found = [value for value in values if value not in (None, "")]
    return bool(found) and all(verdict_of(value) is not None for value in found)


def _check_chosen(columns: Sequence[str], chosen: Mapping[str, str], name: str) -> None:
    known = {role for shape in SHAPES for role in shape.roles}
    for role, column in chosen.items():
        if role not in known:
            advice = f"Roles: {', '.join(sorted(known))}."
            raise DataError(f"'{role}' in 'columns' is not a role that a column can have.", advice)
        if column not in columns:
            advice = f"It has {_quoted(columns)}."
            raise DataError(f"'{name}' has no column '{column}', which 'columns' names as {role}.", advice)
    for column in {column for column in chosen.values() if list(chosen.values()).count(column) > 1}:
        roles = " and as ".join(role for role, taken in chosen.items() if taken == column)
        title = f"'columns' names '{column}' of '{name}' as {roles}."
        raise DataError(title, "Give every role a column of its own.")


def _unrecognised(
    columns: Sequence[str], wanted: str, chosen: Mapping[str, str], name: str
) -> UnrecognisedError:
    if wanted == "auto":
        title = f"'{name}' has {_quoted(columns)}, from which no kind of rows can be recognised."
        advice = 'Say which columns to use, for example columns = { prompt = "…", answer = "…" }.'
        return UnrecognisedError(title, advice)
    shape = next(shape for shape in SHAPES if shape.kind == wanted)
    found = assign(shape, columns, {r: c for r, c in chosen.items() if r in shape.roles})
    missing = _quoted([role for role in shape.needed if role not in found])
    title = f"'{name}' has no column for {missing}; it has {_quoted(columns)}."
    return UnrecognisedError(title, "Choose the column in 'columns', or another kind of rows.")


def _quoted(names: Collection[str]) -> str:
    return quoted(names, "no columns")


def _thing(role: str, column: str) -> str:
    if role == "messages" or (role == "prompt" and column in _MESSAGES):
        return "a list of messages"
    if role in ("chosen", "rejected"):
        return f"a {role} answer"
    name = shortened(column)
    word = name if re.fullmatch(r"[A-Za-z][A-Za-z ]*", name) else f"'{name}' as {role}"
    return f"{'an' if word[0].lower() in 'aeiou' else 'a'} {word}" if word == name else word
