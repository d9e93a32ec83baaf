import errno
import json
import threading
from datetime import date

import pytest

from engine.data.dataset import open_rows
from engine.data.store import Columns, cache_size, clear_cache, rows_cache
from engine.job.errors import StoppedError
from engine.job.sections import DataSource, RowsSection
from engine.models import encoding
from engine.models.encoded import Encoded, EncodedPair, Refused
from engine.models.encoder import Encoder
from engine.models.encoding import encoded_table, entry_key, tokenizer_mark
from engine.models.template import encode_rows, open_template
from tests.models.tiny_models import tiny_tokenizer

LONG = "the quick brown fox says hello " * 30
ROWS = {
    "conversation": [
        {"messages": [{"role": "user", "content": f"dog {n}? <|end|>"}, {"role": "assistant", "content": f"fox {n}"}]}
        for n in range(5)
    ]
    + [{"prompt": LONG, "completion": "hello"}],
    "text divided": [{"text": "hello"}, {"text": LONG}, {"text": "the dog"}],
    "pair": [{"prompt": f"dog {n}?", "chosen": "fox " * n, "rejected": LONG} for n in range(1, 5)],
    "feedback": [{"prompt": f"dog {n}?", "completion": "fox says", "label": n % 2 == 0} for n in range(5)],
    "refused": [{"prompt": "dog?", "chosen": "fox", "rejected": LONG}, {"prompt": "dog?", "chosen": "a", "rejected": "b"}],
}  # fmt: skip
KINDS = {
    "text divided": Encoded,
    "pair": EncodedPair,
    "refused": Refused,
    "feedback": Encoded,
    "conversation": Encoded,
}


@pytest.fixture(autouse=True)
def all_kept(monkeypatch):
    """The tokens of every file are kept, however small."""
    monkeypatch.setattr(encoding, "IN_MEMORY_BYTES", -1)


def opened(folder, rows, **source):
    folder.mkdir(exist_ok=True)
    kinds = {"messages": "a", "prompt": "b", "text": "c"}
    by_kind = {}
    for row in rows:
        by_kind.setdefault(kinds[next(iter(row))], []).append(row)
    paths = []
    for kind, some in by_kind.items():
        paths.append(folder / f"{kind}.jsonl")
        paths[-1].write_text("".join(json.dumps(row) + "\n" for row in some))
    return open_rows([DataSource(path=str(path), **source) for path in paths])


def table_of(found, tokenizer=None, heard=None, **section):
    tokenizer = tokenizer or tiny_tokenizer()
    section = RowsSection(**{"max_tokens": 40, **section})
    rows = found.rows.unique()
    template = open_template(tokenizer, section.template)
    return encoded_table(rows, rows.mark, found.bytes, tokenizer, template, section, heard)


def key_for(found, tokenizer=None, **section):
    tokenizer, section = tokenizer or tiny_tokenizer(), RowsSection(**section)
    return entry_key(found.rows.unique().mark, tokenizer, open_template(tokenizer, section.template), section)


def entries():
    return sorted(folder.name for folder in rows_cache().iterdir())


def no_tokens(monkeypatch):
    monkeypatch.setattr(Encoder, "encode", lambda *_: pytest.fail("tokenised again"))


@pytest.mark.parametrize("kind", ROWS)
def test_kept_tokens_are_those_made_anew(tmp_path, monkeypatch, kind):
    found, tokenizer = opened(tmp_path / "data", ROWS[kind]), tiny_tokenizer()
    too_long = "drop" if kind == "refused" else "cut"
    template = open_template(tokenizer)
    plain = list(encode_rows(found.rows, tokenizer, template, "answers", 40, too_long))
    assert any(isinstance(one, KINDS[kind]) for one in plain)
    for _ in ("written", "opened again"):
        table = table_of(found, tokenizer, too_long=too_long)
        assert list(table) == plain
        assert [one.lengths for one in table if isinstance(one, Refused)] == [
            one.lengths for one in plain if isinstance(one, Refused)
        ]
        no_tokens(monkeypatch)


