"""What comes back from a file is of the type that was asked for, or refused."""

import math
from dataclasses import dataclass, field

import pytest

from engine.job.codec import from_plain, to_plain


@dataclass(frozen=True)
class _Inner:
    word: str


@dataclass(frozen=True)
class _Outer:
    name: str
    count: int = 0
    share: float = 0.0
    is_on: bool = False
    maybe: int | None = None
    parts: tuple[_Inner, ...] = ()
    votes: dict[str, int] = field(default_factory=dict)


_FULL = _Outer("x", 3, 0.5, True, 7, (_Inner("a"), _Inner("b")), {"yes": 2})


def test_what_was_written_comes_back() -> None:
    assert from_plain(_Outer, to_plain(_FULL)) == _FULL


def test_a_number_that_is_not_finite_becomes_null_and_null_is_read() -> None:
    plain = to_plain(_Outer("x", share=math.nan))
    assert plain["share"] is None
    assert from_plain(_Outer, plain).share is None


def test_a_whole_number_serves_where_a_fraction_is_meant() -> None:
    share = from_plain(_Outer, {"name": "x", "share": 1}).share
    assert (share, type(share)) == (1.0, float)


def test_names_from_a_newer_version_are_passed_over() -> None:
    assert from_plain(_Outer, {"name": "x", "future": [1]}) == _Outer("x")


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"name": 5},
        {"name": None},
        {"name": "x", "count": "3"},
        {"name": "x", "count": True},
        {"name": "x", "count": 1.5},
        {"name": "x", "share": "much"},
        {"name": "x", "is_on": 1},
        {"name": "x", "maybe": "7"},
        {"name": "x", "parts": 5},
        {"name": "x", "parts": "ab"},
        {"name": "x", "parts": ["a"]},
        {"name": "x", "votes": [1]},
        {"name": "x", "votes": {"yes": "2"}},
    ],
)
def test_a_value_of_another_form_is_refused(values: dict[str, object]) -> None:
    with pytest.raises((TypeError, ValueError)):
        from_plain(_Outer, values)
