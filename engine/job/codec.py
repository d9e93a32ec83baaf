"""One codec for all that crosses a process: frozen dataclasses to plain JSON values and back."""

import dataclasses
import math
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

T = TypeVar("T")


def to_plain(value: object) -> Any:  # Any: a JSON value
    """JSON values for a dataclass, mapping, sequence or scalar; non-finite numbers become None."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: to_plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): to_plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def from_plain(cls: type[T], values: Mapping[str, object]) -> T:
    """A dataclass from JSON values. Unknown names are ignored (a newer version wrote them).

    Raises TypeError or ValueError when a required field is missing or has another form.
    """
    hints = _hints(cls)
    names = [f.name for f in dataclasses.fields(cls)]  # type: ignore[arg-type]  # T is always a dataclass here
    return cls(**{name: _revive(hints[name], values[name]) for name in names if name in values})


_HINTS: dict[type, dict[str, Any]] = {}


def _hints(cls: type) -> dict[str, Any]:
    if cls not in _HINTS:
        _HINTS[cls] = typing.get_type_hints(cls)
    return _HINTS[cls]


def _revive(hint: Any, value: Any) -> Any:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        present = [a for a in arguments if a is not type(None)]
        return None if value is None else _revive(present[0], value)
    if origin is tuple:
        return tuple(_revive(arguments[0], item) for item in _checked(value, list, tuple))
    if origin is dict or origin is Mapping or hint is dict:
        inner = arguments[1] if arguments else object
        return {key: _revive(inner, item) for key, item in _checked(value, Mapping).items()}
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return from_plain(hint, _checked(value, Mapping))
    if hint is float:  # null stands for a number that was not finite
        return None if value is None else float(_checked(value, int, float))
    return _checked(value, hint) if hint in (str, int, bool) else value


def _checked(value: Any, *kinds: type) -> Any:
    """The value, which must be of one of these kinds; a truth value is no number."""
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        raise TypeError(f"{value!r} is not of the form that is needed here")
    return value