def test_only_texts_that_are_too_long_are_divided_and_the_rest_is_whole(tmp_path):
    parts = [
        (one.number, one.part, one.parts) for one in table_of(opened(tmp_path / "d", ROWS["text divided"]))
    ]
    divided = [number for number, _, parts_of_it in parts if parts_of_it > 1]
    assert set(divided) == {2}
    assert [part for number, part, _ in parts if number == 2] == list(range(len(divided)))


def test_little_data_leaves_nothing_in_the_cache(tmp_path, monkeypatch):
    found = opened(tmp_path / "data", ROWS["pair"])
    monkeypatch.setattr(encoding, "IN_MEMORY_BYTES", found.bytes)
    assert len(table_of(found)) == 4
    assert cache_size() == 0


def test_whatever_changes_the_tokens_gives_another_entry(tmp_path):
    def anew(changed=""):
        return opened(
            tmp_path / "data", [{"prompt": f"dog {n}? {changed}", "completion": "fox"} for n in range(3)]
        )

    found, other = anew(), tiny_tokenizer()
    other.add_tokens(["lazydog"])
    special, shouting = tiny_tokenizer(), tiny_tokenizer()
    special.eos_token = "<|bos|>"
    shouting.chat_template = shouting.chat_template.replace("content']", "content'] | upper")
    keys = [
        key_for(found),
        key_for(found, other),
        key_for(found, special),
        key_for(found, shouting),
        key_for(found, train_on="last"),
        key_for(found, max_tokens=77),
        key_for(found, too_long="drop"),
        key_for(found, template="plain"),
        key_for(opened(tmp_path / "data", ROWS["pair"])),
        key_for(anew("changed")),
    ]
    assert len(set(keys)) == len(keys)
    assert key_for(anew()) == keys[0]


def test_what_is_read_of_a_file_tells_entries_apart(tmp_path):
    rows = [{"prompt": f"dog {n}?", "completion": f"fox {n}", "other": f"no {n}"} for n in range(8)]
    rows.append(rows[0])
    found = opened(tmp_path / "data", rows)
    path = str(tmp_path / "data" / "b.jsonl")
    sets = [
        found,
        opened(tmp_path / "data", rows, limit=4),
        opened(tmp_path / "data", rows, weight=0.5),
        opened(tmp_path / "data", rows, columns={"prompt": "prompt", "answer": "other"}),
        open_rows([DataSource(path=path)], section=RowsSection(duplicates="drop")),
    ]
    marks = [each.rows.unique().mark for each in sets]
    assert len(set(marks)) == len(marks)
    # Repeating rows makes them no others, and naming the columns that were found reads them no other way.
    for same in ({"weight": 2}, {"columns": {"prompt": "prompt", "answer": "completion"}}):
        assert opened(tmp_path / "data", rows, **same).rows.unique().mark == marks[0]


def test_what_a_tokenizer_was_told_to_cut_or_pad_is_no_matter():
    tokenizer = tiny_tokenizer()
    before = tokenizer_mark(tokenizer)
    tokenizer(["dog", "the lazy dog"], padding=True, truncation=True, max_length=2)
    assert tokenizer_mark(tokenizer) == before


def test_a_template_that_writes_the_date_is_asked_again_the_next_day(tmp_path, monkeypatch):
    class Tomorrow(date):
        @classmethod
        def today(cls):
            return date(2100, 1, 1)

    found, dated = opened(tmp_path / "data", ROWS["feedback"]), tiny_tokenizer()
    dated.chat_template = "{{ strftime_now('%d %b') }}" + dated.chat_template
    before = key_for(found, dated), key_for(found)
    monkeypatch.setattr(encoding, "date", Tomorrow)
    assert key_for(found, dated) != before[0]
    assert key_for(found) == before[1]


