"""What the wheel holds, and that it works where only it is installed."""

import subprocess
import sys
import zipfile
from importlib.metadata import PathDistribution

import pytest

from environment import ROOT
from smoke import clean_environment as without_the_users_own
from smoke import find_program

pytestmark = pytest.mark.packaging


@pytest.fixture(scope="session")
def contents(wheel):
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.getinfo(name).file_size for name in archive.namelist()}


def test_everything_of_the_packages_is_in_the_wheel_and_nothing_else(contents):
    files = (
        path for name in ("engine", "gui", "resources") for path in (ROOT / name).rglob("*") if path.is_file()
    )
    expected = {path.relative_to(ROOT).as_posix() for path in files if "__pycache__" not in path.parts}
    assert {name for name in contents if ".dist-info/" not in name} == expected


@pytest.mark.parametrize(
    "folder", ["resources/starter/", "resources/samples/", "resources/icons/", "resources/fonts/"]
)
def test_the_wheel_carries_what_the_first_example_shows(contents, folder):
    assert sum(size for name, size in contents.items() if name.startswith(folder)) > 1000


def test_the_wheel_carries_its_licence_and_the_starters_weights(contents):
    assert any(name.endswith("dist-info/licenses/LICENSE") for name in contents)
    assert contents["resources/starter/model.safetensors"] > 1_000_000


def test_the_wheel_names_both_programs_and_its_version(wheel):
    from engine import __version__

    with zipfile.ZipFile(wheel) as archive:
        about = PathDistribution(
            next(p for p in zipfile.Path(archive).iterdir() if p.name.endswith(".dist-info"))
        )
        programs = {entry.name: entry.value for entry in about.entry_points}
        assert about.metadata["Version"] == __version__
    assert programs == {"tunewright": "engine.__main__:main", "tunewright-window": "gui.__main__:main"}


@pytest.mark.slow  # A whole environment is installed: about a minute, most of it PyTorch.
@pytest.mark.timeout(1500)
def test_the_installed_wheel_passes_its_selftest(clean_environment):
    smoke = ROOT / "packaging" / "smoke.py"
    done = subprocess.run(
        [sys.executable, smoke, clean_environment], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow  # It shares the environment of the test above.
@pytest.mark.timeout(1500)
def test_the_installed_engine_and_window_come_from_the_wheel(clean_environment, tmp_path):
    python = find_program(clean_environment).with_name("python")
    code = (
        "import engine, gui, resources; print(engine.__file__, gui.__file__, resources.__file__, sep='\\n')"
    )
    environment = without_the_users_own(str(tmp_path))
    done = subprocess.run(
        [python, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    for line in done.stdout.splitlines():
        assert line.startswith(str(clean_environment))
