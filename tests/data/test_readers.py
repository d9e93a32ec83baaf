import contextlib
import gzip
import io
import json
from datetime import date
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from engine.data import files, json_rows
from engine.data.readers import READERS, read_records
from engine.data.reading import Fault, Reading
from engine.job.errors import DataError
from tests.data.writing import ENCODINGS, PACKINGS, packed

ROW = {"instruction": "Grüße", "response": "Hallo 🌤️"}
LINE = json.dumps(ROW, ensure_ascii=False)


def read(path):
    return [record for _, record in read_records(path)]


def refusal(path, data=None):
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(DataError) as caught:
        read(path)
    assert caught.value.advice
    return str(caught.value)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_byte_order_marks_utf_16_and_line_ends_are_accepted(tmp_path, encoding, ending):
    jsonl, csv, document = tmp_path / "a.jsonl", tmp_path / "a.csv", tmp_path / "a.json"
    jsonl.write_bytes((LINE + ending + LINE + ending).encode(encoding))
    csv.write_bytes(f"instruction,response{ending}Grüße,Hallo 🌤️{ending}".encode(encoding))
    document.write_bytes(f"[{ending}{LINE}{ending}]".encode(encoding))
    assert read(jsonl) == [ROW, ROW]
    assert read(csv) == [ROW]
    assert read(document) == [ROW]


def test_utf_16_in_big_endian_is_accepted(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"\xfe\xff" + LINE.encode("utf-16-be"))
    assert read(path) == [ROW]


def test_lines_are_counted_with_the_blank_ones(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text(f"\n{LINE}\n\n  \n{LINE}")
    assert [line for line, _ in read_records(path)] == [2, 5]


def test_an_object_that_holds_one_list_is_read(tmp_path):
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"version": 2, "tags": ["x"], "data": [ROW]}))
    assert read(path) == [ROW]


def test_an_object_that_holds_several_lists_asks_which(tmp_path):
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"train": [ROW], "test": [ROW, ROW]}))
    assert "holds the lists 'train', 'test'" in refusal(path)
    assert len(list(read_records(path, Reading(split="test")))) == 2


def test_a_json_file_with_one_object_a_line_is_read(tmp_path):
    path = tmp_path / "a.json"
    path.write_text(f"{LINE}\n{LINE}\n")
    assert read(path) == [ROW, ROW]


def test_a_long_file_with_one_object_a_line_is_not_read_whole(tmp_path, monkeypatch):
    class Pieces(io.StringIO):
        def read(self, size=-1):
            assert size > 0
            return super().read(size)

    path = tmp_path / "a.json"
    path.write_text(f"{LINE}\n" * 3)
    monkeypatch.setattr(json_rows, "open_text", lambda path: contextlib.nullcontext(Pieces(path.read_text())))
    assert read(path) == [ROW] * 3


@pytest.mark.parametrize("row", [{"messages": [{"role": "user", "content": "Q"}]}, ROW])
def test_a_json_file_with_a_single_row_is_read(tmp_path, row):
    path = tmp_path / "a.json"
    path.write_text(json.dumps(row, indent=2))
    assert read(path) == [row]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_the_separator_is_taken_from_the_header(tmp_path, separator):
    path = tmp_path / "a.csv"
    path.write_text(f'instruction{separator}response\n"a{separator}b"{separator}"line 1\nline 2"\n')
    assert read(path) == [{"instruction": f"a{separator}b", "response": "line 1\nline 2"}]


