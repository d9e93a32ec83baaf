import json

import pytest

from engine.data import scan, table
from engine.data.dataset import open_rows
from engine.data.store import StoredRecords
from engine.job.errors import StoppedError
from engine.job.sections import DataSource, RowsSection

ROWS = [
    {"prompt": "What colour is the sky?", "answer": 'They say "blue".', "id": 1771},
    {"prompt": "Wie GROSS ist die Straße?", "answer": "Zwölf Meter", "id": 2},
    {"prompt": "prompt", "answer": "x" * 30_000 + " the end", "id": 3},
    {"prompt": "back\\slash", "answer": "Nothing", "id": 4},
]
FOUND = {
    "colour": [1],
    "COLOUR IS": [1],
    'say "blue"': [1],
    "177": [1],
    "gross ist die stra": [2],
    "straße": [2],
    "ZWÖLF": [2],
    "ö": [2],
    "prompt": [3],  # the column's name does not count
    "the end": [3],
    "back\\s": [4],
    "th": [1, 3, 4],
    "zebra": [],
    ".": [1],
}


@pytest.fixture(params=["in memory", "stored"])
def found(request, tmp_path, monkeypatch):
    if request.param == "stored":
        for module in (table, scan):
            monkeypatch.setattr(module, "IN_MEMORY_BYTES", -1)
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS), "utf-8")
    rows = open_rows([DataSource(path=str(path))])
    assert isinstance(rows.parts[0].table.entries, StoredRecords) == (request.param == "stored")
    return rows


@pytest.mark.parametrize("text", FOUND)
def test_a_text_is_found_in_every_column_written_large_or_small(found, text):
    assert list(found.holding(text)) == FOUND[text]


def test_messages_are_searched_within_and_malformed_lines_are_passed_over(tmp_path):
    path = tmp_path / "talk.jsonl"
    talk = {"messages": [{"role": "user", "content": 'Hello "you"'}, {"role": "assistant", "content": "Hi"}]}
    path.write_text(json.dumps(talk) + "\nhello\n", "utf-8")

    rows = open_rows([DataSource(path=str(path))], section=RowsSection(malformed="skip"))
    assert list(rows.holding('o "YOU')) == [1]
    assert list(rows.holding("content")) == []


def test_a_search_tells_how_far_it_is_and_ends_when_it_is_told_to(tmp_path):
    path = tmp_path / "many.jsonl"
    path.write_text(json.dumps({"text": "word"}) + "\n" + (json.dumps({"text": "other"}) + "\n") * 9999)
    rows = open_rows([DataSource(path=str(path))])
    told = []
    assert list(rows.holding("WORD", told.append)) == [1]
    assert told == [0, 2000, 4000, 6000, 8000]

    def stop(_):
        raise StoppedError("enough")

    with pytest.raises(StoppedError):
        rows.holding("word", stop)


def test_values_of_any_depth_are_searched(tmp_path):
    path, depth = tmp_path / "deep.jsonl", 900
    path.write_text('{"text": "a", "more": ' + "[" * depth + '{"x": "needle", "n": 7}' + "]" * depth + "}\n")
    rows = open_rows([DataSource(path=str(path))])
    assert [list(rows.holding(text)) for text in ("Needle", "7", "absent")] == [[1], [1], []]
