"""What is listed and looked up without a worker: runs, models, estimates."""

import json

import pytest

from engine.job.job import Job
from engine.job.record import RECORD_FILE, RunRecord, update_record, write_record
from engine.job.sections import DataSource
from engine.library.runs import create_run
from tests.models.all_families import model_of
from tests.models.tiny_models import tiny_tokenizer


@pytest.fixture
def run_folder(runs):
    folder = create_run(Job(name="polite", data=(DataSource(path="rows.jsonl"),)), runs)
    update_record(folder, status="stopped", step=3, steps=8, last_loss=0.25)
    return folder


def test_runs_are_listed_as_a_table(call, run_folder, runs):
    done = call("runs", "list", "--runs", runs)

    assert done.code == 0
    titles, row = done.out.splitlines()
    assert titles.split() == ["Name", "Status", "Step", "Loss", "Model", "Data", "Method", "When", "Folder"]
    assert row.startswith("polite  stopped  3/8   0.25")


def test_an_empty_store_says_so(call, runs):
    done = call("runs", "list", "--runs", runs)
    assert (done.code, done.out) == (0, f"There are no runs in {runs}.\n")


def test_a_run_whose_worker_died_is_listed_as_lost(call, run_folder, runs):
    update_record(run_folder, status="running", pid=2**22 + 1, heartbeat=1.0)
    listed = json.loads(call("runs", "list", "--runs", runs, "--json").out)
    assert [run["status"] for run in listed["runs"]] == ["lost"]


def test_a_damaged_run_does_not_hide_the_others(call, run_folder, runs):
    (runs / "broken").mkdir()
    (runs / "broken" / RECORD_FILE).write_text("{", encoding="utf-8")
    listed = json.loads(call("runs", "list", "--runs", runs, "--json").out)
    assert {run["name"] for run in listed["runs"]} == {"polite", "broken"}


def test_a_run_is_shown_in_full(call, run_folder, runs):
    (run_folder / "checkpoints" / "step-000003").mkdir(parents=True)
    shown = json.loads(call("runs", "show", "polite", "--runs", runs, "--json").out)
    assert (shown["status"], shown["checkpoints"]) == ("stopped", ["step-000003"])
    assert "step-000003" in call("runs", "show", "polite", "--runs", runs).out


def test_a_deleted_run_lies_in_the_trash(call, run_folder, runs):
    done = json.loads(call("runs", "delete", "polite", "--runs", runs, "--json").out)
    assert not run_folder.exists()
    assert (runs / ".trash").is_dir()
    assert done["trash"].startswith(str(runs / ".trash"))


def test_models_are_listed_with_the_starter_first(call):
    listed = json.loads(call("models", "list", "--json").out)["models"]
    assert (listed[0]["name"], listed[0]["kind"]) == ("Starter", "model")


def test_a_model_is_shown(call, tiny_model):
    shown = json.loads(call("models", "show", tiny_model, "--json").out)
    assert (shown["architecture"], shown["layers"], shown["hidden"]) == ("LlamaForCausalLM", 2, 32)


def test_a_model_with_experts_is_shown_with_what_a_token_goes_through(call, tmp_path):
    model_of("mixtral").save_pretrained(tmp_path)
    tiny_tokenizer().save_pretrained(tmp_path)
    shown = json.loads(call("models", "show", tmp_path, "--json").out)
    # Two layers, each with two of its four experts idle: three matrices of 32 x 48.
    assert shown["active"] == shown["parameters"] - 2 * 2 * 3 * 32 * 48
    assert "4 in every layer, 2 for each token" in call("models", "show", tmp_path).out


def test_a_broken_model_is_shown_with_its_fault(call, tmp_path):
    done = call("models", "show", tmp_path)
    assert "config.json" in done.err


def test_an_estimate_counts_updates_from_the_rows(call, job_file):
    # 12 rows, one kept back, in corrections of 4 rows: 3 an epoch.
    done = call("estimate", job_file, "--set", "train.steps=epochs", "--json")
    assert done.code == 0, done.err
    values = json.loads(done.out)
    assert values["updates"] == 3
    assert values["total"] == sum(values[part] for part in ("weights", "adapter", "activations", "working"))
    assert "it fits" in call("estimate", job_file).out


def test_an_estimate_tells_whether_the_learning_rate_is_the_usual_one(call, job_file):
    own = ("--set", "adapter.kind=prefix", "--set", "train.learning_rate=0.03")
    assert "0.03, as is usual for Prefix" in call("estimate", job_file, *own).out
    assert "0.001 (usual for LoRA: 0.0002)" in call("estimate", job_file).out


@pytest.mark.parametrize(
    "verb", [("export", "polite", "--out", "x"), ("compare", "polite", "--prompt", "Hi")]
)
def test_a_run_without_a_result_is_refused_with_its_checkpoint_named(call, run_folder, runs, verb):
    (run_folder / "checkpoints" / "step-000003").mkdir(parents=True)
    done = call(*verb, "--runs", runs)
    assert done.code == 2
    assert f"Name its checkpoint: {run_folder.name}@3." in done.err


def test_a_checkpoint_that_was_not_kept_is_refused(call, run_folder, runs):
    (run_folder / "checkpoints" / "step-000003").mkdir(parents=True)
    done = call("export", "polite@2", "--out", "x", "--runs", runs)
    assert (done.code, done.err) == (2, "The run 'polite' has no checkpoint of step 2. Kept are: 3.\n")


def test_a_type_that_does_not_go_with_the_format_is_refused(call, run_folder, runs):
    done = call("export", "polite", "--type", "q8_0", "--out", "x", "--runs", runs)
    assert done.code == 2
    assert "bfloat16" in done.err


@pytest.mark.parametrize(
    ("status", "words"), [("done", "is finished"), ("discarded", "discarded"), ("running", "still running")]
)
def test_a_run_that_cannot_go_on_is_not_resumed(call, run_folder, runs, status, words, monkeypatch):
    monkeypatch.setattr("engine.cli.training.is_alive", lambda record: record.status == "running")
    monkeypatch.setattr("engine.library.alive.is_alive", lambda record: True)
    update_record(run_folder, status=status)
    done = call("resume", "polite", "--runs", runs)
    assert done.code == 2
    assert words in done.err


def test_a_task_of_another_kind_is_not_resumed(call, run_folder):
    write_record(run_folder, RunRecord(name="x", task="export", status="failed"))
    assert "no training run" in call("resume", run_folder).err


def test_an_estimate_tells_what_the_export_will_be(call, job_file):
    experts = ("--set", "moe.kind=lora-experts", "--set", "moe.experts=4")
    done = call("estimate", job_file, *experts, "--json")
    assert done.code == 0, done.err
    values = json.loads(done.out)["export"]
    assert values["architecture"] == "Mixtral"
    # Two of four experts of three matrices of 32 x 48 rest, in both layers; four bytes for each weight.
    assert values["active"] == values["parameters"] - 2 * 2 * 3 * 32 * 48
    assert values["file_bytes"] == 4 * values["parameters"]
    shown = call("estimate", job_file, *experts).out
    assert "Mixtral: " in shown
    assert " times the base" in shown
    beside = ("--set", "adapter.kind=prefix", "--set", "train.learning_rate=0.03")
    assert "stays beside its base model" in call("estimate", job_file, *beside).out
