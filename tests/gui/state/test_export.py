import dataclasses

import pytest

from engine.job.events import Check, Exported, Failed, Finished, Phase
from engine.job.job import with_value
from engine.job.tasks import read_task
from gui.state.export import ExportState, free_target, load_snippet
from tests.gui.windows import StillEngine, ended_run, quick_job


@pytest.fixture
def export(qapp):
    state = ExportState(StillEngine())
    state.set_run(ended_run(quick_job()))
    return state


def test_nothing_is_overwritten(tmp_path):
    assert free_target(tmp_path / "model") == tmp_path / "model"
    (tmp_path / "model").mkdir()
    (tmp_path / "model (2)").mkdir()
    assert free_target(tmp_path / "model") == tmp_path / "model (3)"


def test_a_gguf_file_keeps_its_ending(tmp_path):
    (tmp_path / "my.model").mkdir()
    assert free_target(tmp_path / "my.model") == tmp_path / "my.model (2)"


def test_the_task_says_what_was_chosen(export, tmp_path):
    export.choose(format="merged", folder=tmp_path / "out")
    export.choose(step=8, shard_gigabytes=1.0, writes_card=False)
    export.start()
    task = read_task(export._task._engine.started[0] / "job.toml")
    assert task.run == f"{export.run.folder}@8"
    assert (task.format, task.out, task.card) == ("merged", str(tmp_path / "out"), False)
    assert export.status == "running"


def test_the_receipt_comes_with_the_end(export):
    export.start()
    engine, folder = export._task._engine, export._task.folder
    engine.tell(folder, Phase("write", "Writing"), Check("It opens", "", True))
    engine.tell(folder, Exported("/out", "merged", 10, 2, "abcd"), Finished("done", 2.5))
    assert export.status == "done"
    assert [check.title for check in export.checks] == ["It opens"]
    assert export.seconds == 2.5


def test_a_failed_export_can_be_started_again(export):
    said = []
    export.failed.connect(lambda title, advice: said.append(title))
    export.start()
    export._task._engine.tell(export._task.folder, Failed("The disk is full.", "Free space."))
    assert (export.status, said) == ("failed", ["The disk is full."])
    export.start()
    assert export.status == "running"


def test_cancel_forgets_the_half_made_export(export):
    export.start()
    export._task._engine.tell(export._task.folder, Check("It opens", "", True))
    export.cancel()
    assert export.status == ""
    assert export.checks == []
    assert type(export._task._engine.sent[-1][1]).__name__ == "Cancel"


def test_each_format_has_its_lines_to_load_it():
    for format, word in (("merged", "AutoTokenizer"), ("adapter", "AutoPeft"), ("gguf", "llama-cli")):
        assert word in load_snippet(Exported("/a 'b'/c", format, 1, 1, ""))


def test_an_adapter_of_our_own_is_opened_by_tunewright():
    assert "tunewright compare" in load_snippet(Exported("/a", "adapter", 1, 1, ""), is_own=True)


def test_a_run_that_begins_from_another_offers_no_adapter_alone(qapp):
    first = ended_run(quick_job())
    (first / "adapter").mkdir()
    (first / "adapter" / "adapter_config.json").write_text("{}")
    job = with_value(quick_job(), "adapter.rank", 4)
    job = dataclasses.replace(job, model=dataclasses.replace(job.model, source=str(first)))
    state = ExportState(StillEngine())
    state.set_run(ended_run(job))
    assert state.model.name == "Starter"
    assert "what another run had learned" in state.problem("adapter")
    assert state.problem("merged") == ""


def test_a_base_that_is_gone_is_told_and_has_no_figures(qapp, tmp_path):
    job = quick_job()
    job = dataclasses.replace(job, model=dataclasses.replace(job.model, source=str(tmp_path / "gone")))
    state, said = ExportState(StillEngine()), []
    state.failed.connect(lambda title, advice: said.append(title))
    state.set_run(ended_run(job))
    assert said
    assert state.plan("merged", "auto") is None
    assert state.size("merged", "auto") is None
