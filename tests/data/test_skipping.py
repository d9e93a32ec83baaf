import json

import pytest

from engine.data.dataset import DUPLICATE, open_rows
from engine.data.reading import SKIPPING
from engine.data.skipped import SKIPPED_FILE, write_skipped
from engine.job.errors import DataError
from engine.job.sections import DataSource, RowsSection

SKIP = RowsSection(malformed="skip")
GOOD = '{"prompt": "q%d", "completion": "a"}'


def opened(path, **rows):
    return open_rows([DataSource(path=str(path))], section=RowsSection(**rows))


def broken(tmp_path):
    path = tmp_path / "a.jsonl"
    lines = [
        (GOOD % 1).encode(),
        b'{"prompt": "q", "completion": ',
        b"[1, 2]",
        (GOOD % 4).encode(),
        b'{"prompt": "q"}',
        b'{"prompt": "q", "completion": 7}',
        b'{"prompt": "q", "completion": NaN}',
        '{"prompt": "Grüße", "completion": "a"}'.encode("latin-1"),
        (GOOD % 9).encode(),
    ]
    path.write_bytes(b"\n".join(lines))
    return path


def test_a_bad_line_stops_by_default(tmp_path):
    with pytest.raises(DataError, match=r"Line 2 of 'a\.jsonl' is not valid JSON at column 31"):
        opened(broken(tmp_path))


def test_bad_lines_are_skipped_on_request_and_counted_with_their_numbers(tmp_path):
    found = opened(broken(tmp_path), malformed="skip")
    assert [row.number for row in found.rows] == [1, 4, 9]
    assert found.skipped == {"malformed line": [2, 3, 7, 8], "missing or wrong field": [5, 6]}
    assert found.total == 9
    assert "Line 8 of 'a.jsonl' is not valid UTF-8" in found.detail(8)
    assert "has no 'completion'" in found.detail(5)
    assert found.record(2) == {}
    assert found.place(8)[1] == 8


def test_skipped_rows_are_written_with_place_and_reason(tmp_path):
    found = opened(broken(tmp_path), malformed="skip")
    assert write_skipped(tmp_path, found.skipped_rows()) == 6
    lines = [json.loads(line) for line in (tmp_path / SKIPPED_FILE).read_text("utf-8").splitlines()]
    assert {line["number"] for line in lines} == {2, 3, 5, 6, 7, 8}
    assert lines[0]["file"] == "a.jsonl"
    assert (lines[0]["line"], lines[0]["reason"]) == (2, "malformed line")
    assert "column 31" in lines[0]["detail"]


def test_half_a_character_in_a_fault_does_not_spoil_the_list(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text(
        GOOD % 1 + '\n{"prompt": "a", "compl\\ud83d": "b"}\n{"prompt": "\\ud83d", "completion": "b"}\n'
    )
    found = opened(path, malformed="skip")
    assert write_skipped(tmp_path, found.skipped_rows()) == 2
    first, second = map(json.loads, (tmp_path / SKIPPED_FILE).read_text("utf-8").splitlines())
    assert "it has 'prompt', 'compl\ud83d'" in first["detail"]
    assert "'prompt' holds half of a character" in second["detail"]


def test_without_a_skipped_row_there_is_no_list(tmp_path):
    (tmp_path / SKIPPED_FILE).write_text("of an earlier attempt")
    assert write_skipped(tmp_path, []) == 0
    assert not (tmp_path / SKIPPED_FILE).exists()


def test_a_ragged_row_and_an_item_that_is_no_object_are_skipped_too(tmp_path):
    table, document = tmp_path / "a.csv", tmp_path / "a.json"
    table.write_text("prompt,completion\na,b\nc,d,e\nf,g\n")
    document.write_text('[{"prompt": "a", "completion": "b"}, 3, {"prompt": "c", "completion": "d"}]')
    assert opened(table, malformed="skip").skipped == {"malformed line": [2]}
    assert opened(document, malformed="skip").skipped == {"malformed line": [2]}


def test_a_file_of_nothing_but_bad_lines_tells_the_first(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text("{\n{\n")
    with pytest.raises(DataError, match=r"no examples in 'a\.jsonl': Line 1"):
        opened(path, malformed="skip")


def test_rows_with_one_side_are_skipped_by_themselves(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text(
        '{"prompt": "a", "chosen": "b", "rejected": "c"}\n{"prompt": "a", "chosen": "b", "rejected": ""}\n'
    )
    assert opened(path).skipped == {"only one of the two answers": [2]}


def test_equal_rows_are_counted_and_the_first_is_kept_on_request(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text("".join(GOOD % n + "\n" for n in (1, 2, 1, 3, 2, 1)))
    kept, dropped = opened(path), opened(path, duplicates="drop")
    assert (kept.duplicates, dropped.duplicates) == (3, 3)
    assert kept.duplicate_rows == dropped.duplicate_rows == (3, 5, 6)
    assert [row.number for row in kept.rows] == [1, 2, 3, 4, 5, 6]
    assert [row.number for row in dropped.rows] == [1, 2, 4]
    assert dropped.skipped == {DUPLICATE: [3, 5, 6]}


def test_equal_rows_of_two_files_are_found(tmp_path):
    first, second = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    first.write_text(GOOD % 1 + "\n" + GOOD % 2)
    second.write_text(GOOD % 3 + "\n" + GOOD % 1)
    sources = [DataSource(path=str(first)), DataSource(path=str(second), weight=2.0)]
    found = open_rows(sources, section=RowsSection(duplicates="drop"))
    assert [row.number for row in found.rows] == [1, 2, 3, 3]


@pytest.mark.parametrize(
    "content",
    ['{"prompt": "a", "answer": "b"}\n{"prompt": \n', '{"prompt": "a", "answer": "b"}\n{"prompt": 1}\n'],
)
def test_an_error_that_skipping_mends_says_so(tmp_path, content):
    path = tmp_path / "a.jsonl"
    path.write_text(content)
    with pytest.raises(DataError) as caught:
        open_rows([DataSource(path=str(path))])
    assert caught.value.remedy == SKIPPING
    assert len(open_rows([DataSource(path=str(path))], section=RowsSection(malformed="skip")).rows) == 1
    with pytest.raises(DataError) as caught:
        open_rows([DataSource(path=str(tmp_path / "b.jsonl"))])
    assert caught.value.remedy == ""
