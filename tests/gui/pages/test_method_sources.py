"""The models that are assembled, as a list on the Method page."""

import threading

import pytest
from PySide6.QtWidgets import QFileDialog

from engine.job.job import job_from_values, job_values
from gui.state import assembling
from gui.state.draft import Draft
from tests.gui.waiting import rest, until
from tests.gui.windows import ended_run, opened, quick_job, still_state
from tests.models.tiny_folders import tiny_folder


@pytest.fixture
def page(qapp, monkeypatch):
    with opened(still_state(monkeypatch)) as window:
        window.state.draft.replace(quick_job())
        window.state.draft.set_kind("adapter", "full")
        window.state.draft.set_kind("moe", "assemble")
        window.go("method")
        rest()
        yield window.pages["method"]


@pytest.fixture
def prompts(tmp_path):
    path = tmp_path / "animals.txt"
    path.write_text("the lazy dog\nthe quick fox\n")
    return str(path)


def lines(page):
    return page.experts.sources.lines


def write(line, text):
    line.setText(text)
    line.editingFinished.emit()
    rest()


def problems(page):
    """What is said at each line, once it was looked at."""
    until(lambda: page.state.assembling.problems(page.state.draft.job), 10, "the models to be looked at")
    rest()
    return [line.problem.text() for line in lines(page)]


def test_two_lines_wait_to_be_filled_and_say_what_is_missing(page):
    assert len(lines(page)) == 2
    assert problems(page) == ["Choose a model, and a file with prompts for it."] * 2
    assert page.state.draft.job.moe.settings.sources == ()  # nothing was edited yet
    assert page.strip.memory_words.text() == "2, 4 or 8 models become the experts; now there are 0."


def test_what_is_written_is_what_a_file_would_say(page, prompts):
    for line in lines(page):
        write(line.source, "starter")
        write(line.prompts, prompts)
    assert problems(page) == ["", ""]
    moe = {"kind": "assemble", "sources": ["starter"] * 2, "prompts": [prompts] * 2}
    values = {**job_values(quick_job()), "adapter": {"kind": "full"}, "moe": moe}
    assert page.state.draft.job.moe == job_from_values(values).moe
    assert page.state.what_is_missing() == ""
    assert not page.strip.memory_words.text().startswith("2, 4")


def test_a_model_can_be_added_and_taken_out_and_that_undone(page, prompts):
    write(lines(page)[0].source, "starter")
    page.experts.sources.add_button.click()
    rest()
    assert len(lines(page)) == 3
    lines(page)[0].remove_button.click()
    rest()
    assert page.state.draft.job.moe.settings.sources == ("", "")
    page.state.draft.undo()
    rest()
    assert [line.source.text() for line in lines(page)] == ["starter", "", ""]
    for _ in range(5):
        page.experts.sources.add_button.click()
    rest()
    assert len(lines(page)) == 8
    assert page.experts.sources.add_button.isHidden()  # a layer has 8 experts at most


def test_what_is_wrong_is_said_at_its_own_line(page, tmp_path, prompts):
    other = tiny_folder(tmp_path / "other")
    write(lines(page)[0].source, str(other))
    write(lines(page)[1].source, str(tmp_path / "none"))
    first, second = problems(page)
    assert first.startswith(f"{other} has another ")
    assert second == f"The model folder {tmp_path / 'none'} does not exist. Check the path."
    write(lines(page)[0].source, "starter")
    write(lines(page)[1].source, "someone/unknown")
    first, second = problems(page)
    assert first == "Choose a text file with prompts of its topic, one a line."
    assert second.startswith("The model 'someone/unknown' is not on this computer.")
    write(lines(page)[1].source, "starter")
    write(lines(page)[0].prompts, prompts)
    write(lines(page)[1].prompts, str(tmp_path / "none.txt"))
    first, second = problems(page)
    assert first == ""
    assert "cannot be read" in second
    assert "cannot be read" in page.state.what_is_missing()


def test_a_file_that_was_mended_meanwhile_is_looked_at_again(page, prompts, tmp_path):
    for line in lines(page):
        write(line.source, "starter")
        write(line.prompts, prompts)
    late = tmp_path / "late.txt"
    write(lines(page)[1].prompts, str(late))
    assert problems(page)[1]
    late.write_text("one prompt\n")
    page.window().go("train")
    page.window().go("method")
    until(lambda: problems(page) == ["", ""], 10, "the new file to be seen")


def test_folder_and_file_come_from_dialogs(page, prompts, tmp_path, monkeypatch):
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path))
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (prompts, ""))
    lines(page)[1].folder_button.click()
    lines(page)[1].file_button.click()
    settings = page.state.draft.job.moe.settings
    assert (settings.sources, settings.prompts) == (("", str(tmp_path)), ("", prompts))


def test_a_finished_run_can_be_chosen_and_one_that_failed_cannot(page):
    done = ended_run(quick_job())
    ended_run(quick_job(), status="failed")
    runs = assembling.finished_runs()
    assert [folder for _, folder in runs] == [str(done)]
    menu = page.experts.sources.run_menu(0, runs)
    (action,) = menu.actions()
    action.trigger()
    assert page.state.draft.job.moe.settings.sources == (str(done), "")
    (none,) = page.experts.sources.run_menu(0, []).actions()
    assert not none.isEnabled()


def test_the_menu_of_runs_opens_at_its_line(page, monkeypatch):
    offered = []
    monkeypatch.setattr(
        page.experts.sources, "_offer_runs", lambda place, runs: offered.append((place, runs))
    )
    lines(page)[1].run_button.click()
    until(lambda: offered, 10, "the runs to be listed")
    assert offered == [(1, [])]


def test_models_are_looked_at_outside_the_windows_thread(page, monkeypatch, prompts):
    threads = []
    look = assembling.refuse_source

    def seen(source, base):
        threads.append(threading.current_thread())
        look(source, base)

    monkeypatch.setattr(assembling, "refuse_source", seen)
    write(lines(page)[0].source, "starter")
    problems(page)
    assert threads
    assert threading.main_thread() not in threads


def test_an_unfinished_list_is_kept_over_a_restart(page, tmp_path, prompts):
    write(lines(page)[0].prompts, prompts)
    page.experts.sources.add_button.click()
    page.state.draft.save()
    assert Draft(page.state.draft._path).job == page.state.draft.job


def test_a_relative_path_is_taken_from_where_the_app_runs_and_a_name_stays(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    assert assembling.cleaned(" mine ", may_be_name=True) == str(tmp_path / "mine")
    for name in ("org/name", "polite replies (2)"):
        assert assembling.cleaned(name, may_be_name=True) == name
    assert assembling.cleaned("prompts.txt", may_be_name=False) == str(tmp_path / "prompts.txt")
    assert assembling.cleaned("", may_be_name=True) == ""


def test_all_models_fit_on_the_smallest_window(page):
    page.window().resize(1024, 700)
    rest()
    inner = page.experts.sources
    for line in lines(page):
        assert line.remove_button.mapTo(inner, line.remove_button.rect().topRight()).x() < inner.width()
    assert page.area.widget().width() <= page.area.viewport().width()
