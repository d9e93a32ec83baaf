"""How `.venv` is made, completed and repaired, with the steps themselves replaced by what they leave behind."""

import subprocess
import sys
from typing import NamedTuple

import pytest

import environment
from computer import Problem


class Usage(NamedTuple):
    """What `shutil.disk_usage` tells of a disk, as far as it is asked here."""

    free: int


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project folder of its own whose set-up steps are recorded, not done."""
    (tmp_path / "packaging").mkdir()
    (tmp_path / "packaging" / "constraints.txt").write_text("numpy==2.4.6\ntorch==2.13.0\n")
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    venv = tmp_path / ".venv"
    places = {"ROOT": tmp_path, "VENV": venv, "PYTHON": venv / "bin" / "python"}
    places |= {"STAMP": venv / "setup.json", "LOG": venv / "setup.log", "LOCK": venv / "setup.lock"}
    places["CONSTRAINTS"] = tmp_path / "packaging" / "constraints.txt"
    for name, place in places.items():
        monkeypatch.setattr(environment, name, place)
    monkeypatch.setattr(environment, "has_nvidia", lambda: False)
    monkeypatch.setattr(environment, "refuse_full_disk", lambda torch: None)
    return tmp_path


@pytest.fixture
def steps(project, monkeypatch):
    """The commands of the set-up, as a list; `steps.failing` makes those with that word fail."""

    class Steps(list):
        failing = None

    done = Steps()

    def run_logged(command, what):
        done.append(command)
        if done.failing and any(done.failing in word for word in command):
            raise Problem("The package index cannot be reached.", code=1)
        if "venv" in command:
            environment.PYTHON.parent.mkdir(parents=True)
            environment.PYTHON.write_text("")

    monkeypatch.setattr(environment, "run_logged", run_logged)
    return done


def test_the_first_setup_creates_installs_and_leaves_a_stamp(steps):
    environment.provide_environment()
    assert steps[0][:3] == [sys.executable, "-m", "venv"]
    assert steps[-1][-1] == f"{environment.ROOT}[window,dev]"
    assert environment.read_stamp()["python"] == ".".join(map(str, sys.version_info[:3]))


def test_a_second_setup_does_nothing(steps):
    environment.provide_environment()
    steps.clear()
    environment.provide_environment()
    assert steps == []


@pytest.mark.parametrize("name", ["pyproject.toml", "packaging/constraints.txt"])
def test_a_changed_file_installs_again_into_the_same_environment(steps, project, name):
    environment.provide_environment()
    steps.clear()
    with (project / name).open("a") as file:
        file.write("# changed\n")
    environment.provide_environment()
    assert steps
    assert not any("venv" in command for command in steps)


@pytest.mark.parametrize("key", ["python", "torch", "root"])
def test_another_python_torch_build_or_place_starts_anew(steps, key):
    environment.provide_environment()
    environment.write_stamp({**environment.read_stamp(), key: "another"})
    leftover = environment.VENV / "leftover"
    leftover.write_text("")
    steps.clear()
    environment.provide_environment()
    assert "venv" in steps[0]
    assert not leftover.exists()


def test_an_interrupted_setup_is_repaired_by_the_next(steps, monkeypatch):
    def interrupted(torch):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(environment, "install", interrupted)
        with pytest.raises(KeyboardInterrupt):
            environment.provide_environment()
    half_written = environment.VENV / "lib" / "half"
    half_written.mkdir(parents=True)
    environment.provide_environment()
    assert not half_written.exists()
    assert environment.read_stamp() == environment.wanted_stamp("cpu" if sys.platform == "linux" else "plain")


def test_a_torn_stamp_counts_as_interrupted(steps):
    environment.provide_environment()
    environment.STAMP.write_text('{"files": "ab')
    assert environment.must_start_anew(environment.read_stamp(), environment.wanted_stamp("cpu"))


def test_an_environment_without_a_stamp_is_completed_in_place(steps, project):
    environment.PYTHON.parent.mkdir(parents=True)
    environment.PYTHON.write_text("")
    environment.provide_environment()
    assert not any("venv" in command for command in steps)
    assert environment.read_stamp()


def test_a_failed_update_keeps_the_former_environment(steps, project):
    environment.provide_environment()
    before = environment.read_stamp()
    (project / "pyproject.toml").write_text("[project]\n# newer\n")
    steps.failing = "--editable"
    with pytest.raises(Problem) as problem:
        environment.provide_environment()
    assert problem.value.code == 1
    assert environment.read_stamp() == before


def test_a_failed_first_setup_is_done_anew(steps):
    steps.failing = "--editable"
    with pytest.raises(Problem):
        environment.provide_environment()
    steps.failing = None
    steps.clear()
    (environment.VENV / "bin" / "python").unlink()
    (environment.VENV / "bin").rmdir()
    environment.provide_environment()
    assert "venv" in steps[0]


def test_a_debian_without_venv_is_told_the_package(steps, monkeypatch):
    asked = []
    monkeypatch.setattr(environment.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(environment, "provide", asked.extend)
    environment.provide_environment()
    assert [need.package for need in asked] == [f"python3.{sys.version_info.minor}-venv"]


@pytest.mark.skipif(sys.platform == "win32", reason="the same file is locked by other means there")
def test_a_second_setup_waits_for_the_first(project):
    environment.VENV.mkdir()
    child = "import fcntl, sys; f = open(sys.argv[1], 'a'); fcntl.flock(f, fcntl.LOCK_EX); print('held', flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", child, str(environment.LOCK)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout.readline() == "held\n"
        with environment.LOCK.open("a") as lock:
            assert not environment.try_lock(lock.fileno())
            other.kill()  # as when a set-up is killed: its lock is gone with it
            other.wait()
            assert environment.try_lock(lock.fileno())


def test_linux_without_nvidia_looks_for_the_cpu_build_first():
    attempts = environment.torch_attempts(environment.torch_build("linux", nvidia=False), "linux", "2.13.0")
    assert [attempt[-1] for attempt in attempts] == [
        "torch==2.13.0+cpu",
        "torch==2.13.0+cpu",
        "torch==2.13.0",
    ]
    assert "--index-url" not in attempts[0]
    assert attempts[1][1].endswith("/cpu")
    for brief in attempts[:2]:
        assert "--retries" in brief


@pytest.mark.parametrize(("system", "nvidia"), [("linux", True), ("darwin", False), ("win32", False)])
def test_elsewhere_the_plain_build_is_the_right_one(system, nvidia):
    assert environment.torch_attempts(environment.torch_build(system, nvidia), system, "2.13.0") == [
        ["torch==2.13.0"]
    ]


def test_windows_with_nvidia_looks_for_the_cuda_build_first():
    first, last = environment.torch_attempts(environment.torch_build("win32", nvidia=True), "win32", "2.13.0")
    assert "/cu1" in first[1]
    assert last == ["torch==2.13.0"]


def test_the_plain_build_is_taken_where_the_other_cannot_be_had(steps):
    steps.failing = "+cpu"
    environment.install_torch(environment.torch_attempts("cpu", "linux", "2.13.0"))
    assert [command[-1] for command in steps] == ["torch==2.13.0+cpu", "torch==2.13.0+cpu", "torch==2.13.0"]


def test_constraints_without_torch_are_refused(project):
    environment.CONSTRAINTS.write_text("numpy==2.4.6\n")
    with pytest.raises(Problem, match="no version of torch"):
        environment.install("cpu")


def test_a_disk_without_room_is_refused_before_anything_happens(project, monkeypatch):
    monkeypatch.undo()
    monkeypatch.setattr(environment.shutil, "disk_usage", lambda path: Usage(1_500_000_000))
    with pytest.raises(Problem, match=r"needs 3 GB .* 1\.5 GB are free"):
        environment.refuse_full_disk("cpu")


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ("OSError: [Errno 28] No space left on device", "disk is full"),
        (
            "NewConnectionError: Failed to establish: Temporary failure in name resolution",
            "check the network",
        ),
        ("ERROR: No matching distribution found for torch==2.13.0", "3.11 to 3.14"),
        ("SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED]", "certificate"),
        ("HINT: This error might have occurred since ... Windows Long Path support", "too long for Windows"),
        ("PermissionError: [Errno 13] Permission denied", "cannot be written"),
        ("something else", "stopped with an error"),
    ],
)
def test_a_failed_step_is_explained(output, words):
    assert words in environment.reason(output)


def test_a_failed_step_shows_the_end_of_its_output(project):
    environment.VENV.mkdir()
    environment.LOG.write_text("from an earlier step: No space left\n")
    code = "import sys; print('\\n'.join(map(str, range(20)))); sys.exit(3)"
    with pytest.raises(Problem) as problem:
        environment.run_logged([sys.executable, "-c", code], "counting")
    text = str(problem.value)
    assert "    19\nThis happened while counting" in text
    assert "    13" not in text
    assert "disk is full" not in text
    assert str(environment.LOG) in text
