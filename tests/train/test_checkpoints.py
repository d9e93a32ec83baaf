import json
import os
import random
import signal
import subprocess
import sys
import time

import pytest
import torch

from engine.job.errors import FolderError, ResourceError
from engine.train import checkpoints
from engine.train.checkpoints import (
    complete_folder,
    damage,
    newest_whole,
    prune,
    read_state,
    read_tensors,
    require_space,
    write_checkpoint,
)


def write(run, step, size=100):
    tensors = {"optimizer": {"a/b": torch.full((size,), float(step))}, "reference": {}}
    return write_checkpoint(
        run, step, lambda folder: (folder / "w.txt").write_text(f"{step}"), tensors, {"at": step}
    )


def test_what_was_written_is_read_back(tmp_path):
    path = write(tmp_path, 200)
    assert path == tmp_path / "checkpoints" / "step-000200"
    assert read_state(path) == {"at": 200}
    assert read_tensors(path, "optimizer")["a/b"].tolist() == [200.0] * 100
    assert read_tensors(path, "reference") == {}
    assert sorted(file.name for file in path.iterdir()) == [
        "manifest.json",
        "optimizer.safetensors",
        "state.json",
        "w.txt",
    ]
    assert damage(path) == ""


def test_the_newest_is_found_by_number_not_by_name(tmp_path):
    for step in (999_999, 1_000_000, 5):
        write(tmp_path, step)
    assert newest_whole(tmp_path)[0].name == "step-1000000"


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def cut(path):
    path.write_bytes(path.read_bytes()[:-1])


@pytest.mark.parametrize("file", ["optimizer.safetensors", "state.json", "w.txt"])
@pytest.mark.parametrize("harm", [flip, cut, os.unlink])
def test_a_damaged_newest_gives_way_to_an_older_one_and_says_so(file, harm, tmp_path):
    older, newest = write(tmp_path, 1), write(tmp_path, 2)
    harm(newest / file)
    found, damaged = newest_whole(tmp_path)
    assert found == older
    assert list(damaged) == ["step-000002"]
    assert file in damaged["step-000002"]


@pytest.mark.parametrize("text", ["", "[]", '{"files": 3}', '{"files": {"w.txt": {}}}'])
def test_a_manifest_that_makes_no_sense_is_damage(text, tmp_path):
    path = write(tmp_path, 1)
    (path / "manifest.json").write_text(text)
    assert "manifest.json" in damage(path)
    assert newest_whole(tmp_path)[0] is None


def test_only_checkpoints_up_to_the_one_asked_for_count(tmp_path):
    first = write(tmp_path, 1)
    write(tmp_path, 2)
    assert newest_whole(tmp_path, first)[0] == first


def test_the_newest_and_the_best_are_kept_and_leftovers_of_a_crash_removed(tmp_path):
    for step in (1, 2, 3, 4, 5):
        write(tmp_path, step)
    (tmp_path / "checkpoints" / ".part-step-000006-123").mkdir()
    prune(tmp_path, keep=2, best=2)
    assert sorted(p.name for p in (tmp_path / "checkpoints").iterdir()) == [
        "step-000002",
        "step-000004",
        "step-000005",
    ]


def test_a_step_that_is_saved_again_replaces_the_old_one(tmp_path):
    write(tmp_path, 1)
    path = write_checkpoint(tmp_path, 1, lambda folder: None, {}, {"at": "new"})
    assert read_state(path) == {"at": "new"}
    assert damage(path) == ""
    assert [p.name for p in path.parent.iterdir()] == ["step-000001"]


def test_an_error_while_writing_leaves_nothing_behind(tmp_path):
    def fail(folder):
        (folder / "half").write_text("x")
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError):
        write_checkpoint(tmp_path, 1, fail, {}, {})
    assert list((tmp_path / "checkpoints").iterdir()) == []


def test_no_checkpoint_is_begun_without_space(tmp_path):
    with pytest.raises(ResourceError, match="MiB"):
        require_space(tmp_path, 2**60)
    require_space(tmp_path, 1)


def test_a_full_disk_keeps_what_was_there(tmp_path, monkeypatch):
    older = write(tmp_path, 1)

    def full(*arguments, **more):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoints, "save_file", full)
    with pytest.raises(ResourceError, match="disk is full"):
        write(tmp_path, 2)
    assert newest_whole(tmp_path) == (older, {})
    assert [p.name for p in older.parent.iterdir()] == ["step-000001"]


@pytest.mark.skipif(sys.platform == "win32", reason="limits of this kind are a matter of POSIX")
def test_a_file_that_the_system_refuses_to_grow_keeps_what_was_there(tmp_path):
    import resource

    older = write(tmp_path, 1)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    try:
        with pytest.raises((ResourceError, FolderError)):
            write(tmp_path, 2, size=100_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, ignored)
    assert newest_whole(tmp_path) == (older, {})


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_is_read_only_is_named(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(FolderError, match=str(tmp_path)):
        write(tmp_path, 1)
    tmp_path.chmod(0o700)


def test_a_target_in_place_of_a_file_is_named(tmp_path):
    (tmp_path / "checkpoints").write_text("a file")
    with pytest.raises(FolderError, match="checkpoints"):
        write(tmp_path, 1)


def test_a_folder_takes_its_name_only_when_it_is_complete(tmp_path):
    final = tmp_path / "adapter"
    with complete_folder(final) as part:
        (part / "one").write_text("1")
        assert not final.exists()
    assert (final / "one").read_text() == "1"


_WRITER = """
import sys, torch
from pathlib import Path
from engine.train.checkpoints import prune, write_checkpoint
run = Path(sys.argv[1])
for step in range(int(sys.argv[2]), 10_000):
    fill = torch.full((50_000,), float(step))
    write_checkpoint(run, step, lambda f: (f / "w.txt").write_text(str(step)), {"optimizer": {"a": fill}}, {"at": step})
    prune(run, 2, None)
    print(step, flush=True)
"""


@pytest.mark.slow  # three processes import torch, one after the other
@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is a matter of POSIX")
def test_killed_at_any_moment_the_newest_checkpoint_is_whole(tmp_path):
    chance, done = random.Random(7), 0
    for _ in range(3):  # each start costs the import of torch
        command = [sys.executable, "-c", _WRITER, str(tmp_path), str(done + 1)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as worker:
            first = int(worker.stdout.readline())
            time.sleep(chance.uniform(0.0, 0.1))
            worker.send_signal(signal.SIGKILL)
            rest = worker.stdout.read().split()
        told = int(rest[-1]) if rest else first
        found, damaged = newest_whole(tmp_path)
        done = json.loads((found / "state.json").read_text())["at"]
        assert damaged == {}
        assert done >= told
        assert read_tensors(found, "optimizer")["a"].eq(done).all()
