"""The two-minute example through the window, once on a real screen and once offscreen."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.flow.processes import left_behind
from tests.flow.screen import screen

ROOT = Path(__file__).parents[2]
STRANGER = Path(__file__).with_name("stranger.py")
PICTURES = "TUNEWRIGHT_SCREENSHOTS"
"""Where the pictures are kept; without it they go to the test's own folder."""


@pytest.mark.window
@pytest.mark.slow(reason="trains, compares and exports with real engine processes")
@pytest.mark.timeout(280)
def test_the_example_goes_from_welcome_to_an_exported_folder_in_a_real_window(tmp_path):
    with screen() as display:
        pictures = Path(os.environ.get(PICTURES) or tmp_path / "pictures")
        report = _drive(tmp_path, {"QT_QPA_PLATFORM": "xcb", "DISPLAY": display}, str(pictures))
    _judge(report, tmp_path)
    assert _answer_of_a_stranger(report) == report["tuned"]


@pytest.mark.slow(reason="trains, compares and exports with real engine processes")
@pytest.mark.timeout(280)
def test_the_example_goes_from_welcome_to_an_exported_folder_offscreen(tmp_path):
    report = _drive(tmp_path, {"QT_QPA_PLATFORM": "offscreen"})
    _judge(report, tmp_path)
    assert _answer_of_a_stranger(report) == report["tuned"]


@pytest.mark.window
@pytest.mark.slow(reason="trains, compares and exports with real engine processes")
@pytest.mark.timeout(280)
def test_a_mixture_of_experts_goes_from_its_choice_to_a_stock_model_in_a_real_window(tmp_path):
    with screen() as display:
        pictures = Path(os.environ.get(PICTURES) or tmp_path / "pictures")
        platform = {"QT_QPA_PLATFORM": "xcb", "DISPLAY": display}
        report = _drive(tmp_path, platform, str(pictures), flow="tests.flow.drive_experts")
    _judge(report, tmp_path)
    assert report["steps_told"] == list(range(1, report["steps"] + 1))
    assert report["layers"] == 4
    assert report["coloured"].strip() == report["tuned"]
    assert report["architecture"] == "Mixtral"
    config = json.loads((Path(report["export"]) / "config.json").read_text(encoding="utf-8"))
    assert (config["architectures"], config["num_experts_per_tok"]) == (["MixtralForCausalLM"], 2)
    assert _answer_of_a_stranger(report) == report["tuned"]


def _drive(tmp_path: Path, platform: dict[str, str], *pictures: str, flow: str = "tests.flow.drive") -> dict:
    home = tmp_path / "home"
    report = tmp_path / "report.json"
    environment = {
        **os.environ,
        **platform,
        "TUNEWRIGHT_HOME": str(home),
        "HF_HOME": str(home / "huggingface"),
        "TUNEWRIGHT_QUICK_EXAMPLE": "1",
        "PYTHONWARNINGS": "always",
        "PYTHONFAULTHANDLER": "1",
    }
    command = [sys.executable, "-m", flow, str(report), *pictures]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=270, check=False
    )
    behind = left_behind(home)
    assert report.exists(), f"The window ended with {done.returncode}:\n{done.stderr}"
    found = json.loads(report.read_text(encoding="utf-8"))
    print(f"Main thread, {platform['QT_QPA_PLATFORM']}: {found['stalls']}")
    assert "trouble" not in found, found["trouble"] + done.stderr
    assert done.stderr == "", "Qt, Python or our code complained"
    assert done.returncode == 0
    assert behind == [], "processes were left behind"
    return found


def _judge(report: dict, tmp_path: Path) -> None:
    assert report["base"] != report["tuned"], "training changed nothing that a person sees"
    assert report["losses"][1] < report["losses"][0]
    assert [title for title, passed in report["checks"] if not passed] == []
    assert len(report["checks"]) >= 4
    assert report["runs"] == [["done", {"base": 0, "same": 0, "run": 1}]]
    assert Path(report["export"]).is_relative_to(tmp_path / "home")


def _answer_of_a_stranger(report: dict) -> str:
    """What a fresh process with transformers alone answers from the exported folder."""
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "PYTHONPATH": ""}
    command = [sys.executable, "-P", str(STRANGER), report["export"], str(report["max_new_tokens"])]
    done = subprocess.run(
        command,
        input=report["prompt"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
