"""Bad input: exit code 2, one clear sentence on standard error, nothing started and nothing changed."""

import json

import pytest

from engine.job.channel import ADAPTER
from engine.job.job import read_job, with_kind
from engine.library.runs import create_run


@pytest.fixture
def refused(call, runs):
    """Run a verb that must be refused; the sentence."""

    def run_verb(*arguments):
        done = call(*arguments, "--runs", runs)
        assert done.code == 2, done.err
        assert done.out == ""
        assert "Traceback" not in done.err
        assert done.err.count("\n") == 1
        assert done.err.rstrip().endswith((".", "?", "'"))
        assert not runs.exists()
        return done.err

    return run_verb


def test_a_missing_job_file(refused, tmp_path):
    assert "nowhere.toml does not exist" in refused("train", tmp_path / "nowhere.toml")


def test_a_job_file_that_is_not_toml(refused, tmp_path):
    (tmp_path / "job.toml").write_text("name = \n", encoding="utf-8")
    assert "line 1" in refused("train", tmp_path / "job.toml")


def test_a_folder_in_the_place_of_a_job_file(refused, tmp_path):
    sentence = refused("train", tmp_path)
    assert "Is a directory" in sentence
    assert "Errno" not in sentence


def test_a_job_file_that_is_not_utf8(refused, tmp_path):
    (tmp_path / "job.toml").write_bytes("name = 'café'".encode("latin-1"))
    sentence = refused("train", tmp_path / "job.toml")
    assert "job.toml is not UTF-8 text" in sentence
    assert "codec" not in sentence


def test_an_unknown_field_with_the_nearest_one(refused, job_file):
    sentence = refused("train", job_file, "--set", "train.epoch=2")
    assert "train.epoch" in sentence
    assert "Did you mean 'epochs'?" in sentence


def test_a_field_out_of_range(refused, job_file):
    assert "train.learning_rate" in refused("train", job_file, "--set", "train.learning_rate=-1")


def test_choices_that_clash(refused, job_file):
    both = ("--set", "adapter.dora=true", "--set", "adapter.pissa=true")
    assert "do not go together" in refused("train", job_file, *both)


def test_learned_positions_that_leave_no_room_for_a_text(refused, job_file):
    prefix = ("--set", "adapter.kind=prefix", "--set", "adapter.virtual_tokens=128")
    for verb in ("train", "estimate"):
        assert "no room is left for a text" in refused(verb, job_file, *prefix)


def test_a_set_that_is_no_assignment(refused, job_file):
    assert "section.field=value" in refused("train", job_file, "--set", "train.epochs")


def test_a_missing_data_file(refused, job_file, tmp_path):
    assert "nowhere.jsonl" in refused("train", job_file, "--set", f"data.path={tmp_path / 'nowhere.jsonl'}")


def test_an_empty_data_file(refused, job_file, rows):
    rows.write_text("", encoding="utf-8")
    assert "rows.jsonl" in refused("train", job_file)


def test_a_malformed_line(refused, job_file, rows):
    rows.write_text(rows.read_text(encoding="utf-8") + '{"instruction": \n', encoding="utf-8")
    assert "13" in refused("train", job_file)


def test_data_of_another_kind_than_the_method_needs(refused, job_file):
    assert "rows.jsonl" in refused("train", job_file, "--set", "method.kind=dpo")


def test_a_job_without_data(refused, tmp_path):
    (tmp_path / "job.toml").write_text('name = "x"\n', encoding="utf-8")
    assert "names no data" in refused("train", tmp_path / "job.toml")


def test_a_model_folder_without_config(refused, job_file, tmp_path):
    (tmp_path / "empty").mkdir()
    assert "config.json" in refused("train", job_file, "--set", f"model.source={tmp_path / 'empty'}")


def test_an_unknown_architecture(refused, job_file, tmp_path):
    folder = tmp_path / "odd"
    folder.mkdir()
    config = {"model_type": "oddmodel", "architectures": ["OddForCausalLM"]}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    assert "odd" in refused("train", job_file, "--set", f"model.source={folder}").lower()


def test_a_model_without_a_name(refused, job_file):
    assert "No model was named" in refused("train", job_file, "--set", "model.source=")


def test_a_job_that_names_an_empty_model(refused, job_file):
    job_file.write_text('[model]\nsource = ""\n[[data]]\npath = "rows.jsonl"\n', encoding="utf-8")
    assert "No model was named" in refused("train", job_file)


