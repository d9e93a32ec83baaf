import shutil

import pytest
from safetensors import SafetensorError

from engine.job.errors import FolderError, JobError, ResourceError
from engine.use.target import check_target, filled, folder_size, free_name, megabytes


def test_a_free_name_counts_up(tmp_path):
    (tmp_path / "out (2)").mkdir()
    assert free_name(tmp_path / "out") == "out (3)"


def test_an_empty_folder_may_be_filled(tmp_path):
    target = tmp_path / "out"
    target.mkdir()
    with filled(check_target(str(target))) as part:
        (part / "a").write_text("1234")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert folder_size(target) == (4, 1)


def test_parents_are_made(tmp_path):
    with filled(check_target(str(tmp_path / "a" / "b" / "out"))) as part:
        (part / "x").touch()
    assert (tmp_path / "a" / "b" / "out" / "x").is_file()


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ValueError("x")])
def test_what_goes_wrong_leaves_nothing(error, tmp_path):
    with pytest.raises(type(error)):
        fill(tmp_path / "out", error)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), SafetensorError("No space left")])
def test_a_full_disk_is_told_in_words(error, tmp_path):
    with pytest.raises(FolderError, match="cannot be written: No space left"), filled(tmp_path / "out"):
        raise error
    assert not list(tmp_path.iterdir())


def test_a_target_that_appears_meanwhile_is_not_touched(tmp_path):
    with pytest.raises(FolderError, match="meanwhile"):
        fill_beside_another(tmp_path / "out")
    assert (tmp_path / "out" / "theirs").exists()
    assert not (tmp_path / "out.part").exists()


def test_no_name_a_file_and_a_folder_below_a_file_are_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(JobError, match="no folder"):
        check_target(" ")
    with pytest.raises(FolderError, match="exists already"):
        check_target(str(tmp_path / "file"))
    with pytest.raises(FolderError, match="is a file"):
        check_target(str(tmp_path / "file" / "out"))


def test_too_little_space_is_told_before_anything_is_written(tmp_path):
    free = shutil.disk_usage(tmp_path).free
    with pytest.raises(ResourceError, match="are free in"):
        check_target(str(tmp_path / "out"), free)


def test_sizes_in_words():
    assert [megabytes(n) for n in (12, 3_800, 45_000_000, 14_000_000_000)] == [
        "12 bytes",
        "3.8 kB",
        "45 MB",
        "14 GB",
    ]


def fill(target, error):
    with filled(target) as part:
        (part / "x").touch()
        raise error


def fill_beside_another(target):
    with filled(target) as part:
        (part / "x").touch()
        target.mkdir()
        (target / "theirs").touch()
