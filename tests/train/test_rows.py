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
