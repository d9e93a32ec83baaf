import subprocess
import sys

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from gui.widgets.chart_toolbar import ChartToolbar


class Driven:
    def __init__(self):
        self.calls = []
        self.trouble = None

    def set_smoothing(self, factor):
        self.calls.append(("smoothing", round(factor, 2)))

    def set_logarithmic(self, is_log):
        self.calls.append(("log", is_log))

    def set_axis(self, axis):
        self.calls.append(("axis", axis))

    def show_all(self):
        self.calls.append(("all",))

    def export(self, path):
        if self.trouble:
            raise self.trouble
        self.calls.append(("export", path.name))


def test_a_driven_chart_takes_over_the_choices_and_follows_them():
    toolbar, chart = ChartToolbar(0.9), Driven()
    toolbar.drive(chart)
    assert chart.calls == [("smoothing", 0.9), ("log", False), ("axis", "step")]
    chart.calls.clear()
    toolbar.show()
    QTest.mouseClick(toolbar.scale.button("log"), Qt.MouseButton.LeftButton)
    QTest.keyClick(toolbar.axis, Qt.Key.Key_Down)
    QTest.mouseClick(toolbar.zoom_out, Qt.MouseButton.LeftButton)
    assert chart.calls == [("smoothing", 0.9), ("log", True), ("axis", "tokens"), ("all",)]


def test_saving_says_where_or_why_not(tmp_path):
    toolbar, chart = ChartToolbar(), Driven()
    toolbar.drive(chart)
    saved, failed = [], []
    toolbar.saved.connect(saved.append)
    toolbar.failed.connect(failed.append)
    toolbar.save_to(tmp_path / "a.png")
    chart.trouble = PermissionError(13, "Permission denied")
    toolbar.save_to(tmp_path / "b.png")
    assert saved == [tmp_path / "a.png"]
    assert failed == [f"The chart could not be saved to {tmp_path / 'b.png'}: Permission denied"]


def test_the_toolbar_and_the_simple_widgets_do_not_load_pyqtgraph():
    code = (
        "import importlib, pathlib, sys\n"
        "names = [p.stem for p in pathlib.Path('gui/widgets').glob('*.py') if not p.stem.startswith('chart')]\n"
        "[importlib.import_module('gui.widgets.' + n) for n in [*names, 'chart_toolbar', 'chart_spec', 'chart_series']]\n"
        "assert 'pyqtgraph' not in sys.modules and 'torch' not in sys.modules"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
