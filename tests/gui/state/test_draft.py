import pytest

from engine.job.job import Job, read_job
from gui.state.draft import SAVE_MILLISECONDS, Draft
from tests.gui.waiting import until


@pytest.fixture
def path(qapp, tmp_path):
    return tmp_path / "home" / "draft.toml"


def test_an_edit_is_saved_half_a_second_later(path):
    assert SAVE_MILLISECONDS == 500
    draft = Draft(path)
    draft.set_value("train.epochs", 3.0)
    assert not path.exists()
    until(path.exists, 3, "the draft to be saved")
    assert read_job(path).train.epochs == 3.0


def test_a_restart_brings_the_draft_back(path):
    draft = Draft(path)
    draft.set_name("my run")
    draft.save()
    assert Draft(path).job == draft.job
    assert Draft(path).job.name == "my run"


def test_undo_and_redo_walk_through_the_edits(path):
    draft = Draft(path)
    heard = []
    draft.changed.connect(lambda: heard.append(draft.job.train.batch_size))
    first = draft.job.train.batch_size
    draft.set_value("train.batch_size", 4)
    draft.set_value("train.batch_size", 2)
    draft.undo()
    draft.undo()
    assert draft.job.train.batch_size == first
    assert not draft.can_undo
    draft.redo()
    assert heard == [4, 2, 4, first, 4]
    assert draft.can_redo
    draft.set_name("something else")
    assert not draft.can_redo, "a new edit ends what could be redone"


def test_an_edit_that_changes_nothing_is_no_step_of_undo(path):
    draft = Draft(path)
    draft.replace(draft.job)
    assert not draft.can_undo


@pytest.mark.parametrize("content", [b"schema = ", b"[train]\nepocs = 2\n", b"\xff\xfe\x00"])
def test_a_broken_draft_is_kept_beside_and_a_fresh_one_begun(path, content):
    path.parent.mkdir()
    path.write_bytes(content)
    assert Draft(path).job == Job()
    assert path.with_suffix(".old.toml").read_bytes() == content


def test_a_draft_that_cannot_be_saved_says_so(qapp, tmp_path):
    (tmp_path / "file").write_text("not a folder")
    draft = Draft(tmp_path / "file" / "draft.toml")
    said = []
    draft.save_failed.connect(said.append)
    draft.set_name("x")
    draft.save()
    assert len(said) == 1
    assert "file" in said[0]


def test_settings_are_read_by_their_dotted_name(path):
    draft = Draft(path)
    draft.set_value("adapter.rank", 8)
    assert draft.setting("adapter.rank") == 8
    draft.set_kind("adapter", "full")
    assert draft.setting("adapter.rank") is None
