"""The two-minute example by hand, in the app as it starts: from Welcome to an exported folder.

    python -m tests.flow.drive REPORT.json [PICTURES]

A process of its own, so that nothing of the test is in the window. The platform (xcb or offscreen), the home and
the length of the example come by environment variables. What happened is written to the report.
"""

import json
import sys
import traceback
from pathlib import Path
from typing import Any

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication

from gui.app import main, make_application
from gui.window import MainWindow
from tests.flow.hands import Hands


class Flow:
    """The steps in their order; `report` is what the outer test looks at."""

    def __init__(self, hands: Hands) -> None:
        self.hands = hands
        self.window = hands.window
        self.state = hands.window.state
        self.report: dict[str, Any] = {}

    def run(self) -> None:
        """All of it."""
        self.welcome()
        self.look_at_the_set_up()
        self.train()
        self.compare()
        self.export()
        self.runs()
        self.report["stalls"] = self.hands.stalls.words()

    def welcome(self) -> None:
        assert self.window.page == "welcome"
        self.hands.rest(0.5)
        self.hands.picture("welcome")
        self.hands.press(self.window.pages["welcome"].example_button, "starting the example")
        assert self.window.page == "train"
        page = self.window.pages["train"]
        start = page.idle.start_button  # in this window; without a window manager no window is the active one
        self.hands.until(lambda: self.window.focusWidget() is start, 3, "Start has the focus")
        self.hands.picture("train-idle")

    def look_at_the_set_up(self) -> None:
        self.hands.go("model")
        self.hands.rest(0.5)
        self.hands.picture("model")
        self.hands.go("data")
        inspection = self.state.inspection
        self.hands.stalls.doing = "the data is read"
        found = lambda: inspection.failure or (inspection.inspected and inspection.inspected.is_complete)  # noqa: E731
        self.hands.until(found, 60, "the rows come")
        assert inspection.failure is None, inspection.failure
        self.hands.rest(0.5)
        self.hands.picture("data")
        self.hands.go("method")
        self.hands.picture("method")
        self.hands.press(self.window.pages["method"].advanced.fold_button, "showing every setting")
        self.hands.rest(0.3)
        self.hands.picture("method-advanced")
        self.hands.go("settings")
        self.hands.rest(0.5)
        self.hands.picture("settings")
        self.hands.go("train")

    def train(self) -> None:
        page = self.window.pages["train"]
        self.hands.press(page.idle.start_button, "pressing Start")
        run = self.state.run
        self.hands.stalls.doing = "the engine starts"
        self.hands.until(lambda: len(run.steps) >= 3 or run.failure, 90, "three steps are done")
        assert run.failure is None, run.failure
        self.hands.press(page.pause_button, "pausing")
        self.hands.until(lambda: run.status == "paused", 30, "the run pauses")
        seen = len(run.steps)
        self.hands.rest(1.0)
        assert len(run.steps) == seen, "a paused run went on"
        self.hands.picture("train-paused")
        self.hands.press(page.pause_button, "continuing")
        self.hands.stalls.doing = "training"
        self.hands.until(lambda: len(run.steps) > seen, 30, "the run goes on")
        self.hands.until(lambda: not run.is_active, 200, "the run ends")
        assert run.status == "done", run.failure
        assert run.samples, "no sample was shown"
        self.hands.rest(0.5)
        self.hands.picture("train-done")
        self.look_at_the_end()
        self.report["run"] = str(run.folder)
        self.report["steps"] = len(run.steps)
        self.report["losses"] = [run.steps[0].loss, run.steps[-1].loss]
        self.hands.press(page.compare_button, "comparing")
        assert self.window.page == "compare"

    def look_at_the_end(self) -> None:
        """What else a run shows when it is done."""

    def compare(self) -> None:
        page = self.window.pages["compare"]
        compare = page.compare
        self.hands.until(page.prompt_card.prompt, 20, "a prompt is offered")
        pieces: list[int] = []
        compare.piece.connect(pieces.append)
        self.hands.press(page.prompt_card.generate_button, "generating")
        self.hands.stalls.doing = "the answers stream"
        self.hands.until(lambda: compare.is_complete, 90, "both have answered")
        self.hands.rest(0.3)
        self.hands.picture("compare")
        assert set(pieces) == {0, 1}, "an answer did not stream"
        base, tuned = compare.columns
        assert base.loaded.fingerprint != tuned.loaded.fingerprint
        self.hands.press(page.vote_bar.buttons[1], "voting")
        assert compare.tally()["1"] == 1
        self.report["prompt"] = compare.prompt
        self.report["base"], self.report["tuned"] = base.text, tuned.text
        self.report["max_new_tokens"] = compare.sampling.max_new_tokens

    def export(self) -> None:
        self.hands.go("export")
        page = self.window.pages["export"]
        self.hands.picture("export-before")
        self.hands.press(page.choice.button, "exporting")
        self.hands.stalls.doing = "exporting"
        self.hands.until(lambda: page.export.status in ("done", "failed"), 120, "the export ends")
        self.hands.rest(0.3)
        self.hands.picture("export")
        assert page.export.status == "done"
        self.report["checks"] = [(check.title, check.passed) for check in page.export.checks]
        self.report["export"] = page.export.exported.path

    def runs(self) -> None:
        self.hands.go("runs")
        page = self.window.pages["runs"]
        self.hands.until(lambda: page.runs.rows, 20, "the runs are listed")
        self.hands.rest(0.5)
        self.hands.picture("runs")
        self.report["runs"] = [(row.record.status, row.record.votes) for row in page.runs.rows]


def begin(flow: type[Flow]) -> None:
    """Start the app and go through `flow`; ends the process."""
    application = make_application()
    report, *pictures = (Path(argument) for argument in sys.argv[1:])
    QTimer.singleShot(300, application, lambda: _go(flow, report, pictures[0] if pictures else None))
    sys.exit(main([]))


def _go(wanted: type[Flow], report_path: Path, pictures: Path | None) -> None:
    window = next(w for w in QApplication.topLevelWidgets() if isinstance(w, MainWindow))
    flow = wanted(Hands(window, pictures))
    try:
        flow.run()
    except BaseException:  # noqa: BLE001 - told to the outer test, then the window closes in order
        flow.report["trouble"] = traceback.format_exc()
        flow.report["stalls"] = flow.hands.stalls.words()
    report_path.write_text(json.dumps(flow.report), encoding="utf-8")
    if window.state.run is not None and window.state.run.is_active:
        from engine.job.commands import Stop

        window.state.control(Stop(keep=False))
        flow.hands.until(lambda: not window.state.run.is_active, 30, "the run stops")
    window.close()


if __name__ == "__main__":
    begin(Flow)