def test_csv_values_stay_the_text_they_are(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("question,answer\nnull,NA\n1.0,007\n,\n")
    assert read(path) == [
        {"question": "null", "answer": "NA"},
        {"question": "1.0", "answer": "007"},
        {"question": "", "answer": ""},
    ]


def test_paragraphs_of_a_text_are_rows_and_without_blank_lines_its_lines(tmp_path):
    prose, lines = tmp_path / "a.txt", tmp_path / "b.txt"
    prose.write_text("One\ntwo.\n\n\nThree.\n")
    lines.write_text("One\ntwo.\nThree.\n")
    assert list(read_records(prose)) == [(1, {"text": "One\ntwo."}), (5, {"text": "Three."})]
    assert read(lines) == [{"text": "One"}, {"text": "two."}, {"text": "Three."}]


def test_a_file_is_read_as_what_it_is_whatever_its_name_says(tmp_path):
    path = tmp_path / "a.jsonl"
    parquet.write_table(pa.Table.from_pylist([ROW]), path)
    assert read(path) == [ROW]


# What is wrong with a file ----------------------------------------------------------------------------


def test_a_malformed_line_is_named_with_its_column_and_its_text_shortened(tmp_path):
    bad = '{"instruction": "a", "response": "' + "x" * 300
    words = refusal(tmp_path / "a.jsonl", f"{LINE}\n\n{bad}\n".encode())
    assert "Line 3 of 'a.jsonl' is not valid JSON at column 34" in words
    assert "…" in words
    assert len(words) < 250


@pytest.mark.parametrize("packing", PACKINGS)
@pytest.mark.parametrize("encoding", ["utf-8", *ENCODINGS])
def test_a_malformed_line_is_named_however_the_file_is_packed_and_encoded(tmp_path, packing, encoding):
    mark = b"\xfe\xff" if encoding == "utf-16-be" else b""
    data = mark + f"{LINE}\r\n{{broken}}\r\n".encode(encoding)
    words = refusal(tmp_path / f"a.jsonl{packing}", packed(data, packing))
    assert f"Line 2 of 'a.jsonl{packing}' is not valid JSON at column 2" in words
    assert "{broken}" in words


def test_a_malformed_document_is_named_with_line_and_column(tmp_path):
    words = refusal(tmp_path / "a.json", b'[\n{"a": "b"},\n{"a" "b"}\n]')
    assert "Line 3 of 'a.json' is not valid JSON at column 6" in words
    assert '{"a" "b"}' in words


def test_a_broken_list_is_not_read_to_its_end(tmp_path):
    class Endless(io.StringIO):
        def read(self, size=-1):
            assert size > 0
            return "[" + LINE + ' {"a" 1}, ' + " " * 100

    reading = json_rows._read_list(Endless(), Endless().read(1), tmp_path / "a.json", Reading())
    with pytest.raises(DataError, match=r"Line 1 of 'a\.json' is not valid JSON at column"):
        list(reading)


def test_an_item_of_a_list_beyond_the_limit_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(json_rows, "LONGEST_LINE", 1_000_000)
    long = json.dumps([ROW, {"a": "x" * 1_000_001}, ROW])
    assert "Row 2 of 'a.json' is longer than 1 MB." in refusal(tmp_path / "a.json", long.encode())
    found = list(read_records(tmp_path / "a.json", Reading(skips=True)))
    assert [isinstance(record, Fault) for _, record in found] == [False, True, False]
    assert "Row 2 of 'a.json' is longer" in refusal(tmp_path / "a.json", b'[{}, {"a": "' + b"x" * 5_000_000)


@pytest.mark.parametrize("data", [b"\n \n", b" "])
def test_a_blank_document_has_no_examples(tmp_path, data):
    assert "There are no examples in 'a.json'" in refusal(tmp_path / "a.json", data)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
def test_a_number_that_is_none_is_named_in_a_document_too(tmp_path, number):
    listed = f'[{LINE},\n{{"a": {number}}},\n{LINE}]'
    assert f"Row 2 of 'a.json' cannot be used: {number} is not" in refusal(
        tmp_path / "a.json", listed.encode()
    )
    found = list(read_records(tmp_path / "a.json", Reading(skips=True)))
    assert [isinstance(record, Fault) for _, record in found] == [False, True, False]
    held = f'{{"rows": [{LINE},\n{{"NaN": "NaN", "a": {number}}}]}}'
    words = refusal(tmp_path / "a.json", held.encode())
    assert "Line 2 of 'a.json' is not valid JSON at column 21" in words


@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.csv", "a.txt", "a.parquet"])
def test_an_empty_file_has_no_examples(tmp_path, name):
    assert f"There are no examples in '{name}'" in refusal(tmp_path / name, b"")


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
def test_a_number_that_is_none_is_refused_with_its_line(tmp_path, number):
    words = refusal(tmp_path / "a.jsonl", f'{LINE}\n{{"a": {number}}}\n'.encode())
    assert f"Line 2 of 'a.jsonl' cannot be used: {number} is not a number" in words


def test_a_ragged_row_is_named(tmp_path):
    words = refusal(tmp_path / "a.csv", b"question,answer\na,b\nc,d,e\n")
    assert "Line 3 of 'a.csv' has 3 values where the header names 2 columns." in words


def test_columns_of_the_same_name_are_refused(tmp_path):
    words = refusal(tmp_path / "a.csv", b"question,answer,answer\na,b,c\n")
    assert "'a.csv' has two columns named 'answer'." in words


def test_an_open_quotation_mark_is_refused(tmp_path):
    assert "is damaged" in refusal(tmp_path / "a.csv", b'question,answer\na,"b\n')


@pytest.mark.parametrize(
    ("value", "kind"), [("[1]", "a list"), ('"x"', "a text"), ("3", "a number"), ("null", "null")]
)
def test_a_line_that_is_no_object_is_refused(tmp_path, value, kind):
    words = refusal(tmp_path / "a.jsonl", f"{LINE}\n{value}\n".encode())
    assert f"Line 2 of 'a.jsonl' is {kind}, not an object." in words


def test_another_encoding_is_named_with_line_and_guess(tmp_path):
    words = refusal(tmp_path / "a.jsonl", f"{{}}\n{LINE}\n".replace("🌤️", "").encode("latin-1"))
    assert "Line 2 of 'a.jsonl' is not valid UTF-8; the file looks like Windows-1252" in words


def test_utf_16_without_a_mark_is_guessed(tmp_path):
    assert "looks like UTF-16" in refusal(tmp_path / "a.jsonl", LINE.encode("utf-16-le"))


def test_a_line_beyond_the_limit_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "LONGEST_LINE", 1_000_000)
    words = refusal(tmp_path / "a.jsonl", LINE.encode() + b"\n" + b'{"a": "' + b"x" * 1_000_001)
    assert "Line 2 of 'a.jsonl' is longer than 1 MB." in words


