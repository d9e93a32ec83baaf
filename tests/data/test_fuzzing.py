"""Any bytes, and valid files of every kind with something wrong in them, give rows or a sentence with the file's name."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.data import scan, table
from engine.data.dataset import open_rows
from engine.data.readers import READERS
from engine.data.skipped import write_skipped
from engine.job.errors import EngineError
from engine.job.job import Job
from engine.job.sections import DataSource, RowsSection
from engine.use.inspection import Inspection
from tests.data.every_shape import SHAPES
from tests.data.writing import KINDS, PACKINGS, packed, write

CASES = sorted(SHAPES)


def read(path, malformed, folder):
    """Everything that a person may do with a file before the model is asked; False when it is refused."""
    job = Job(data=(DataSource(path=str(path)),), rows=RowsSection(malformed=malformed))
    try:
        found = Inspection(job)
    except EngineError as error:
        assert_clear(error, path)
        return False
    found.summary()
    found.show(0, 3)
    found.show(0, 3, search="yes")
    write_skipped(folder, found.found.skipped_rows())
    return True


def assert_clear(error, path):
    assert path.name in error.title
    assert error.advice
    assert not {"\n", "\r"} & set(error.title)
    assert len(error.title) < 2000


@pytest.fixture(params=["in memory", "stored"])
def place(request, monkeypatch):
    """Small files are kept in memory, and large ones in the row cache."""
    if request.param == "stored":
        monkeypatch.setattr(table, "IN_MEMORY_BYTES", -1)
        monkeypatch.setattr(scan, "IN_MEMORY_BYTES", -1)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["cut", "flip", "put", "remove", "repeat"]), st.floats(0, 1), st.binary(max_size=6)
    ),
    min_size=1,
    max_size=4,
)


def harmed(data, steps):
    """The bytes with a few things done to them, each at a place that a number from 0 to 1 says."""
    for what, share, more in steps:
        at = round(share * len(data))
        match what:
            case "cut":
                data = data[:at]
            case "flip":
                changed = bytes(a ^ b for a, b in zip(data[at : at + len(more)], more, strict=False))
                data = data[:at] + changed + data[at + len(changed) :]
            case "put":
                data = data[:at] + more + data[at:]
            case "remove":
                data = data[:at] + data[at + 1 + len(more) :]
            case "repeat":
                data = data[: at + 20] + data[at:]
    return data


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_with_something_wrong_in_it_gives_rows_or_a_sentence(tmp_path, kind, place):
    files = [
        write(tmp_path / f"{at}{kind}", [SHAPES[name][0]] * 3).read_bytes() for at, name in enumerate(CASES)
    ]
    path = tmp_path / f"fuzz{kind}"

    @settings(max_examples=60, deadline=None)
    @given(data=st.sampled_from(files), steps=STEPS, malformed=st.sampled_from(["stop", "skip"]))
    def holds(data, steps, malformed):
        path.write_bytes(harmed(data, steps))
        read(path, malformed, tmp_path)

    holds()


@pytest.mark.parametrize("packing", PACKINGS)
@pytest.mark.parametrize("suffix", sorted(READERS))
def test_any_bytes_give_rows_or_a_sentence(tmp_path, suffix, packing, place):
    path = tmp_path / f"fuzz{suffix}{packing}"

    @settings(max_examples=40, deadline=None)
    @given(data=st.binary(max_size=300), is_packed=st.booleans(), malformed=st.sampled_from(["stop", "skip"]))
    def holds(data, is_packed, malformed):
        path.write_bytes(packed(data, packing) if is_packed else data)
        read(path, malformed, tmp_path)

    holds()


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(sorted({name for record, _ in SHAPES.values() for name in record})) | st.text()


@settings(max_examples=300, deadline=None)
@given(
    rows=st.lists(st.dictionaries(NAMES, VALUES, max_size=5), max_size=4),
    malformed=st.sampled_from(["stop", "skip"]),
)
def test_any_json_gives_rows_or_a_sentence(tmp_path_factory, rows, malformed):
    folder = tmp_path_factory.mktemp("fuzz")
    path = folder / "fuzz.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    read(path, malformed, folder)
    path = folder / "fuzz.json"
    path.write_text(json.dumps(rows))
    read(path, malformed, folder)


@settings(max_examples=200, deadline=None)
@given(
    name=st.sampled_from(CASES),
    value=VALUES,
    at=st.integers(0, 9),
    malformed=st.sampled_from(["stop", "skip"]),
)
def test_any_value_in_any_field_gives_rows_or_a_sentence(tmp_path_factory, name, value, at, malformed):
    folder, record = tmp_path_factory.mktemp("fuzz"), dict(SHAPES[name][0])
    column = sorted(record)[at % len(record)]
    path = folder / "fuzz.jsonl"
    rows = [record, {**record, column: value}, record]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    is_read = read(path, malformed, folder)
    assert is_read or malformed == "stop" or column in {"label", "kto_tag"}


@pytest.mark.parametrize("depth", [100, 900, 960, 975, 985, 995, 5000, 100_000])
@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.csv"])
def test_nesting_of_any_depth_gives_rows_or_a_sentence(tmp_path, name, depth, place):
    path, deep = tmp_path / name, "[" * depth + "]" * depth
    rows = [f'{{"prompt": "q", "completion": "a", "extra": {deep}}}'] * 2
    table = f'prompt,completion,history\nq,a,"{deep}"\n'
    text = {"a.jsonl": "\n".join(rows), "a.json": f"[{','.join(rows)}]", "a.csv": table}
    path.write_text(text[name])
    read(path, "stop", tmp_path)


def test_what_is_read_here_is_what_training_reads(tmp_path):
    path = write(tmp_path / "a.jsonl", [SHAPES["pair"][0]])
    assert read(path, "stop", tmp_path)
    assert open_rows([DataSource(path=str(path))]).total == 1
