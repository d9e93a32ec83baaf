"""The sources of a draft: which are here, what can be chosen of them, how they join."""

import json

import pytest

from engine.job.datasets import SourceRead
from engine.job.job import Job
from engine.job.sections import DataSource
from engine.library.dataset_parts import parts_of
from gui.state.inspection import roles_by_column, with_role
from gui.state.sources import (
    SourceParts,
    in_place_of_missing,
    is_present,
    joined,
    missing_dataset,
    part_choices,
    part_value,
    with_part,
)
from tests.gui.state.test_inspection import inspected
from tests.gui.waiting import until

WORDS = ("All", "Choose")
SPLITS = parts_of(["train.jsonl", "test.jsonl"])
SUBSETS = parts_of(["a/train.jsonl", "b/train.jsonl"])
PILES = parts_of(["2023/x.jsonl", "2024/y.jsonl"])
SOURCE = DataSource(path="set")


def labels(source, parts):
    return [label for _, label in part_choices(source, parts, WORDS)]


def test_the_split_that_is_read_is_the_chosen_one():
    assert labels(SOURCE, SPLITS) == ["test", "train"]
    assert part_value(SOURCE, SPLITS) == "\ntrain"
    assert with_part(SOURCE, SPLITS, "\ntest") == DataSource(path="set", split="test")


def test_a_subset_must_be_chosen_where_there_are_several():
    assert labels(SOURCE, SUBSETS) == ["Choose", "a · train", "b · train"]
    chosen = with_part(SOURCE, SUBSETS, "b\ntrain")
    assert (chosen.subset, chosen.split) == ("b", "train")
    assert labels(chosen, SUBSETS) == ["a · train", "b · train"]


def test_folders_that_are_read_together_can_be_read_alone_and_together_again():
    assert labels(SOURCE, PILES) == ["All", "2023 · x.jsonl", "2024 · y.jsonl"]
    alone = with_part(SOURCE, PILES, "2024\n")
    assert alone.subset == "2024"
    assert labels(alone, PILES)[0] == "All"
    assert with_part(alone, PILES, "") == SOURCE


def test_one_part_is_no_choice():
    assert labels(SOURCE, parts_of(["train.jsonl"])) == []


def test_a_source_joins_once():
    first, second = DataSource(path="a"), DataSource(path="a", split="test")
    assert joined((first,), (first, second)) == (first, second)


def test_a_dataset_that_is_not_here_is_missing_and_its_place_is_kept(tmp_path):
    (tmp_path / "x.csv").write_text("a,b\n")
    here, gone = DataSource(path=str(tmp_path / "x.csv")), DataSource(path="acme/rows", weight=2.0)
    assert is_present(here)
    assert missing_dataset((here, gone)) == gone
    assert missing_dataset((here, DataSource(path=str(tmp_path / "no.csv")))) is None
    arrived = DataSource(path="acme/rows", split="train", revision="c")
    assert in_place_of_missing((gone, here), arrived) == (
        DataSource(path="acme/rows", split="train", revision="c", weight=2.0),
        here,
    )
    assert in_place_of_missing((here,), arrived) is None


def test_a_folders_parts_are_found_in_the_background_and_again_when_it_changed(qapp, tmp_path):
    (tmp_path / "train.jsonl").write_text(json.dumps({"text": "a"}))
    (tmp_path / "test.jsonl").write_text(json.dumps({"text": "a"}))
    parts, source = SourceParts(), DataSource(path=str(tmp_path))
    told = []
    parts.changed.connect(lambda: told.append(1))
    assert parts.of(source) == ()
    until(lambda: told)
    assert [part.split for part in parts.of(source)] == ["test", "train"]
    (tmp_path / "dev.jsonl").write_text(json.dumps({"text": "a"}))
    parts.forget()
    until(lambda: len(parts.of(source)) == 3)


@pytest.fixture
def mixed():
    reads = (
        SourceRead(2, ("instruction", "response"), {"prompt": "instruction", "answer": "response"}),
        SourceRead(2, ("question", "reply", "note"), {"prompt": "question", "answer": "reply"}),
    )
    return inspected(columns=("instruction", "response", "question", "reply", "note"), sources=reads)


def test_roles_are_those_of_every_source(mixed):
    assert roles_by_column(mixed) == {
        "instruction": "prompt",
        "response": "answer",
        "question": "prompt",
        "reply": "answer",
    }


def test_a_role_changes_only_where_there_is_such_a_column(mixed):
    job = Job(data=(DataSource(path="a"), DataSource(path="b")))
    changed = with_role(job, mixed, "note", "answer")
    assert changed[0] == job.data[0]
    assert changed[1].columns == {"prompt": "question", "answer": "note"}