def test_a_line_of_a_table_beyond_the_limit_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "LONGEST_LINE", 1_000_000)
    words = refusal(tmp_path / "a.csv", b"question,answer\na,b\na," + b"x" * 1_000_001)
    assert "Line 3 of 'a.csv' is longer than 1 MB." in words


def test_a_mark_that_lies_is_told(tmp_path):
    words = refusal(tmp_path / "a.jsonl", LINE.encode("utf-16")[:-1])
    assert "'a.jsonl' is not valid UTF-16, though it begins like it." in words


def test_deep_nesting_ends_in_a_sentence(tmp_path):
    assert "Line 1 of 'a.jsonl'" in refusal(tmp_path / "a.jsonl", b"[" * 200_000)


def test_a_truncated_parquet_file_is_named(tmp_path):
    path = tmp_path / "a.parquet"
    parquet.write_table(pa.Table.from_pylist([ROW] * 100), path)
    words = refusal(path, path.read_bytes()[:-40])
    assert "'a.parquet' cannot be read as Parquet" in words
    assert "download it again" in words


def test_columns_of_the_same_name_are_refused_in_arrow_files_too(tmp_path):
    path, table = tmp_path / "a.arrow", pa.table([["a"], ["b"]], names=["answer", "answer"])
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table)
    assert "'a.arrow' has two columns named 'answer'." in refusal(path)


