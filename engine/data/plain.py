"""Values of Arrow tables as plain ones, the same that a JSON file would hold: text, numbers, lists, objects."""

from collections.abc import Iterator
from typing import Any

from engine.data.reading import Record


def plain_records(batch: Any) -> Iterator[Record]:  # Any: pyarrow is not typed
    """The rows of a record batch. Dates and decimals become text, bytes the text that they spell.

    Raises ValueError (as Arrow's own errors are) for values that are damaged.
    """
    batch.validate(full=True)
    columns = [_plain_column(column) for column in batch.columns]
    names = [str(name) for name in batch.schema.names]
    for values in zip(*columns, strict=True):
        yield dict(zip(names, values, strict=True))


def _plain_column(column: Any) -> list[Any]:  # Any: pyarrow is not typed
    from pyarrow import string, types

    kind = column.type
    if types.is_temporal(kind) or types.is_decimal(kind):
        column = column.cast(string())  # Python's own dates end with the year 9999
    try:
        values: list[Any] = column.to_pylist()
    except (OverflowError, TypeError, LookupError) as error:
        raise ValueError(f"a column of {kind} holds what cannot be read ({error})") from None
    return values if _is_plain(column.type) else [_plain(value) for value in values]


def _is_plain(kind: Any) -> bool:  # Any: pyarrow is not typed
    """Whether Python's values of an Arrow type are plain ones already."""
    from pyarrow import types

    if types.is_dictionary(kind) or types.is_list(kind) or types.is_large_list(kind):
        return _is_plain(kind.value_type)
    if types.is_struct(kind):
        return all(_is_plain(kind.field(index).type) for index in range(kind.num_fields))
    texts = (types.is_string, types.is_large_string)
    return any(
        holds(kind)
        for holds in (*texts, types.is_integer, types.is_floating, types.is_boolean, types.is_null)
    )


def _plain(value: object) -> object:
    match value:
        case None | str() | bool() | int() | float():
            return value
        case bytes():
            return _spelled(value)
        case dict():
            return {str(name): _plain(part) for name, part in value.items()}
        case list() | tuple():
            return [_plain(part) for part in value]
        case _:
            return str(value)


def _spelled(data: bytes) -> object:
    """The text that bytes spell; of a picture and the like only its size."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return {"bytes": len(data)}