def test_a_hub_model_that_is_not_here(refused, job_file):
    assert "models download" in refused("train", job_file, "--set", "model.source=nobody/nothing")


def test_a_run_store_that_cannot_be_made(call, job_file, tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    done = call("train", job_file, "--runs", tmp_path / "file" / "runs")
    assert done.code == 2
    assert "not writable" in done.err


@pytest.mark.parametrize(
    "arguments", [("resume", "x"), ("watch", "x"), ("control", "x", "stop"), ("export", "x", "--out", "y")]
)
def test_a_run_that_does_not_exist(refused, arguments):
    assert "There is no run 'x'" in refused(*arguments)


@pytest.mark.parametrize("verb", ["resume", "watch"])
def test_a_folder_that_is_no_run(refused, tmp_path, verb):
    assert "is not a run" in refused(verb, tmp_path)


def test_an_unknown_verb_with_the_nearest_one(call):
    done = call("trian")
    assert done.code == 2
    assert done.err == "There is no 'trian' here. Did you mean 'train'? See 'tunewright --help'.\n"


def test_a_missing_argument(call):
    done = call("train")
    assert done.code == 2
    assert "JOB.toml" in done.err
    assert done.err.count("\n") == 1


def test_compare_without_a_prompt(refused):
    assert "--prompt" in refused("compare", "starter")


def test_compare_with_an_empty_prompt(refused):
    assert "--prompt" in refused("compare", "starter", "--prompt", " ")


def test_compare_with_an_empty_file_of_prompts(refused, tmp_path):
    (tmp_path / "prompts.txt").write_text("\n\n", encoding="utf-8")
    assert "holds no prompt" in refused("compare", "starter", "--prompts", tmp_path / "prompts.txt")


def test_a_prompt_file_with_a_damaged_line(refused, tmp_path):
    (tmp_path / "p.jsonl").write_text('{"prompt": "a"}\n{"prompt": \n', encoding="utf-8")
    assert "p.jsonl, line 2 is not valid JSON" in refused(
        "compare", "starter", "--prompts", tmp_path / "p.jsonl"
    )


def test_compare_with_a_model_that_does_not_exist(refused, tmp_path):
    refused("compare", tmp_path / "nowhere", "--prompt", "Hello")


def test_inspect_of_a_missing_file(refused, tmp_path):
    assert "does not exist" in refused("inspect", tmp_path / "nowhere.jsonl")


@pytest.mark.parametrize(
    ("content", "words"), [("", "is empty"), ('{"a": \n', "Line 1"), ('{"a": 1}\n', "no kind of rows")]
)
def test_inspect_of_a_file_that_cannot_be_used(refused, tmp_path, content, words):
    (tmp_path / "rows.jsonl").write_text(content, encoding="utf-8")
    assert words in refused("inspect", tmp_path / "rows.jsonl")


def test_show_of_what_is_no_model(call, tmp_path):
    (tmp_path / "odd").mkdir()
    done = call("models", "show", tmp_path / "odd")
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert "config.json is missing" in done.err


def test_an_export_below_a_file(refused, job_file, tmp_path):
    run = create_run(read_job(job_file), tmp_path / "store")
    (run / ADAPTER).mkdir()
    (tmp_path / "file").write_text("", encoding="utf-8")
    sentence = refused("export", run, "--out", tmp_path / "file" / "out")
    assert "is a file, not a folder" in sentence


@pytest.mark.parametrize(
    ("changes", "format", "words"),
    [
        ({"moe.kind": "upcycle"}, "adapter", "experts that its base does not have"),
        ({"adapter.kind": "full"}, "adapter", "so there is no adapter"),
        ({"adapter.kind": "prefix"}, "gguf", "has no place for"),
    ],
)
def test_an_export_in_a_form_that_cannot_be_starts_nothing(
    refused, job_file, tmp_path, changes, format, words
):
    job = read_job(job_file)
    for name, value in changes.items():
        job = with_kind(job, name.partition(".")[0], value)
    run = create_run(job, tmp_path / "store")
    (run / ADAPTER).mkdir()
    assert words in refused("export", run, "--format", format, "--out", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_error_is_one_json_object_where_that_was_asked_for(call, tmp_path):
    done = call("train", tmp_path / "nowhere.toml", "--json")
    assert done.code == 2
    assert "does not exist" in json.loads(done.out)["error"]