def test_a_stream_of_arrow_batches_is_read(tmp_path):
    path, table = tmp_path / "a.arrow", pa.Table.from_pylist([ROW] * 3)
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, table.schema) as writer:
        writer.write_table(table)
    assert read(path) == [ROW] * 3


def test_a_text_column_of_a_table_that_holds_no_text_is_told(tmp_path):
    path = tmp_path / "a.parquet"
    offsets, data = np.array([0, 2], dtype=np.int32), b"\xff\xfe"
    broken = pa.StringArray.from_buffers(1, pa.py_buffer(offsets), pa.py_buffer(data))
    parquet.write_table(pa.table([broken], names=["text"]), path)
    assert "'a.parquet' cannot be read as Parquet" in refusal(path)


def test_values_of_tables_are_plain_ones(tmp_path):
    path = tmp_path / "a.parquet"
    columns = {
        "bytes": pa.array([b"spelled"]),
        "picture": pa.array([b"\xff\xd8"]),
        "far away": pa.array([2**62], pa.timestamp("ms")),
        "day": pa.array([date(2026, 1, 2)]),
        "price": pa.array([Decimal("1.50")]),
        "pairs": pa.array([[("a", 1)]], pa.map_(pa.string(), pa.int64())),
        "nested": pa.array([[{"at": date(2026, 1, 2), "raw": b"x"}]]),
        "word": pa.array(["often"]).dictionary_encode(),
        "half": pa.array([0.5], pa.float16()),
    }
    parquet.write_table(pa.table(columns), path)
    [row] = read(path)
    assert str(2**62) in row.pop("far away")
    assert row == {
        "bytes": "spelled",
        "picture": {"bytes": 2},
        "day": "2026-01-02",
        "price": "1.50",
        "pairs": [["a", 1]],
        "nested": [{"at": "2026-01-02", "raw": "x"}],
        "word": "often",
        "half": 0.5,
    }
    json.dumps(row)


def test_a_parquet_name_on_something_else_is_told(tmp_path):
    assert "'a.parquet' is not a Parquet file" in refusal(tmp_path / "a.parquet", LINE.encode())


def test_a_cut_gzip_file_is_told(tmp_path):
    words = refusal(tmp_path / "a.jsonl.gz", gzip.compress(LINE.encode() * 100)[:-12])
    assert "'a.jsonl.gz' is damaged and cannot be unpacked" in words


@pytest.mark.parametrize(("data", "kind"), [(b"PK\x03\x04rest", ".zip"), (b"%PDF-1.7", ".pdf")])
def test_a_file_of_another_kind_is_refused_by_what_it_is(tmp_path, data, kind):
    assert f"'a.jsonl' is a {kind} file" in refusal(tmp_path / "a.jsonl", data)


def test_an_unknown_name_lists_what_can_be_read(tmp_path):
    words = refusal(tmp_path / "a.docx", b"text")
    assert all(suffix in words for suffix in READERS)


def test_a_missing_file_is_named(tmp_path):
    assert f"The data file {tmp_path / 'a.jsonl'} does not exist." in refusal(tmp_path / "a.jsonl")


def test_a_file_without_permission_is_named(tmp_path, monkeypatch):
    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    words = refusal(tmp_path / "a.jsonl")
    assert f"The data file {tmp_path / 'a.jsonl'} cannot be read: Permission denied." in words


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=200), suffix=st.sampled_from(sorted(READERS)), cut=st.integers(0, 400))
def test_any_bytes_give_rows_or_a_sentence(tmp_path, data, suffix, cut):
    path = tmp_path / f"fuzz{suffix}"
    honest = (LINE + "\n").encode() * 3
    path.write_bytes(honest[:cut] + data)
    with contextlib.suppress(DataError):  # any other error fails the test
        assert all(isinstance(record, dict) for record in read(path))
