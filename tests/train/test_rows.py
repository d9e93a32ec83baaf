import json

import pytest

from engine.job.channel import Desk
from engine.job.errors import DataError
from engine.job.job import job_from_values
from engine.train.rows import prepare_rows
from tests.models.tiny_models import tiny_tokenizer
from tests.train.tiny_runs import write_rows


def prepared(tmp_path, rows, method="sft", **section):
    write_rows(tmp_path / "rows.jsonl", rows)
    values = {"data": [{"path": str(tmp_path / "rows.jsonl")}], "method": {"kind": method}, "rows": section}
    return prepare_rows(job_from_values(values), tiny_tokenizer(), Desk(tmp_path))


ROWS = [{"instruction": f"dog {number}?", "response": "fox says hello"} for number in range(10)]


def test_answers_and_their_end_are_learned_and_questions_are_not(tmp_path):
    found = prepared(tmp_path, ROWS, validation=0.0)
    tokenizer, part = tiny_tokenizer(), found.train[0].parts[0]
    learned = [token for token, trained in zip(part.ids, part.trained, strict=True) if trained]
    assert tokenizer.decode(learned) == "fox says hello<|end|>"


def test_every_example_has_a_place_and_its_row_number(tmp_path):
    found = prepared(tmp_path, ROWS, validation=0.3)
    everyone = [*found.train, *found.validation]
    assert [example.index for example in everyone] == list(range(10))
    assert sorted(example.number for example in everyone) == list(range(1, 11))
    assert (len(found.validation), found.count) == (3, 10)


def test_watched_prompts_come_from_the_rows_kept_back(tmp_path):
    found = prepared(tmp_path, ROWS, validation=0.3)
    kept = {f"dog {example.number - 1}?" for example in found.validation}
    assert len(found.prompts) == 2
    assert set(found.prompts) <= kept


def test_rows_without_an_answer_are_counted(tmp_path):
    found = prepared(tmp_path, [*ROWS, {"instruction": "dog?", "response": ""}], validation=0.0)
    assert (len(found.train), found.skipped) == (10, 1)


def test_a_pair_is_one_example_with_two_parts(tmp_path):
    pairs = [{"prompt": f"dog {n}?", "chosen": "fox", "rejected": "says hello"} for n in range(4)]
    found = prepared(tmp_path, pairs, "dpo", validation=0.0)
    example = found.train[0]
    assert len(example.parts) == 2
    assert example.length == len(example.parts[1].ids) > len(example.parts[0].ids)
    assert example.tokens == sum(len(part.ids) for part in example.parts)


def test_no_usable_row_is_refused_with_the_reason(tmp_path):
    with pytest.raises(DataError, match=r"rows\.jsonl"):
        prepared(tmp_path, [{"instruction": "dog?", "response": ""}] * 2)


def test_rows_that_are_left_out_are_listed_in_the_run_folder(tmp_path):
    rows = [*ROWS, {"instruction": "dog?", "response": ""}, {"instruction": "dog?", "response": "fox " * 90}]
    found = prepared(tmp_path, rows, validation=0.0, max_tokens=40, too_long="drop")
    listed = [json.loads(line) for line in (tmp_path / "skipped.jsonl").read_text("utf-8").splitlines()]
    assert [(row["number"], row["line"], row["reason"]) for row in listed] == [
        (11, 11, "empty answer"),
        (12, 12, "too long"),
    ]
    assert (len(found.train), found.skipped) == (10, 2)


def test_a_start_without_a_row_that_fits_is_refused_with_row_numbers(tmp_path):
    with pytest.raises(DataError, match=r"0 of 10 rows fit 8 tokens .* \(rows 1, 2, 3, 4, 5 and 5 more\)"):
        prepared(tmp_path, ROWS, validation=0.0, max_tokens=8, too_long="drop")


def test_a_divided_text_gives_several_examples_of_one_row(tmp_path):
    found = prepared(tmp_path, [{"text": "the lazy dog " * 60}], "pretrain", validation=0.0, max_tokens=32)
    assert len(found.train) > 3
    assert {example.number for example in found.train} == {1}
    assert found.cut == 0
