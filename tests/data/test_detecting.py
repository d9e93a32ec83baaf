"""What a file is taken for, whatever the order of its columns and rows and whatever else stands in it."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.data.dataset import open_rows
from engine.data.shapes import SHAPES as KINDS
from engine.data.shapes import detect
from engine.job.sections import DataSource
from tests.data.every_shape import SHAPES

USUAL = {name for shape in KINDS for names in shape.roles.values() for name in names}
OTHERS = st.text(min_size=1, max_size=12).filter(lambda name: name.strip().lower() not in USUAL)
CASES = sorted(SHAPES)


def found(record, chosen=None, records=None):
    shape, roles = detect(tuple(record), "auto", chosen or {}, "a.jsonl", records or [record])
    return shape.kind, roles


@pytest.mark.parametrize("name", CASES)
def test_the_order_of_columns_does_not_matter(name):
    record, _ = SHAPES[name]

    @settings(max_examples=15, deadline=None)
    @given(st.permutations(list(record)))
    def holds(order):
        assert found({column: record[column] for column in order}) == found(record)

    holds()


@pytest.mark.parametrize("name", CASES)
def test_columns_that_mean_nothing_do_not_matter(name):
    record, _ = SHAPES[name]

    @settings(max_examples=15, deadline=None)
    @given(st.lists(OTHERS, max_size=5), st.booleans())
    def holds(others, stand_first):
        more = {other: "x" for other in others if other not in record}
        assert found({**more, **record} if stand_first else {**record, **more}) == found(record)

    holds()


@pytest.mark.parametrize("name", CASES)
def test_the_size_of_letters_and_white_space_around_names_do_not_matter(name):
    record, _ = SHAPES[name]
    kind, roles = found(record)
    loud = {f" {column.upper()}": value for column, value in record.items()}
    assert found(loud) == (kind, {role: f" {column.upper()}" for role, column in roles.items()})


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_the_order_of_rows_does_not_matter(tmp_path_factory, data):
    words = st.sampled_from(["a", "", "yes", "b c", None])
    labels = st.sampled_from([True, False, "good", "science", None, ""])
    row = st.fixed_dictionaries(
        {"prompt": words, "answer": words}, optional={"label": labels, "input": words}
    )
    rows = [{"prompt": "a", "answer": "b"}, *data.draw(st.lists(row, max_size=12))]
    columns = tuple(dict.fromkeys(name for one in rows for name in one))
    shuffled = data.draw(st.permutations(rows))
    kinds = [detect(columns, "auto", {}, "a.jsonl", sample) for sample in (rows, shuffled)]
    assert kinds[0] == kinds[1]


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_the_order_of_rows_moves_only_their_numbers(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("order")
    answers = data.draw(st.lists(st.sampled_from(["a", "b", ""]), min_size=1, max_size=10))
    rows = [{"prompt": f"q{n}", "completion": a} for n, a in enumerate(["good", *answers])]
    order = data.draw(st.permutations(range(len(rows))))
    told = []
    for name, listed in (("a", rows), ("b", [rows[at] for at in order])):
        path = folder / f"{name}.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in listed))
        told.append(open_rows([DataSource(path=str(path))]))
    plain, moved = told
    assert (plain.shape, plain.roles, plain.evidence) == (moved.shape, moved.roles, moved.evidence)
    assert {row.messages for row in plain.rows} == {row.messages for row in moved.rows}
    assert {why: len(numbers) for why, numbers in plain.skipped.items()} == {
        why: len(numbers) for why, numbers in moved.skipped.items()
    }


@pytest.mark.parametrize("name", CASES)
def test_roles_given_by_hand_win_over_every_name(name):
    record, _ = SHAPES[name]
    kind, roles = found(record)

    @settings(max_examples=15, deadline=None)
    @given(st.data())
    def holds(data):
        names = data.draw(st.lists(OTHERS, min_size=len(roles), max_size=len(roles), unique=True))
        chosen = dict(zip(roles, names, strict=True))
        renamed = {chosen[role]: record[column] for role, column in roles.items()}
        decoys = {column: "something else" for column in record if column not in renamed}
        shape, given = detect((*decoys, *renamed), "auto", chosen, "a.jsonl", [{**decoys, **renamed}])
        assert shape.kind == kind
        assert given.items() >= chosen.items()

    holds()


def test_a_role_given_by_hand_makes_the_shape_that_has_it(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({"text": "t", "prompt": "q", "answer": "a", "vote": "up"}) + "\n")

    def shape(**columns):
        return open_rows([DataSource(path=str(path), columns=columns)]).shape

    assert shape() == "instruction"
    assert shape(text="prompt") == "text"
    assert shape(label="vote") == "feedback"
