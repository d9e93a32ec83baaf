"""The window's process stays light: what it loads before the first paint, and what it never loads."""

import json
import os
import subprocess
import sys

from tests.rules.layers import TORCH
from tests.rules.source_tree import ROOT

AFTER_FIRST_PAINT = ("pyqtgraph", "numpy", "pyarrow", "huggingface_hub", "httpx")
"""The window may load them, but not while somebody waits for it."""

FIRST_PAINT = """
import json, sys
from gui.app import main
code = main(["--selftest"])  # closes as soon as something was painted
print(json.dumps([code, sorted(sys.modules)]))
"""

EVERY_PAGE = """
import json, sys
from gui.app import make_application
from gui.state.app_state import AppState
from gui.window import PAGES, MainWindow
app = make_application()
state = AppState()
state.load_example()
window = MainWindow(state)
for page in ("welcome", *PAGES):
    window.go(page)
    window.grab()
    app.processEvents()
window.close()
state.shut_down()
print(json.dumps([0, sorted(sys.modules)]))
"""


def modules_after(script, home):
    """What a fresh process has loaded when the script ends."""
    environment = {
        **os.environ,
        "TUNEWRIGHT_HOME": str(home),
        "QT_QPA_PLATFORM": "offscreen",
        "PYTHONPATH": str(ROOT),
    }
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    code, loaded = json.loads(done.stdout.splitlines()[-1])
    assert code == 0
    return {name.split(".")[0] for name in loaded}


def test_the_first_paint_waits_for_no_library_that_can_come_later(tmp_path):
    loaded = modules_after(FIRST_PAINT, tmp_path)
    assert "PySide6" in loaded
    assert loaded & {*TORCH, *AFTER_FIRST_PAINT} == set()


def test_a_window_that_has_shown_every_page_has_not_loaded_torch(tmp_path):
    loaded = modules_after(EVERY_PAGE, tmp_path)
    assert "gui" in loaded
    assert loaded & {*TORCH} == set()
