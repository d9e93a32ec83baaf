"""The models that are assembled: a line each, with the prompts of its topic."""

import dataclasses
from functools import partial

from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QMenu, QVBoxLayout, QWidget

from engine.job.job import Choice
from engine.job.moe_settings import COUNTS
from gui.state.app_state import AppState
from gui.state.assembling import Rows, cleaned, finished_runs, rows_of
from gui.state.background import in_background
from gui.widgets.buttons import Button
from gui.widgets.expert_line import ExpertLine
from gui.widgets.labels import Label

MOST = COUNTS[-1]


class ExpertSources(QWidget):
    """Every edit goes to the draft; what is wrong with a line comes from the state that looked at it."""

    def __init__(self, state: AppState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state = state
        self._rows: Rows = ()
        self.lines: list[ExpertLine] = []
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        self._list = QVBoxLayout()
        self._list.setSpacing(6)
        layout.addLayout(self._list)
        below = QHBoxLayout()
        below.setSpacing(10)
        self.add_button = Button(self.tr("Add a model"), "secondary", "plus", compact=True)
        self.add_button.clicked.connect(lambda: self._put((*self._rows, ("", ""))))
        below.addWidget(self.add_button)
        self.note = Label(
            self.tr("Fine-tuned from the model above, each with a few prompts of its topic."), "small"
        )
        below.addWidget(self.note, 1)
        layout.addLayout(below)

    def fill(self) -> None:
        """Follow the draft and what was seen of its models."""
        job = self._state.draft.job
        self._rows = rows_of(job)
        self._make_lines(len(self._rows))
        problems = self._state.assembling.problems(job) or ("",) * len(self._rows)
        for line, (source, prompts), problem in zip(self.lines, self._rows, problems, strict=True):
            line.show_values(source, prompts, problem)
        self.add_button.setVisible(len(self._rows) < MOST)

    def _make_lines(self, count: int) -> None:
        while len(self.lines) > count:
            line = self.lines.pop()
            self._list.removeWidget(line)
            line.hide()
            line.deleteLater()
        while len(self.lines) < count:
            line = self._line(len(self.lines))
            self.lines.append(line)
            self._list.addWidget(line)

    def _line(self, place: int) -> ExpertLine:
        line = ExpertLine(place + 1, self)
        line.source_written.connect(partial(self._set_source, place))
        line.prompts_written.connect(partial(self._set_prompts, place))
        line.folder_asked.connect(partial(self._choose_folder, place))
        line.run_asked.connect(partial(self._ask_runs, place))
        line.file_asked.connect(partial(self._choose_file, place))
        line.removed.connect(partial(self._remove, place))
        return line

    def _set_source(self, place: int, text: str) -> None:
        self._replace(place, (cleaned(text, may_be_name=True), self._rows[place][1]))

    def _set_prompts(self, place: int, text: str) -> None:
        self._replace(place, (self._rows[place][0], cleaned(text, may_be_name=False)))

    def _remove(self, place: int) -> None:
        self._put((*self._rows[:place], *self._rows[place + 1 :]))

    def _replace(self, place: int, row: tuple[str, str]) -> None:
        self._put((*self._rows[:place], row, *self._rows[place + 1 :]))

    def _put(self, rows: Rows) -> None:
        job = self._state.draft.job
        sources, prompts = tuple(row[0] for row in rows), tuple(row[1] for row in rows)
        settings = dataclasses.replace(job.moe.settings, sources=sources, prompts=prompts)
        self._state.draft.replace(dataclasses.replace(job, moe=Choice(job.moe.kind, settings)))

    def _choose_folder(self, place: int) -> None:
        name = QFileDialog.getExistingDirectory(self, self.tr("Choose a model's folder"))
        if name:
            self._set_source(place, name)

    def _choose_file(self, place: int) -> None:
        title = self.tr("Choose a file with prompts, one a line")
        name, _ = QFileDialog.getOpenFileName(self, title, "", self.tr("Text (*.txt *.md);;All files (*)"))
        if name:
            self._set_prompts(place, name)

    def _ask_runs(self, place: int) -> None:
        in_background(self, finished_runs, partial(self._offer_runs, place))

    def _offer_runs(self, place: int, found: object) -> None:
        assert isinstance(found, list)
        if place >= len(self.lines):  # taken out meanwhile
            return
        button = self.lines[place].run_button
        menu = self.run_menu(place, found)
        menu.popup(button.mapToGlobal(button.rect().bottomLeft()))

    def run_menu(self, place: int, runs: list[tuple[str, str]]) -> QMenu:
        """The finished runs to choose from for a line."""
        menu = QMenu(self)
        menu.aboutToHide.connect(menu.deleteLater)
        for name, folder in runs:
            menu.addAction(name).triggered.connect(partial(self._set_source, place, folder))
        if not runs:
            menu.addAction(self.tr("No run has ended yet.")).setEnabled(False)
        return menu
