"""The wheel, and an environment that has nothing but the wheel and what it asks for."""

import shutil
import subprocess
import sys

import pytest

import environment
from computer import Problem
from environment import ROOT


@pytest.fixture(scope="session")
def wheel(tmp_path_factory):
    """The wheel, built from a copy so that nothing is left in the project and nothing stale gets in."""
    source, built = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in ("engine", "gui", "resources"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check"]
    command = [sys.executable, "-m", "pip", "wheel", *options, "--wheel-dir", built, source]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return next(built.glob("tunewright-*.whl"))


@pytest.fixture(scope="session")
def clean_environment(wheel, tmp_path_factory):
    """A new virtual environment with the wheel and its window, installed as a user would; removed afterwards."""
    venv = tmp_path_factory.mktemp("clean") / "venv"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(environment, "PYTHON", venv / environment.PYTHON.relative_to(environment.VENV))
        patch.setattr(environment, "LOG", venv / "setup.log")
        venv.mkdir()
        environment.LOG.touch()
        try:
            environment.run_logged([sys.executable, "-m", "venv", str(venv)], "creating the environment")
            build = environment.torch_build(sys.platform, environment.has_nvidia())
            environment.install_torch(
                environment.torch_attempts(build, sys.platform, environment.torch_version())
            )
            environment.pip(
                ["--constraint", str(environment.CONSTRAINTS), f"{wheel}[window]"], "installing the wheel"
            )
        except Problem as problem:
            if "cannot be reached" in str(problem):
                pytest.skip("No package index can be reached, so nothing can be installed anew.")
            raise
    yield venv
    shutil.rmtree(venv)
