"""The smoke script itself: it finds the program, keeps away from the user's files and tells a failure."""

import os
import sys

import pytest

import smoke

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the stand-in programs are shell scripts")


def program(folder, body):
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "tunewright"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize("place", ["bin", "", "Contents/MacOS"])
def test_the_program_is_found_in_an_environment_a_bundle_and_an_app(tmp_path, place):
    assert smoke.find_program(tmp_path) is None
    path = program(tmp_path / place, "true")
    assert smoke.find_program(tmp_path) == path
    assert smoke.find_program(path) == path


def test_a_passing_selftest_is_exit_code_0(tmp_path):
    assert smoke.main([str(program(tmp_path, 'test "$1" = selftest'))]) == 0


def test_a_failing_selftest_is_exit_code_1(tmp_path, capsys):
    assert smoke.main([str(program(tmp_path, "exit 3"))]) == 1
    assert "exit code 3" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [[], ["one", "two"], ["/no/such/place"]])
def test_without_a_program_it_is_exit_code_2(arguments):
    assert smoke.main(arguments) == 2


def test_the_selftest_sees_neither_the_users_folders_nor_the_project(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    told = tmp_path / "told"
    path = program(tmp_path, f'echo "$HOME|$XDG_DATA_HOME|$PYTHONPATH|$QT_QPA_PLATFORM|$(pwd)" > {told}')
    assert smoke.main([str(path)]) == 0
    home, data, python_path, platform, folder = told.read_text().strip().split("|")
    assert home not in ("", os.environ["HOME"])
    assert data.startswith(home)
    assert (python_path, platform) == ("", "offscreen")
    assert folder == home
