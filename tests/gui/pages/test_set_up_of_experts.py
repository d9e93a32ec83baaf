"""What the other pages of the set-up say about experts: Train before a run, Runs, Model."""

import pytest

from engine.job.job import job_from_values, job_values
from gui.state.runs import RunsState, differing_settings
from gui.state.steps import step_marks
from gui.state.words import parameters_words
from tests.gui.waiting import rest, until
from tests.gui.windows import ended_run, opened, quick_job, still_state
from tests.library.test_mixtures import folder_of
from tests.models.tiny_folders import tiny_folder

MIXTURE = {"kind": "lora-experts", "experts": 8}


def asked(**sections):
    return job_from_values({**job_values(quick_job()), **sections})


@pytest.fixture
def window(qapp, monkeypatch):
    with opened(still_state(monkeypatch)) as window:
        window.state.draft.replace(quick_job())
        yield window


def idle(window):
    window.go("train")
    rest()
    return window.pages["train"].idle


def facts(widget):
    return {
        cell.accessibleName() for cell in widget.facts.findChildren(object) if hasattr(cell, "accessibleName")
    }


def test_train_tells_how_the_model_is_split(window):
    assert not any("experts" in fact for fact in facts(idle(window)))
    window.state.draft.replace(asked(moe=MIXTURE))
    page = idle(window)
    assert "Split into experts: 8 small experts, 2 per token" in facts(page)
    assert page.checks["method"][1].text().endswith("mixture of LoRA experts, 8 experts, 2 per token")
    assert page.start_button.blocked_reason == ""


def test_train_tells_that_a_base_has_experts_of_its_own(window, tmp_path):
    window.state.draft.set_value("model.source", str(folder_of("mixtral", tmp_path)))
    assert "Split into experts: 4 of its own, 2 per token" in facts(idle(window))


def test_train_blames_the_method_where_the_model_cannot_be_split(window, tmp_path):
    folder = tiny_folder(tmp_path / "gemma", "gemma2")
    window.state.draft.replace(asked(moe=MIXTURE, model={"source": str(folder)}))
    page = idle(window)
    words = "There is no stock model of experts with the layers of 'gemma2', so it cannot grow any."
    assert page.start_button.blocked_reason == words
    assert page.checks["method"][1].text().startswith(words)
    assert page.checks["model"][1].text() == "gemma"
    assert window.state.start_run() is None
    assert step_marks(window.state)["method"] == "attention"


def test_train_waits_for_the_models_that_are_assembled(window, tmp_path):
    prompts = tmp_path / "p.txt"
    prompts.write_text("one\n")
    moe = {"kind": "assemble", "sources": ["starter", "none"], "prompts": [str(prompts)] * 2}
    window.state.draft.replace(asked(moe=moe, adapter={"kind": "full"}))
    page = idle(window)
    until(lambda: window.state.assembling.problems(window.state.draft.job), 10, "the models to be looked at")
    rest()
    assert page.start_button.blocked_reason.startswith("The model 'none' is not on this computer.")
    assert page.checks["method"][1].text() == page.start_button.blocked_reason
    window.state.draft.set_value("moe.sources", ("starter", "starter"))
    until(lambda: page.start_button.blocked_reason == "", 10, "the run to be ready")


def test_the_rail_follows_what_was_seen_of_the_models(window, tmp_path):
    prompts = tmp_path / "p.txt"
    moe = {"kind": "assemble", "sources": ["starter"] * 2, "prompts": [str(prompts)] * 2}
    window.state.draft.replace(asked(moe=moe, adapter={"kind": "full"}))
    mark = window.rail.buttons["method"].mark
    until(lambda: mark() == "attention", 10, "the missing file to be seen")
    prompts.write_text("one\n")
    window.go("method")
    until(lambda: mark() != "attention", 10, "the file to be seen")


def test_runs_lists_and_compares_how_models_were_split(window):
    ended_run(quick_job())
    ended_run(asked(moe=MIXTURE))
    window.go("runs")
    page = window.pages["runs"]
    until(lambda: len(page.runs.rows) == 2, 10, "the runs to be read")
    jobs = {row.job.moe.kind: row.job for row in page.runs.rows}
    differing = dict(differing_settings([jobs["none"], jobs["lora-experts"]])[0])
    assert differing["Split into experts (mixture of experts)"] == ["Keep it as it is", "Add small experts"]
    assert differing["Experts (experts)"] == ["–", "8"]
    page.details.show_runs(page.runs.rows)
    results = dict(page.details._results())
    assert sorted(results["Split into experts"]) == ["8 small experts, 2 per token", "–"]
    assert isinstance(page.runs, RunsState)


def test_model_tells_of_experts_and_what_a_token_goes_through(window, tmp_path):
    folder = folder_of("mixtral", tmp_path)
    window.state.draft.set_value("model.source", str(folder))
    window.go("model")
    rest()
    details = window.pages["model"].details
    until(lambda: "Experts: 4, 2 for each token" in facts(details), 10, "the details")
    # 69,024 in all, less two of four experts, of three matrices of 32 x 48 each, in two layers
    active = 69_024 - 2 * 2 * 3 * 32 * 48
    assert f"Parameters for each token: {parameters_words(active)}" in facts(details)


def test_model_shows_what_a_model_takes_that_cannot_be_split_as_the_draft_has_it(window, tmp_path):
    folder = tiny_folder(tmp_path / "gemma", "gemma2")
    window.state.draft.replace(asked(moe=MIXTURE, model={"source": str(folder)}))
    window.go("model")
    details = window.pages["model"].details
    until(lambda: details.name.text() == "gemma", 10, "the details")
    assert not details.fit.isHidden()
