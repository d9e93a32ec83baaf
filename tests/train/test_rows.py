import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from engine.job.channel import Desk, events_of
from engine.job.errors import DataError
from engine.job.events import Evaluated, Remark, Step
from engine.job.job import job_from_values
from engine.library.models import check_model
from engine.library.room import fitted
from engine.models import encoding
from engine.models.encoder import Encoder
from engine.models.load import load_tokenizer
from engine.train.rows import prepare_rows
from engine.use.inspect import inspect_once
from tests.models.tiny_models import tiny_tokenizer
from tests.train.tiny_runs import Crash, crash_at, newest, run, tiny_job, told, write_rows


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


def test_a_row_that_a_weight_repeats_is_trained_on_as_often_and_counted_once(tmp_path):
    path = write_rows(tmp_path / "rows.jsonl", [*ROWS, {"instruction": "dog?", "response": "fox " * 90}])
    values = {"data": [{"path": str(path), "weight": 2}], "rows": {"validation": 0.0, "max_tokens": 40}}
    found = prepare_rows(job_from_values(values | {"rows": {**values["rows"], "too_long": "drop"}}), tiny_tokenizer(), Desk(tmp_path))  # fmt: skip
    assert [example.number for example in found.train] == [*range(1, 11)] * 2
    assert [example.index for example in found.train] == list(range(20))
    assert found.skipped == 1


# Kept tokens ------------------------------------------------------------------------------------------


@pytest.fixture
def all_kept(monkeypatch):
    """The tokens of every file are kept, however small."""
    monkeypatch.setattr(encoding, "IN_MEMORY_BYTES", -1)


def drafted(tmp_path, model, **sections):
    path = write_rows(tmp_path / "rows.jsonl", ROWS)
    return job_from_values({"model": {"source": str(model)}, "data": [{"path": str(path)}], **sections})


def test_start_takes_the_tokens_that_the_view_of_the_data_made(tmp_path, tiny_model, all_kept, monkeypatch):
    job = drafted(tmp_path, tiny_model)
    looked, _ = inspect_once(job)
    monkeypatch.setattr(Encoder, "encode", lambda *_: pytest.fail("tokenised again"))
    job, _ = fitted(job, check_model(tiny_model))  # as training does
    found = prepare_rows(job, load_tokenizer(tiny_model), Desk(tmp_path))
    assert found.train.tokens + found.validation.tokens == looked.tokens
    # What is held back and how often a row comes is decided after tokenising.
    rows = {"validation": 0.5, "max_tokens": job.rows.max_tokens}
    others = drafted(tmp_path, tiny_model, rows=rows, train={"seed": 5})
    assert len(prepare_rows(others, load_tokenizer(tiny_model), Desk(tmp_path)).validation) == 5


def test_resuming_takes_the_tokens_of_the_first_start(tmp_path, all_kept, monkeypatch):
    job = tiny_job(tmp_path, train={"steps": 4})
    with pytest.raises(Crash):
        run(job, tmp_path / "run", crash_at(3))
    monkeypatch.setattr(Encoder, "encode", lambda *_: pytest.fail("tokenised again"))
    assert told(run(job, tmp_path / "run", resume_from=newest(tmp_path / "run")), Step)[-1].step == 4


@pytest.mark.parametrize("method", ["sft", "dpo", "kto", "pretrain"])
def test_training_from_kept_tokens_is_the_same_to_the_last_bit(method, tmp_path, monkeypatch):
    job = tiny_job(tmp_path, method)
    weights, losses = [], []
    for name in ("in memory", "written", "opened again"):
        if name == "written":
            monkeypatch.setattr(encoding, "IN_MEMORY_BYTES", -1)
        events = run(job, tmp_path / name)
        losses.append(
            [step.loss for step in told(events, Step)] + [look.loss for look in told(events, Evaluated)]
        )
        weights.append((tmp_path / name / "adapter" / "adapter_model.safetensors").read_bytes())
    assert losses[0] == losses[1] == losses[2]
    assert weights[0] == weights[1] == weights[2]


_MEASURE = """
import json, resource, sys
from itertools import chain
from pathlib import Path
from engine.job.channel import Desk, events_of
from engine.job.job import job_from_values
from engine.train.rows import prepare_rows
from tests.models.tiny_models import tiny_tokenizer
folder, rows = Path(sys.argv[1]), int(sys.argv[2])
answer = "the lazy dog says hello to the quick brown fox and how are you today " * 30
with (folder / "rows.jsonl").open("w") as out:
    for number in range(rows):
        out.write(json.dumps({"instruction": f"dog {number}?", "response": f"{number} {answer}"}) + "\\n")
job = job_from_values({"data": [{"path": str(folder / "rows.jsonl")}], "rows": {"max_tokens": 4096}})
found = prepare_rows(job, tiny_tokenizer(), Desk(folder))
total = sum(example.tokens for example in chain(found.train[::-1], found.validation))
assert total == found.train.tokens + found.validation.tokens
print(total, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


@pytest.mark.slow  # tokenises two million tokens in processes of their own
@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is read the way Linux tells it")
def test_memory_stays_flat_however_many_rows_are_prepared(tmp_path):
    def peak(rows):
        folder = tmp_path / str(rows)
        folder.mkdir()
        root = Path(encoding.__file__).resolve().parents[2]
        environment = {**os.environ, "PYTHONPATH": str(root), "TUNEWRIGHT_HOME": str(folder)}
        command = [sys.executable, "-c", _MEASURE, str(folder), str(rows)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        return tuple(map(int, done.stdout.split()))

    (few, small), (many, large) = peak(1000), peak(4000)
    assert many - few > 1_200_000
    # In lists a token takes 16 bytes and more: 20 MB at least for these, 60 where its number is above 256.
    assert large - small < 45


@pytest.mark.parametrize("label", [True, False, None])
def test_thumbs_of_one_kind_are_told_before_training(tmp_path, label):
    job = tiny_job(tmp_path, "kto")
    path = Path(job.data[0].path)
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    if label is not None:
        path.write_text("".join(json.dumps({**row, "label": label}) + "\n" for row in rows), "utf-8")
    prepare_rows(job, load_tokenizer(tmp_path / "model"), Desk(tmp_path))
    said = [event.title for event in events_of(tmp_path) if isinstance(event, Remark)]
    words = {True: "All answers are labelled good", False: "All answers are labelled bad"}.get(label)
    assert [text for text in said if "labelled" in text] == (
        [f"{words}: feedback needs some of either kind."] if words else []
    )
