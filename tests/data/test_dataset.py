import hashlib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.data import scan, table
from engine.data.dataset import open_rows, split
from engine.data.rows import Conversation, Message, Text, prompt_key
from engine.job.errors import DataError
from engine.job.sections import DataSource


def written(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def write(path, count, prefix="q"):
    path.parent.mkdir(exist_ok=True, parents=True)
    rows = [{"prompt": f"{prefix}{i}", "completion": f"a{i}"} for i in range(count)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def asked(row):
    return row.messages[0].content


def source(path, **values):
    return DataSource(path=str(path), **values)


def test_several_files_are_one_set_with_rows_counted_over_all(tmp_path):
    first, second = write(tmp_path / "a.jsonl", 3), write(tmp_path / "b.jsonl", 2, "r")
    found = open_rows([source(first), source(second)])
    assert [row.number for row in found.rows] == [1, 2, 3, 4, 5]
    assert found.record(4) == {"prompt": "r0", "completion": "a0"}
    assert found.total == 5
    assert found.bytes == first.stat().st_size + second.stat().st_size
    assert found.evidence == "All 5 rows have a prompt and a completion."
    with pytest.raises(IndexError):
        found.record(6)


def test_the_hash_of_each_file_is_its_sha_256(tmp_path):
    path = write(tmp_path / "a.jsonl", 3)
    assert open_rows([source(path)]).hashes == {str(path): hashlib.sha256(path.read_bytes()).hexdigest()}


def test_a_limit_takes_the_first_rows(tmp_path):
    found = open_rows([source(write(tmp_path / "a.jsonl", 9), limit=4)])
    assert [asked(row) for row in found.rows] == ["q0", "q1", "q2", "q3"]


@pytest.mark.parametrize(("weight", "times"), [(2.0, 20), (0.5, 5), (1.5, 15), (0.01, 1), (1.0, 10)])
def test_a_weight_repeats_or_thins_the_rows_of_its_file(tmp_path, weight, times):
    path = write(tmp_path / "a.jsonl", 10)
    rows = open_rows([source(path, weight=weight)]).rows
    assert len(rows) == times
    assert rows == open_rows([source(path, weight=weight)]).rows
    counts = [sum(row.number == number for row in rows) for number in range(1, 11)]
    assert max(counts) - min(counts) <= 1


def test_a_repeated_row_is_no_duplicate_but_an_equal_one_is(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"prompt": "a", "completion": "b"}\n' * 3 + '{"prompt": "a", "completion": "c"}\n')
    assert open_rows([source(path, weight=3.0)]).duplicates == 2


def test_data_of_another_kind_than_the_method_needs_is_refused(tmp_path):
    path = write(tmp_path / "replies.jsonl", 3)
    with pytest.raises(DataError) as caught:
        open_rows([source(path)], "preference", "DPO")
    assert "'replies.jsonl' has no chosen and rejected answers, which DPO needs" in caught.value.title
    assert "Choose instruction tuning" in caught.value.advice


def test_files_of_different_kinds_are_not_mixed(tmp_path):
    text = tmp_path / "b.txt"
    text.write_text("Once")
    with pytest.raises(DataError, match="different kinds of rows"):
        open_rows([source(write(tmp_path / "a.jsonl", 3)), source(text)])


def test_a_file_without_a_usable_row_tells_why(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"prompt": "a", "completion": ""}\n' * 3)
    with pytest.raises(DataError, match=r"No row of 'a.jsonl' can be used: empty answer \(3\)"):
        open_rows([source(path)])


@pytest.mark.parametrize("data", ["\n \n\n", "[]"])
def test_a_file_without_a_row_has_no_examples(tmp_path, data):
    path = tmp_path / ("a.json" if data == "[]" else "a.jsonl")
    path.write_text(data)
    with pytest.raises(DataError, match=r"no (examples|list of rows)"):
        open_rows([source(path)])


def test_a_header_alone_has_no_examples(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("question,answer\n")
    with pytest.raises(DataError, match=r"There are no examples in 'a\.csv'"):
        open_rows([source(path)])


# Folders ----------------------------------------------------------------------------------------------


def test_a_folder_gives_its_train_split_and_any_other_on_request(tmp_path):
    write(tmp_path / "set" / "train.jsonl", 3)
    write(tmp_path / "set" / "test.jsonl", 2, "t")
    (tmp_path / "set" / "README.md").write_text("About")
    assert len(open_rows([source(tmp_path / "set")]).rows) == 3
    assert [asked(row) for row in open_rows([source(tmp_path / "set", split="test")]).rows] == ["t0", "t1"]


def test_parts_of_a_split_are_read_in_order(tmp_path):
    write(tmp_path / "set" / "data" / "train-00001-of-00002.jsonl", 1, "second")
    write(tmp_path / "set" / "data" / "train-00000-of-00002.jsonl", 1, "first")
    assert [asked(row) for row in open_rows([source(tmp_path / "set")]).rows] == ["first0", "second0"]


def test_a_folder_without_splits_gives_all_its_files(tmp_path):
    write(tmp_path / "set" / "a.jsonl", 2)
    write(tmp_path / "set" / "b.jsonl", 2, "r")
    assert len(open_rows([source(tmp_path / "set")]).rows) == 4


def test_a_split_that_is_not_there_names_those_that_are(tmp_path):
    write(tmp_path / "set" / "train.jsonl", 3)
    write(tmp_path / "set" / "valid.jsonl", 3)
    with pytest.raises(DataError, match="no 'test' split; it has train, validation"):
        open_rows([source(tmp_path / "set", split="test")])
    assert len(open_rows([source(tmp_path / "set", split="val")]).rows) == 3


def test_an_empty_folder_is_named(tmp_path):
    with pytest.raises(DataError, match="There is no data file in the folder"):
        open_rows([source(tmp_path)])


# Splitting --------------------------------------------------------------------------------------------


def row(number, prompt, answer="a"):
    return Conversation(number, (Message("user", prompt), Message("assistant", answer)))


ROWS = st.lists(st.integers(0, 8), min_size=1, max_size=40).map(
    lambda prompts: [row(n, f"q{p}", f"a{n}") for n, p in enumerate(prompts, 1)]
)


@settings(deadline=None)
@given(rows=ROWS, share=st.floats(0, 0.5), seed=st.integers(0, 2**31 - 1))
def test_no_held_out_prompt_is_trained_on_and_no_row_is_lost(rows, share, seed):
    train, held = split(rows, share, seed)
    assert not {prompt_key(r) for r in train} & {prompt_key(r) for r in held}
    assert sorted(r.number for r in [*train, *held]) == [r.number for r in rows]
    assert train
    prompts = len({prompt_key(r) for r in rows})
    assert bool(held) == (share > 0 and prompts > 1)
    again = split(rows, share, seed)
    assert (list(again[0]), list(again[1])) == (list(train), list(held))


def test_the_share_of_rows_is_kept_back():
    rows = [row(number, f"q{number}") for number in range(1, 201)]
    train, held = split(rows, 0.1, seed=7)
    assert (len(train), len(held)) == (180, 20)
    assert split(rows, 0.1, seed=8)[1] != held


def test_a_row_that_a_weight_repeats_is_checked_once():
    rows = [row(number, f"q{number}") for number in range(1, 11)] * 3
    train, held = split(rows, 0.3, seed=7)
    assert len(held) == len({r.number for r in held}) == 3
    assert len(train) == 21


def test_the_prompt_is_all_before_the_first_answer():
    system = (Message("system", "s"), *row(1, "q").messages)
    assert prompt_key(row(1, "q", "a")) == prompt_key(row(2, " q\n", "b"))
    assert prompt_key(row(1, "q")) != prompt_key(Conversation(3, system))
    assert prompt_key(Text(1, "a")) == prompt_key(Text(2, "a")) != prompt_key(Text(3, "b"))


def test_a_first_meeting_shows_columns_that_tell_nothing_and_makes_no_rows_of_them(tmp_path):
    path = written(tmp_path / "odd.jsonl", [{"foo": "a", "bar": "b"}, {"foo": "c", "bar": "d"}])
    with pytest.raises(DataError, match="no kind of rows can be recognised"):
        open_rows([DataSource(path=str(path))])
    found = open_rows([DataSource(path=str(path), columns={"prompt": "foo"})], is_first_meeting=True)
    assert "'foo', 'bar'" in found.unrecognised
    assert (found.total, len(found.rows), found.columns) == (2, 0, ("foo", "bar"))
    assert found.roles == {"prompt": "foo"}
    assert found.record(2) == {"foo": "c", "bar": "d"}
    assert found.row(1) is None
    assert found.skipped == {}


def test_one_unknown_file_among_others_stops_them_all_until_it_is_known(tmp_path):
    odd = written(tmp_path / "odd.jsonl", [{"foo": "a", "bar": "b"}])
    good = written(tmp_path / "good.jsonl", [{"prompt": "a", "answer": "b"}])
    found = open_rows([DataSource(path=str(path)) for path in (good, odd)], is_first_meeting=True)
    assert found.unrecognised.startswith("'odd.jsonl' has 'foo', 'bar'")
    assert (found.total, len(found.rows)) == (2, 0)


# Being heard ------------------------------------------------------------------------------------------


def test_whoever_waits_is_heard_while_long_rows_are_read_and_hashed(tmp_path, monkeypatch):
    monkeypatch.setattr(table, "IN_MEMORY_BYTES", -1)
    monkeypatch.setattr(scan, "IN_MEMORY_BYTES", -1)
    monkeypatch.setattr(table, "_TELL_SECONDS", -1.0)
    heard = []
    open_rows([source(write(tmp_path / "a.jsonl", 5))], heard=heard.append)
    assert heard == [0, 1, 2, 3, 4, 5, 1, 2, 3, 4, 5]  # hashed, read, looked through


def test_short_rows_are_told_by_the_thousand(tmp_path, monkeypatch):
    monkeypatch.setattr(table, "_TELL_SECONDS", 1e9)
    heard = []
    open_rows([source(write(tmp_path / "a.jsonl", 4100))], heard=heard.append)
    assert heard == [2000, 4000, 2000, 4000]
