import gzip
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from engine.data import packing, scan, store, table
from engine.data.dataset import open_rows, split
from engine.data.reading import Fault
from engine.data.store import (
    Columns,
    RecordStore,
    StoredColumns,
    StoredRecords,
    cache_size,
    clear_cache,
    rows_cache,
    trim_cache,
)
from engine.job.errors import DataError
from engine.job.sections import DataSource, RowsSection
from tests.data.every_shape import SHAPES
from tests.data.test_skipping import broken
from tests.data.writing import write


@pytest.fixture
def all_stored(monkeypatch):
    """Every file goes through the row cache, however small."""
    monkeypatch.setattr(table, "IN_MEMORY_BYTES", -1)
    monkeypatch.setattr(scan, "IN_MEMORY_BYTES", -1)


def jsonl(path, count):
    rows = [{"prompt": f"q{n % 40}", "completion": f"ä{n}"} for n in range(count)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return DataSource(path=str(path))


@pytest.mark.parametrize("name", SHAPES)
def test_stored_rows_are_those_kept_in_memory(tmp_path, name, monkeypatch):
    record, row = SHAPES[name]
    source = DataSource(path=str(write(tmp_path / "a.jsonl", [record, record])))
    plain = open_rows([source])
    monkeypatch.setattr(table, "IN_MEMORY_BYTES", -1)
    monkeypatch.setattr(scan, "IN_MEMORY_BYTES", -1)
    for _ in ("written", "opened again"):
        found = open_rows([source])
        assert isinstance(found.parts[0].table.entries, StoredRecords)
        assert found.rows == plain.rows
        assert found.rows[0] == row
        facts = ("evidence", "columns", "roles", "skipped", "duplicates", "hashes", "labels", "total")
        assert [getattr(found, fact) for fact in facts] == [getattr(plain, fact) for fact in facts]


def test_stored_rows_are_read_from_any_place_and_in_order(tmp_path, all_stored):
    found = open_rows([jsonl(tmp_path / "a.jsonl", 3000)])
    assert [found.record(number)["completion"] for number in (1, 1024, 1025, 3000, 7)] == [
        "ä0", "ä1023", "ä1024", "ä2999", "ä6",
    ]  # fmt: skip
    assert [line for line, _ in found.parts[0].table.entries] == list(range(1, 3001))
    assert [row.number for row in found.rows[1020:1030]] == list(range(1021, 1031))
    assert [entry[0] for entry in found.parts[0].table.entries[-2:]] == [2999, 3000]
    with pytest.raises(IndexError):
        found.parts[0].table.entries[3000]


def test_long_rows_are_stored_in_smaller_batches(monkeypatch):
    monkeypatch.setattr(store, "_BATCH_BYTES", 1000)
    rows = [(n, {"text": str(n) * (n % 7) * 100}) for n in range(1, 60)]
    stored = RecordStore("long").filled(iter(rows))
    assert list(stored) == [stored[n] for n in range(59)] == rows
    assert stored[-1] == rows[-1]
    sizes = [sum(map(len, batch.column(1).to_pylist())) for batch in stored._stored.batches()]
    assert len(sizes) > 10
    assert max(sizes) < 1000 + 1000


def test_the_split_of_stored_rows_is_that_of_rows_in_memory(tmp_path, monkeypatch):
    source = jsonl(tmp_path / "a.jsonl", 500)
    plain = [[row.number for row in part] for part in split(open_rows([source]).rows, 0.2, 3)]
    monkeypatch.setattr(table, "IN_MEMORY_BYTES", -1)
    assert [[row.number for row in part] for part in split(open_rows([source]).rows, 0.2, 3)] == plain
    listed = [[row.number for row in part] for part in split(list(open_rows([source]).rows), 0.2, 3)]
    assert listed == plain


def test_a_second_opening_reads_no_file(tmp_path, all_stored, monkeypatch):
    source = jsonl(tmp_path / "a.jsonl", 50)
    first = open_rows([source])
    monkeypatch.setattr(table, "read_records", lambda *_: pytest.fail("read again"))
    monkeypatch.setattr(scan, "_looked", lambda *_: pytest.fail("looked through again"))
    assert open_rows([source]).rows == first.rows


def test_a_changed_file_is_read_again(tmp_path, all_stored):
    source = jsonl(tmp_path / "a.jsonl", 50)
    open_rows([source])
    jsonl(tmp_path / "a.jsonl", 60)
    assert open_rows([source]).total == 60


def test_faults_are_stored_with_their_words(tmp_path, all_stored):
    for _ in ("written", "opened again"):
        found = open_rows([DataSource(path=str(broken(tmp_path)))], section=RowsSection(malformed="skip"))
        assert found.skipped == {"malformed line": [2, 3, 7, 8], "missing or wrong field": [5, 6]}
        assert "column 31" in found.detail(2)


def test_a_reading_that_fails_leaves_nothing_behind(tmp_path, all_stored):
    with pytest.raises(DataError):
        open_rows([DataSource(path=str(broken(tmp_path)))])
    assert list(rows_cache().iterdir()) == []


def test_a_damaged_entry_is_made_again(tmp_path, all_stored):
    source = jsonl(tmp_path / "a.jsonl", 50)
    open_rows([source])
    for part in rows_cache().rglob("table.arrow"):
        part.write_bytes(b"damaged")
    assert open_rows([source]).total == 50


def test_the_cache_is_bounded_by_what_was_longest_unused():
    for age, key in ((300, "old"), (200, "middle"), (100, "new")):
        RecordStore(key).filled(iter([(n, {"text": os.urandom(40).hex()}) for n in range(100)]))
        os.utime(rows_cache() / key, (1_000_000 - age, 1_000_000 - age))
    one = cache_size() // 3
    trim_cache(2 * one + 500)  # random bytes pack to sizes of their own
    assert sorted(folder.name for folder in rows_cache().iterdir()) == ["middle", "new"]
    trim_cache(0)
    assert [folder.name for folder in rows_cache().iterdir()] == ["new"]
    clear_cache()
    assert cache_size() == 0


def test_one_changed_bit_is_found(tmp_path, all_stored):
    source = jsonl(tmp_path / "a.jsonl", 50)
    rows = list(open_rows([source]).rows)
    for part in rows_cache().rglob("table.arrow"):
        data = bytearray(part.read_bytes())
        data[len(data) // 2] ^= 1
        part.write_bytes(data)
    assert list(open_rows([source]).rows) == rows


# Several processes at once ----------------------------------------------------------------------------


def writing_of(key, *numbers):
    out = Columns(key, {"n": "int32"})
    out.write({"n": numbers})
    return out


def numbers_in(stored):
    return [n for batch in stored.batches() for n in batch.column(0).to_pylist()]


def test_an_entry_that_is_read_stays_when_another_process_finishes_the_same():
    first, second = writing_of("same", 1, 2), writing_of("same", 1, 2)
    first.finish({})
    opened = StoredColumns.opened("same")
    before = (rows_cache() / "same" / "table.arrow").stat().st_ino
    second.finish({})
    assert numbers_in(opened) == numbers_in(StoredColumns.opened("same")) == [1, 2]
    assert (rows_cache() / "same" / "table.arrow").stat().st_ino == before
    assert [folder.name for folder in rows_cache().iterdir()] == ["same"]


@pytest.mark.parametrize("lost", ["table.arrow", "facts.json"])
def test_an_entry_that_is_not_whole_is_replaced(lost):
    writing_of("same", 1).finish({})
    out = writing_of("same", 1)
    (rows_cache() / "same" / lost).unlink()
    out.finish({})
    assert numbers_in(StoredColumns.opened("same")) == [1]


def test_what_is_being_written_is_neither_trimmed_nor_cleared():
    out = writing_of("slow", 1, 2, 3)
    [part] = rows_cache().iterdir()
    os.utime(part, (1_000_000, 1_000_000))  # begun long ago; its table has just changed
    writing_of("newer", 1).finish({})
    trim_cache(0)
    clear_cache()
    out.finish({})
    assert numbers_in(StoredColumns.opened("slow")) == [1, 2, 3]


def test_what_cannot_be_finished_leaves_nothing(monkeypatch):
    out = writing_of("full", 1)
    monkeypatch.setattr(Path, "write_text", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        out.finish({})
    out.abandon()
    assert list(rows_cache().iterdir()) == []


def test_what_a_crash_left_half_written_goes_with_the_next_trim():
    writing_of("crashed", 1)
    [part] = rows_cache().iterdir()
    for left in (part / "table.arrow", part):
        os.utime(left, (1_000_000, 1_000_000))
    writing_of("newer", 1).finish({})
    trim_cache(0)
    assert [folder.name for folder in rows_cache().iterdir()] == ["newer"]


def test_a_table_is_read_on_after_its_memory_was_given_back_and_its_entry_removed():
    writing_of("mapped", *range(1000)).finish({})
    stored = StoredColumns.opened("mapped")
    batch = stored.batch(0)
    stored.let_go()
    clear_cache()
    assert batch.column(0).to_pylist() == numbers_in(stored) == list(range(1000))


_WORK = """
import sys
from pathlib import Path
from engine.data.store import Columns, StoredColumns
for turn in range(40):
    key = f"shared{turn % 5}"
    if StoredColumns.opened(key) is None:
        out = Columns(key, {"n": "int32"})
        for start in range(0, 3000, 1000):
            out.write({"n": range(start, start + 1000)})
        out.finish({"turn": turn % 5})
    stored = StoredColumns.opened(key)
    found = [n for batch in stored.batches() for n in batch.column(0).to_pylist()]
    assert found == list(range(3000)) and stored.facts == {"turn": turn % 5}
"""


def test_processes_that_write_and_read_the_same_entries_do_not_harm_each_other():
    root = Path(store.__file__).resolve().parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    workers = [
        subprocess.Popen([sys.executable, "-c", _WORK], env=environment, stderr=subprocess.PIPE)
        for _ in range(3)
    ]
    assert [(worker.communicate()[1], worker.returncode) for worker in workers] == [(b"", 0)] * 3
    assert sorted(folder.name for folder in rows_cache().iterdir()) == [f"shared{n}" for n in range(5)]


def test_lone_surrogates_and_numbers_that_are_none_survive_the_store():
    odd = {"text": "a\ud800b", "weight": 1.5, "nested": [{"x": None}]}
    stored = RecordStore("odd").filled(iter([(1, odd), (2, Fault("why", "text"))]))
    assert list(stored) == [(1, odd), (2, Fault("why", "text"))]


# Archives that would never end ------------------------------------------------------------------------


def test_a_gzip_bomb_is_refused_by_what_it_claims(tmp_path, monkeypatch):
    monkeypatch.setattr(packing, "SMALL_ENOUGH", 1_000_000)
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(b" " * 5_000_000))
    with pytest.raises(DataError, match=r"claims to hold 5\.0 MB"):
        open_rows([DataSource(path=str(path))])


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
def test_an_archive_that_unpacks_without_end_is_stopped(tmp_path, monkeypatch, suffix):
    import pyarrow

    monkeypatch.setattr(packing, "SMALL_ENOUGH", 1_000_000)
    monkeypatch.setattr(packing, "refuse_bomb", lambda *_: None)
    monkeypatch.setattr("engine.data.files.refuse_bomb", lambda *_: None)
    path, spaces = tmp_path / f"a.jsonl{suffix}", b"\n" * 5_000_000
    path.write_bytes(
        gzip.compress(spaces) if suffix == ".gz" else pyarrow.compress(spaces, "zstd", asbytes=True)
    )
    with pytest.raises(DataError, match=r"unpacks to more than 1\.\d MB"):
        open_rows([DataSource(path=str(path))])


def test_a_zip_archive_is_refused_with_what_it_claims(tmp_path):
    path = tmp_path / "a.jsonl.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("rows.jsonl", b" " * 3_000_000)
    with pytest.raises(DataError, match=r"is a \.zip file \(it claims to hold 3\.0 MB\)"):
        open_rows([DataSource(path=str(path))])
