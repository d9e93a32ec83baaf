"""The verbs of `run.py`: what they start, in which order, and the exit code they end with."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import run
from computer import Need, Problem

ROOT = Path(run.__file__).resolve().parent
FILES = ("run.py", "packaging/computer.py", "packaging/environment.py")


@pytest.fixture
def started(monkeypatch):
    """What run.py starts in the environment, recorded; all of it goes well."""
    calls = []
    monkeypatch.setattr(run, "provide_environment", lambda: calls.append("set-up"))
    monkeypatch.setattr(run, "missing_libraries", list)
    monkeypatch.setattr(run, "missing_programs", list)
    for name in ("become", "call"):
        monkeypatch.setattr(run, name, lambda *words: calls.append(" ".join(words)) or 0)
    return calls


@pytest.mark.parametrize("name", FILES)
def test_an_older_python_can_read_the_file_to_say_that_it_is_too_old(name):
    ast.parse((ROOT / name).read_text(encoding="utf-8"), feature_version=(3, 8))


@pytest.mark.parametrize("name", FILES)
def test_the_setup_needs_nothing_that_is_not_in_python(name):
    tree = ast.parse((ROOT / name).read_text(encoding="utf-8"))
    imports = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imports |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    own = {"computer", "environment"}
    assert {module.split(".")[0] for module in imports} - own <= sys.stdlib_module_names


def test_with_a_display_the_window_opens(started, monkeypatch):
    monkeypatch.setattr(run, "has_display", lambda system, environment: True)
    assert run.main([]) == 0
    assert started == ["set-up", "-m gui"]


def test_without_a_display_the_example_runs_in_the_terminal(started, monkeypatch, capsys):
    monkeypatch.setattr(run, "has_display", lambda system, environment: False)
    monkeypatch.setattr(run, "missing_libraries", lambda: [Need("libEGL.so.1", "libegl1")])
    assert run.main([]) == 0
    assert started == ["set-up", "-m engine example"]
    assert capsys.readouterr().err == "No display found: running the two-minute example in the terminal.\n"


def missing_egl(monkeypatch):
    def provide(missing):
        raise Problem("Some system packages are missing.")

    monkeypatch.setattr(run, "provide", provide)


def test_a_window_that_cannot_open_is_refused_before_the_setup(started, monkeypatch, capsys):
    monkeypatch.setattr(run, "has_display", lambda system, environment: True)
    missing_egl(monkeypatch)
    assert run.main([]) == 2
    assert started == []
    assert "missing" in capsys.readouterr().err


def test_setup_goes_on_without_the_windows_libraries(started, monkeypatch, capsys):
    missing_egl(monkeypatch)
    assert run.main(["setup"]) == 0
    assert started == ["set-up"]
    assert "missing" in capsys.readouterr().err


def test_the_tests_are_refused_where_they_cannot_run(started, monkeypatch):
    missing_egl(monkeypatch)
    assert run.main(["test"]) == 2
    assert started == []


def test_test_runs_every_check_and_then_pytest_with_the_arguments(started):
    assert run.main(["test", "-n0", "tests/setup"]) == 0
    assert started == [
        "set-up",
        "-m ruff format --check .",
        "-m ruff check .",
        "-m mypy",
        "-m pytest -n0 tests/setup",
    ]


@pytest.mark.parametrize("failing", ["ruff format", "ruff check", "mypy", "pytest"])
def test_test_fails_when_any_part_fails_but_runs_them_all(started, monkeypatch, failing):
    def call(*words):
        started.append(" ".join(words))
        return int(failing in " ".join(words))

    monkeypatch.setattr(run, "call", call)
    assert run.main(["test"]) == 1
    assert len(started) == 5


def test_benchmark_passes_its_arguments_on(started):
    assert run.main(["benchmark", "--quick"]) == 0
    assert started[1].endswith("run.py --quick")


@pytest.mark.parametrize("arguments", [["sing"], ["setup", "now"], ["--fast"]])
def test_an_unknown_verb_is_refused_with_the_known_ones(started, capsys, arguments):
    assert run.main(arguments) == 2
    assert "does not know" in capsys.readouterr().err
    assert started == []


@pytest.mark.parametrize(
    "error", [Problem("Set-up failed.", code=1), PermissionError(13, "Permission denied", ".venv")]
)
def test_a_failed_setup_is_a_sentence_and_exit_code_1(monkeypatch, capsys, error):
    def provide_environment():
        raise error

    monkeypatch.setattr(run, "provide_environment", provide_environment)
    assert run.main(["check"]) == 1
    assert "Traceback" not in capsys.readouterr().err


def test_an_interruption_is_told_and_ends_with_130(monkeypatch, capsys):
    def provide_environment():
        raise KeyboardInterrupt

    monkeypatch.setattr(run, "provide_environment", provide_environment)
    assert run.main(["check"]) == 130
    assert "go on" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "extra"),
    [([], True), (["tests/setup", "-x"], True), (["-n0"], False), (["-n", "3"], False), (["--pdb"], False)],
)
def test_test_files_are_shared_among_the_cores_unless_chosen_otherwise(monkeypatch, arguments, extra):
    monkeypatch.setattr(run.os, "cpu_count", lambda: 8)
    assert run.in_parallel(arguments) == (["-n", "4", "--dist", "loadfile"] if extra else [])


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize(("ending", "code"), [("raise SystemExit(7)", 7), ("os.kill(os.getpid(), 9)", 137)])
def test_the_exit_code_of_what_was_run_passes_through(monkeypatch, ending, code):
    monkeypatch.setattr(run, "PYTHON", sys.executable)
    assert run.call("-c", f"import os; {ending}") == code


def test_the_usage_names_every_verb():
    done = subprocess.run(
        [sys.executable, str(ROOT / "run.py"), "--help"], capture_output=True, text=True, check=True
    )
    for verb in ("setup", "test", "check", "benchmark"):
        assert f"\n  {verb}" in done.stdout


def test_ci_calls_the_one_command():
    lines = (ROOT / ".ci" / "run").read_text().splitlines()
    assert lines[0] == "#!/usr/bin/env bash"
    assert lines[-1] == "python3 run.py test"
