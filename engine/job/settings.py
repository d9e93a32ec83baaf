"""A setting is one dataclass field: label, help, limits. Form, file, command line and checks use it."""

import contextlib
import dataclasses
import difflib
import json
import math
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from engine.job.errors import JobError

T = TypeVar("T")


@dataclass(frozen=True)
class Setting:
    """What a person needs to know about one field.

    `term` is the field's own name beside the plain label ("How strongly", term "learning rate").
    `low` and `high` are inclusive; `above` is exclusive. `choices` maps each value to its label.
    `auto` is the word that stands in files and forms for None ("auto", "off").
    """

    label: str
    help: str
    term: str = ""
    unit: str = ""
    low: float | None = None
    high: float | None = None
    above: float | None = None
    choices: Mapping[str, str] = dataclasses.field(default_factory=dict)
    advanced: bool = False
    auto: str = ""
    group: str = ""


@dataclass(frozen=True)
class SettingField:
    """One field of a settings dataclass, resolved: name, value type (without None), default, `Setting`."""

    name: str
    type: type
    optional: bool
    default: Any  # the field's own type
    setting: Setting


def setting(
    default: Any, label: str, help: str, **details: Any
) -> Any:  # Any: stands for the field's own type
    """A dataclass field that is a setting; `details` are the other fields of `Setting`."""
    metadata = {"setting": Setting(label, help, **details)}
    if isinstance(default, dict):
        return dataclasses.field(default_factory=lambda: dict(default), metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def setting_fields(cls: type) -> tuple[SettingField, ...]:
    """The settings of a dataclass, in the order they were declared."""
    hints = typing.get_type_hints(cls)
    return tuple(_resolve(f, hints[f.name]) for f in dataclasses.fields(cls) if "setting" in f.metadata)


def read_section(cls: type[T], values: Mapping[str, object], where: str) -> T:
    """Build `cls` from plain values (as TOML or JSON gives them); `where` is the dotted place for messages.

    Raises JobError naming the field: unknown (with the nearest valid name), of a wrong type, out of range.
    """
    fields = {f.name: f for f in setting_fields(cls)}
    for name in values:
        if name not in fields:
            raise unknown_name(_dotted(where, name), name, fields)
    return cls(**{name: check_value(fields[name], value, where) for name, value in values.items()})


def section_values(section: object) -> dict[str, object]:
    """The plain values of a settings dataclass, None left out or written as its `auto` word."""
    values: dict[str, object] = {}
    for field in setting_fields(type(section)):
        value = getattr(section, field.name)
        if value is None:
            if field.setting.auto:
                values[field.name] = field.setting.auto
        else:
            values[field.name] = list(value) if isinstance(value, tuple) else value
    return values


def check_value(field: SettingField, value: object, where: str = "") -> Any:  # Any: the field's own type
    """`value` as the field's type, within its limits; raises JobError with the dotted name."""
    name = _dotted(where, field.name)
    if field.optional and (value is None or (field.setting.auto and value == field.setting.auto)):
        return None
    converted = _convert(field, value, name)
    _check_limits(field, converted, name)
    return converted


def parse_value(field: SettingField, text: str, where: str = "") -> Any:  # Any: the field's own type
    """What `--set` and a form's text box give: `text` as the field's type, checked like a file's value."""
    text = text.strip()
    plain: object = text
    if (field.type is bool or _takes_switch(field)) and text.lower() in _BOOLEANS:
        plain = _BOOLEANS[text.lower()]
    elif field.type in (int, float) and text != field.setting.auto:
        plain = _number(text, field.type, _dotted(where, field.name))
    elif field.type is tuple:
        plain = _listed(text)
    return check_value(field, plain, where)


def _listed(text: str) -> list[str]:
    """The texts of a list as a file writes it, or of "one | two"; such texts may hold "|" in the former alone."""
    with contextlib.suppress(ValueError):
        found = json.loads(text)
        if isinstance(found, list) and all(isinstance(part, str) for part in found):
            return found
    return [part.strip() for part in text.split("|") if part.strip()]


def unknown_name(dotted: str, name: str, valid: typing.Iterable[str], what: str = "field") -> JobError:
    """The error for a name that does not exist, with the nearest one that does."""
    names = list(valid)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    advice = f"Did you mean '{near[0]}'?" if near else f"Valid here: {', '.join(names)}."
    return JobError(f"There is no {what} '{dotted}'.", advice)


_BOOLEANS = {
    "true": True,
    "yes": True,
    "on": True,
    "1": True,
    "false": False,
    "no": False,
    "off": False,
    "0": False,
}


def _resolve(field: "dataclasses.Field[Any]", hint: Any) -> SettingField:
    arguments = [a for a in typing.get_args(hint) if a is not type(None)]
    is_union = isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union
    optional = is_union and len(arguments) < len(typing.get_args(hint))
    inner = arguments[0] if is_union else hint
    default = field.default
    if default is dataclasses.MISSING and field.default_factory is not dataclasses.MISSING:
        default = field.default_factory()
    return SettingField(
        field.name, typing.get_origin(inner) or inner, optional, default, field.metadata["setting"]
    )


def _dotted(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name


def _number(text: str, kind: type, dotted: str) -> float | int:
    try:
        return int(text) if kind is int else float(text)
    except ValueError:
        raise JobError(
            f"'{dotted}' is '{text}', which is not {_TYPE_WORDS[kind]}.", "Enter a number."
        ) from None


def _takes_switch(field: SettingField) -> bool:
    """Whether true and false mean two of the choices; older job files have a switch where there are three now."""
    return {"on", "off"} <= set(field.setting.choices)


def _convert(field: SettingField, value: object, dotted: str) -> object:
    if isinstance(value, bool) and _takes_switch(field):
        return "on" if value else "off"
    convert = _CONVERTERS.get(field.type)
    converted = convert(value) if convert else None
    if converted is None:
        shown = str(value)[:60]
        advice = f"Give {_TYPE_WORDS[field.type]}" + (
            f" or '{field.setting.auto}'." if field.setting.auto else "."
        )
        raise JobError(f"'{dotted}' is '{shown}', which is not {_TYPE_WORDS[field.type]}.", advice)
    return converted


def _check_limits(field: SettingField, value: Any, dotted: str) -> None:
    limits = field.setting
    if limits.choices and value not in limits.choices:
        valid = ", ".join(limits.choices)
        raise JobError(f"'{dotted}' is '{value}', which is not one of: {valid}.", "Choose one of these.")
    if field.type not in (int, float):
        return
    if not math.isfinite(value):
        raise JobError(f"'{dotted}' is {value}, which is not a finite number.", "Give a finite number.")
    if limits.low is not None and value < limits.low:
        raise JobError(
            f"'{dotted}' is {value}, below the smallest value {limits.low:g}.", "Give a larger number."
        )
    if limits.above is not None and value <= limits.above:
        raise JobError(f"'{dotted}' is {value}; it must be above {limits.above:g}.", "Give a larger number.")
    if limits.high is not None and value > limits.high:
        raise JobError(
            f"'{dotted}' is {value}, above the largest value {limits.high:g}.", "Give a smaller number."
        )


def _as_bool(value: object) -> object:
    return value if isinstance(value, bool) else None


def _as_int(value: object) -> object:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _as_float(value: object) -> object:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _as_text(value: object) -> object:
    return value if isinstance(value, str) else None


def _as_texts(value: object) -> object:
    is_list = isinstance(value, list | tuple) and all(isinstance(item, str) for item in value)
    return tuple(typing.cast("list[str]", value)) if is_list else None


def _as_map(value: object) -> object:
    is_map = isinstance(value, dict) and all(
        isinstance(k, str) and isinstance(v, str) for k, v in value.items()
    )
    return dict(typing.cast("dict[str, str]", value)) if is_map else None


_CONVERTERS: dict[type, Callable[[object], object]] = {
    bool: _as_bool,
    int: _as_int,
    float: _as_float,
    str: _as_text,
    tuple: _as_texts,
    dict: _as_map,
}
_TYPE_WORDS: dict[type, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text",
    tuple: "a list of texts",
    dict: "a table of texts",
}
