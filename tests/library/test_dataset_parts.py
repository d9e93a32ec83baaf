"""Which files belong together, by their names or as the dataset's card declares."""

import pytest

from engine.job.errors import DataError
from engine.library.dataset_parts import Declared, chosen, parts_of, split_of
from engine.library.hub_card import declared_in, rows_in


def places(*names):
    return [(part.subset, part.split, len(part.files)) for part in parts_of(names)]


def files(names, subset=None, split=None, declared=()):
    found = chosen(parts_of(names, declared), subset, split, "The folder x")
    return [name for part in found for name in part.files]


SUBSETS = ["main/train.jsonl", "main/test.jsonl", "socratic/train.jsonl"]


def test_shards_of_a_split_are_one_part_and_other_splits_are_others():
    names = ["data/train-00001-of-00002.parquet", "data/train-00000-of-00002.parquet", "data/test.parquet"]
    assert places(*names) == [("", "test", 1), ("", "train", 2)]
    assert files(names) == [names[1], names[0]]


def test_what_stands_before_a_shards_count_is_the_whole_name_of_its_split():
    names = ["data/train_prefs-00000-of-00001.parquet", "data/train_sft-00000-of-00001.parquet"]
    assert files(names, split="train_sft") == [names[1]]
    with pytest.raises(DataError, match="no 'train' split; it has train_prefs, train_sft"):
        files(names)
    assert files([names[0], "data/test_prefs-00000-of-00001.parquet"]) == [
        names[0]
    ]  # the only one to train on


def test_a_count_alone_is_no_split():
    assert places("data/part-00000-of-00002.parquet", "data/part-00001-of-00002.parquet") == [("", "", 2)]
    assert places("train/data-00000-of-00001.arrow", "test/data-00000-of-00001.arrow") == [
        ("", "test", 1),
        ("", "train", 1),
    ]


def test_folders_are_subsets_unless_they_speak_of_a_split():
    assert places(*SUBSETS) == [("main", "test", 1), ("main", "train", 1), ("socratic", "train", 1)]
    assert places("en/data/dev/a.csv", "Train/b.csv") == [("", "train", 1), ("en", "validation", 1)]


def test_the_hubs_own_parquet_copy_names_subset_and_split_by_folders():
    names = ["plain_text/train_extra/0000.parquet", "plain_text/train_extra/0001.parquet"]
    assert places(*names) == [("plain_text", "train_extra", 2)]


def test_a_subset_must_be_named_where_there_are_several_and_wrong_ones_are_answered_by_the_right():
    assert files(SUBSETS, "socratic") == ["socratic/train.jsonl"]
    with pytest.raises(DataError, match="The folder x has the subsets 'main', 'socratic'"):
        files(SUBSETS)
    with pytest.raises(DataError, match="no subset 'mian'; it has the subsets 'main', 'socratic'"):
        files(SUBSETS, "mian")
    with pytest.raises(DataError, match="no 'test' split; it has train"):
        files(SUBSETS, "socratic", "test")
    with pytest.raises(DataError, match="no subset 'main'; it has no subsets"):
        files(["train.jsonl"], "main")


def test_a_default_subset_is_taken_unasked():
    assert files(["default/train.jsonl", "other/train.jsonl"]) == ["default/train.jsonl"]
    assert files(["train.jsonl", "other/train.jsonl"]) == ["train.jsonl"]
    assert files(["train.jsonl", "other/train.jsonl"], "other") == ["other/train.jsonl"]


def test_folders_without_any_split_are_read_together():
    assert files(["2023/a.jsonl", "2024/b.jsonl"]) == ["2023/a.jsonl", "2024/b.jsonl"]
    assert files(["2023/a.jsonl", "2024/b.jsonl"], "2024") == ["2024/b.jsonl"]


def test_a_subset_may_be_how_files_begin_or_a_folder_further_down():
    assert files(["en-train.jsonl", "de-train.jsonl", "deep.jsonl"], "de") == ["de-train.jsonl"]
    assert files(["all/en/train.jsonl", "all/de/train.jsonl"], "de") == ["all/de/train.jsonl"]


def test_files_of_which_nothing_is_said_are_for_training():
    assert files(["rows.jsonl"], split="train") == ["rows.jsonl"]
    assert files(["rows.jsonl", "test.jsonl"]) == ["rows.jsonl"]
    with pytest.raises(DataError, match="no 'test' split; it has no splits"):
        files(["rows.jsonl"], split="test")


def test_other_words_for_a_split_mean_the_same():
    assert split_of("set/valid.jsonl") == split_of("dev.csv") == split_of("my-val-2.json") == "validation"
    assert files(["valid.jsonl"], split="dev") == ["valid.jsonl"]
    assert split_of("trainer.jsonl") == split_of("latest.jsonl") == ""


def test_what_a_card_declares_goes_before_what_names_tell():
    card = {
        "configs": [
            {"config_name": "a", "data_files": [{"split": "train", "path": "x/*.parquet"}]},
            {"config_name": "b", "data_dir": "y", "data_files": "**/*.csv"},
            {"config_name": "c", "data_files": {"test": ["x/z?.csv"]}},
            {"config_name": "gone", "data_files": "nothing/*.csv"},
        ]
    }
    names = ["x/1.parquet", "x/deep/2.parquet", "x/z1.csv", "y/deep/3.csv", "y/4.csv", "other/train.jsonl"]
    found = parts_of(names, declared_in(card))
    assert [(part.subset, part.split, part.files) for part in found] == [
        ("a", "train", ("x/1.parquet",)),
        ("b", "train", ("y/4.csv", "y/deep/3.csv")),
        ("c", "test", ("x/z1.csv",)),
    ]


def test_a_declaration_that_fits_no_file_leaves_the_names_to_tell():
    assert parts_of(["train.csv"], (Declared("a", "test", ("*.parquet",)),)) == parts_of(["train.csv"])


@pytest.mark.parametrize(
    "card",
    [
        None,
        [],
        "text",
        {"configs": 3},
        {"configs": [None, {"data_files": [3, {"split": 5, "path": "x"}]}]},
        {"dataset_info": {"splits": [{"num_examples": "many"}, 7]}},
    ],
)
def test_a_card_of_another_form_declares_nothing(card):
    assert declared_in(card) == ()
    assert rows_in(card) == {}


def test_a_card_tells_how_many_rows_there_are():
    one = {"dataset_info": {"splits": [{"name": "train", "num_examples": 7}]}}
    assert rows_in(one) == {("default", "train"): 7}
    two = {"dataset_info": [{"config_name": "a", "splits": [{"name": "test", "num_examples": 2}]}]}
    assert rows_in(two) == {("a", "test"): 2}