def test_tokens_that_another_version_made_are_not_taken(tmp_path, monkeypatch):
    found = opened(tmp_path / "data", ROWS["feedback"])
    before = key_for(found)
    encoding._code_mark.cache_clear()
    monkeypatch.setattr("engine.__version__", "0.0.0")
    assert key_for(found) != before
    encoding._code_mark.cache_clear()


def flipped(data: bytes) -> bytes:
    """One bit of a token in the middle of the file."""
    return data[: len(data) // 2] + bytes([data[len(data) // 2] ^ 1]) + data[len(data) // 2 + 1 :]


HARMS = {
    "a bit": flipped,
    "cut off": lambda data: data[:-20],
    "empty": lambda data: b"",
    "another document": lambda data: b"{}",
    "gone": None,
}


@pytest.mark.parametrize("file", ["table.arrow", "facts.json"])
@pytest.mark.parametrize("harm", HARMS.values(), ids=HARMS)
def test_a_damaged_entry_is_made_again(tmp_path, file, harm):
    found = opened(tmp_path / "data", ROWS["pair"])
    before = list(table_of(found))
    [entry] = rows_cache().iterdir()
    if harm is None:
        (entry / file).unlink()
    else:
        (entry / file).write_bytes(harm((entry / file).read_bytes()))
    made = []
    assert list(table_of(found, heard=made.append)) == before
    assert made == [4]
    assert list(table_of(found, heard=made.append)) == before
    assert made == [4]


def test_a_foreign_entry_is_not_taken(tmp_path):
    found = opened(tmp_path / "data", ROWS["pair"])
    before = list(table_of(found))
    [entry] = rows_cache().iterdir()
    table_of(opened(tmp_path / "other", ROWS["feedback"]))
    [other] = (folder for folder in rows_cache().iterdir() if folder != entry)
    for file in ("table.arrow", "facts.json"):
        (entry / file).write_bytes((other / file).read_bytes())
    assert list(table_of(found)) == before


def test_kept_tokens_stay_within_the_bound_of_the_row_cache(tmp_path, monkeypatch):
    monkeypatch.setattr("engine.data.store.trim_cache.__defaults__", (1,))
    for number in range(3):
        rows = [{"prompt": f"dog {number}?", "completion": "fox"}]
        assert len(table_of(opened(tmp_path / str(number), rows))) == 1
        assert len(entries()) == 1  # the newest always stays


def test_a_full_disk_keeps_nobody_from_training(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    found = opened(tmp_path / "data", ROWS["pair"])
    monkeypatch.setattr(Columns, "write_batch", full)
    assert [one.number for one in table_of(found)] == [1, 2, 3, 4]
    assert entries() == []


def test_a_cache_that_is_cleared_meanwhile_is_done_without(tmp_path, monkeypatch):
    found = opened(tmp_path / "data", ROWS["pair"])
    finish = Columns.finish

    def cleared(out, facts):
        finish(out, facts)
        clear_cache()

    monkeypatch.setattr(Columns, "finish", cleared)
    assert [one.number for one in table_of(found)] == [1, 2, 3, 4]


def test_work_that_is_stopped_leaves_nothing_behind(tmp_path):
    def stop(rows):
        raise StoppedError("Cancelled.")

    with pytest.raises(StoppedError):
        table_of(opened(tmp_path / "data", ROWS["pair"]), heard=stop)
    assert entries() == []


def test_what_is_done_is_told_while_it_is_done(tmp_path, monkeypatch):
    monkeypatch.setattr(encoding, "_BATCH", 2)
    told = []
    table_of(opened(tmp_path / "data", ROWS["feedback"]), heard=told.append)
    assert told == [2, 4, 5]


def test_several_at_once_get_the_same(tmp_path):
    found = opened(tmp_path / "data", ROWS["pair"] * 20)
    results, faults = [], []

    def work():
        try:
            results.append(list(table_of(found)))
        except Exception as error:  # noqa: BLE001 - whatever it is, it must fail the test
            faults.append(error)

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert faults == []
    assert results == [results[0]] * 4
    assert len(entries()) == 1
