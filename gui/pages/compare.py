"""Compare: the same prompt and seed in two to four columns; judge, test blind, keep votes and reports."""

import json
import random
from functools import partial
from pathlib import Path

from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QMenu, QWidget

from engine.job.job import Job
from engine.library.folders import starter_folder
from engine.library.runs import checkpoints_of, list_runs
from gui.language import QT_TRANSLATE_NOOP
from gui.pages.compare_column import CompareColumn
from gui.pages.compare_prompt import PromptCard
from gui.pages.compare_prompts import PromptsDialog
from gui.pages.compare_votes import VoteBar
from gui.pages.page import Page
from gui.state.app_state import AppState
from gui.state.background import in_background
from gui.state.compare import MOST_COLUMNS, CompareState, run_source
from gui.state.compare_report import write_report
from gui.state.live_run import LiveRun
from gui.state.prompts import held_out_prompts, watched_prompts
from gui.widgets.buttons import Button
from gui.widgets.empty_state import EmptyState
from gui.widgets.notice import Notice

HELP = QT_TRANSLATE_NOOP(
    "ComparePage",
    "Both models get exactly the same prompt and the same random numbers, so every difference you see comes from "
    "training. The line with the fingerprint proves which weights answer. Where a model has experts, its answer can be "
    "coloured by the expert that each token goes to first, layer by layer.",
)


class ComparePage(Page):
    """Wires prompt, columns and votes to the state."""

    def __init__(self, state: AppState) -> None:
        subtitle = QT_TRANSLATE_NOOP("ComparePage", "Same prompt, same seed. Judge which one you would ship.")
        super().__init__(state, QT_TRANSLATE_NOOP("ComparePage", "Compare answers"), subtitle, HELP)
        self.compare = CompareState(state.engine, self)
        self.columns: list[CompareColumn] = []
        self._order: list[int] = []
        self._is_blind = False
        self._add_buttons()
        self.empty = self._empty()
        self.body.addWidget(self.empty, 1)
        self.content = QWidget()
        self.prompt_card = PromptCard(self.compare)
        self.vote_bar = VoteBar(self.compare)
        self._lay_out()
        self._connect()
        self._refresh()

    def entered(self) -> None:
        """Show the run that was trained last beside its base, unless something else was chosen."""
        if not self.compare.columns:
            self._choose_newest_run()
        self.compare.warm()
        self.prompt_card.edit.setFocus()

    def left(self) -> None:
        """Free the models' memory while another page is open."""
        self.compare.close()
        self._refresh()

    def show_run(self, run_folder: Path) -> None:
        """Compare a run with its base model."""
        run = LiveRun(run_folder)
        if run.job is None:
            return
        base = run.job.model.source
        sources = [(base, _model_title(base)), (run_source(run_folder), run.name)]
        self.compare.set_models(sources, run_folder)
        self._offer_prompts(run.job)

    def show_model(self, source: str) -> None:
        """Try a model alone."""
        self.compare.set_models([(source, _model_title(source))])
        self.compare.warm()

    def show_runs(self, folders: list[Path]) -> None:
        """Compare several runs with the base of the first."""
        if folders:
            self.show_run(folders[0])
        for folder in folders[1:]:
            self._set_column((run_source(folder), LiveRun(folder).name), None)

    def start(self) -> None:
        """Ctrl+Enter: generate."""
        self._generate()

    def stop(self) -> None:
        """Ctrl+.: end the answer in progress."""
        self.compare.stop()

    # Building

    def _add_buttons(self) -> None:
        self.add_button = Button(self.tr("Add a column"), "secondary", "plus")
        self.blind_button = Button(self.tr("Blind test"), "secondary", "flask-conical")
        self.blind_button.setCheckable(True)
        self.report_button = Button(self.tr("Save as report"), "secondary", "download")
        for button in (self.add_button, self.blind_button, self.report_button):
            self.header.add_button(button)
        self.add_button.clicked.connect(lambda: self._column_menu(None))
        self.blind_button.toggled.connect(self._set_blind)
        self.report_button.clicked.connect(self._report_menu)

    def _empty(self) -> EmptyState:
        empty = EmptyState(
            "columns-2",
            self.tr("Nothing to compare yet"),
            self.tr("Train a model first, or open a run or a model folder here."),
        )
        train = Button(self.tr("Go to Train"), "primary", "activity")
        train.clicked.connect(lambda: self.state.navigate.emit("train"))
        empty.add_button(train)
        choose = Button(self.tr("Choose a model"), "secondary", "box")
        choose.clicked.connect(lambda: self._column_menu(None))
        empty.add_button(choose)
        return empty

    def _lay_out(self) -> None:
        self.body.addWidget(self.prompt_card)
        self.row = QHBoxLayout()
        self.row.setSpacing(14)
        self.content.setLayout(self.row)
        self.row.setContentsMargins(0, 0, 0, 0)
        self.body.addWidget(self.content, 1)
        self.body.addWidget(self.vote_bar)

    def _connect(self) -> None:
        self.compare.changed.connect(self._refresh)
        self.compare.piece.connect(self._show_piece)
        self.compare.answered.connect(self._show_answer)
        self.compare.routed.connect(self._show_routes)
        self.compare.failed.connect(self._show_failure)
        self.prompt_card.generate.connect(self._generate)
        self.vote_bar.voted.connect(self._vote)
        self.vote_bar.view_changed.connect(self._mark_differences)
        self.vote_bar.save_votes.connect(self._save_votes)
        self.state.run_changed.connect(self._follow_run)
        for key in range(1, MOST_COLUMNS + 2):
            shortcut = QShortcut(QKeySequence(str(key)), self.content)
            shortcut.activated.connect(lambda key=key: self.vote_bar.press(key))

    # Choosing models

    def _follow_run(self) -> None:
        if self.state.run is not None:
            self.state.run.ended.connect(self._choose_newest_run)

    def _choose_newest_run(self) -> None:
        run = self.state.run
        if run is not None and run.status in ("done", "stopped"):
            self.show_run(run.folder)
            return
        done = [info for info in list_runs() if info.record.status in ("done", "stopped")]
        if done and not self.compare.columns:
            self.show_run(done[0].folder)

    def _column_menu(self, place: int | None) -> None:
        """Choose what a column holds: `place` None adds one."""
        menu = QMenu(self)
        self._add_choice(menu, self.tr("Starter model"), ("starter", _model_title("starter")), place)
        for info in list_runs()[:12]:
            if not (info.folder / "adapter").exists() and not checkpoints_of(info.folder):
                continue
            sub = menu.addMenu(info.record.name.replace("&", "&&"))
            self._add_choice(sub, self.tr("Result"), (run_source(info.folder), info.record.name), place)
            for path in checkpoints_of(info.folder):
                step = int(path.name.removeprefix("step-"))
                title = f"{info.record.name}, step {step}"
                self._add_choice(sub, f"Step {step}", (run_source(info.folder, step), title), place)
        menu.addAction(self.tr("A model folder…"), lambda: self._choose_folder(place))
        if place is not None and len(self.compare.columns) > 1:
            menu.addSeparator()
            menu.addAction(self.tr("Remove this column"), lambda: self._set_column(None, place))
        anchor = self.add_button if place is None else self.columns[place].menu_button
        menu.exec(anchor.mapToGlobal(anchor.rect().bottomLeft()))

    def _add_choice(self, menu: QMenu, label: str, source: tuple[str, str], place: int | None) -> None:
        menu.addAction(label.replace("&", "&&"), lambda: self._set_column(source, place))

    def _choose_folder(self, place: int | None) -> None:
        name = QFileDialog.getExistingDirectory(self, self.tr("Choose a model folder"))
        if name:
            self._set_column((name, Path(name).name), place)

    def _set_column(self, source: tuple[str, str] | None, place: int | None) -> None:
        sources = [(column.source, column.title) for column in self.compare.columns]
        if source is None and place is not None:
            del sources[place]
        elif source is not None and place is None:
            sources.append(source)
        elif source is not None and place is not None:
            sources[place] = source
        self.compare.set_models(sources, self.compare.run_folder)
        self.compare.warm()

    def _offer_prompts(self, job: Job) -> None:
        self.prompt_card.set_prompts(watched_prompts(job), [])

        def show(found: object) -> None:
            assert isinstance(found, list)
            self.prompt_card.set_prompts(watched_prompts(job), found)

        in_background(self, lambda: held_out_prompts(job), show)

    # Answers

    def _generate(self) -> None:
        prompt = self.prompt_card.prompt()
        if not prompt:
            self.prompt_card.edit.setFocus()
            return
        self.notices.clear()
        self.compare.sampling = self.prompt_card.sampling()
        self._order = list(range(len(self.compare.columns)))
        if self._is_blind:
            random.shuffle(self._order)
        self.compare.ask(prompt)

    def _refresh(self) -> None:
        has_columns = bool(self.compare.columns)
        self.empty.setVisible(not has_columns)
        for widget in (self.prompt_card, self.content, self.vote_bar):
            widget.setVisible(has_columns)
        self.add_button.setEnabled(len(self.compare.columns) < MOST_COLUMNS)
        self.report_button.setEnabled(bool(self.compare.history))
        self._match_columns()
        for place, number in enumerate(self._order):
            self._fill(place, number)
        self.prompt_card.refresh()
        self.vote_bar.refresh(self._order, self._hides_names)

    def _fill(self, place: int, number: int) -> None:
        column = self.compare.columns[number]
        routing = self.compare.routing(column)
        self.columns[place].fill(column, routing, self._hides_names, self.compare.status)

    def _match_columns(self) -> None:
        count = len(self.compare.columns)
        if sorted(self._order) != list(range(count)):
            self._order = list(range(count))
        while len(self.columns) > count:
            column = self.columns.pop()
            self.row.removeWidget(column)
            column.deleteLater()
        while len(self.columns) < count:
            column = CompareColumn(len(self.columns))
            column.menu_asked.connect(self._column_menu)
            column.prompts_asked.connect(self._show_prompts)
            self.columns.append(column)
            self.row.addWidget(column, 1)

    def _show_piece(self, number: int) -> None:
        self.columns[self._order.index(number)].show_text(self.compare.columns[number].text)

    def _show_routes(self, number: int) -> None:
        column = self.compare.columns[number]
        shown = self.columns[self._order.index(number)]
        shown.experts.fill(column, self.compare.routing(column), self._hides_names)

    def _show_prompts(self, place: int) -> None:
        dialog = PromptsDialog(self.compare.columns[self._order[place]], self)
        dialog.exec()
        dialog.deleteLater()

    def _show_answer(self, number: int) -> None:
        self._show_piece(number)
        if self.compare.is_complete:
            self._mark_differences()

    def _mark_differences(self) -> None:
        everything = self.vote_bar.shows_differences
        texts = [self.compare.columns[number].text for number in self._order]
        for place, column in enumerate(self.columns):
            other = texts[1 if place == 0 and len(texts) > 1 else 0]
            is_comparable = self.compare.is_complete and len(texts) > 1
            column.view.compare_with(other if is_comparable else None, everything)

    def _show_failure(self, title: str, advice: str) -> None:
        self.notices.show_notice("failure", Notice("error", title, advice, dismissible=True))

    # Votes

    @property
    def _hides_names(self) -> bool:
        return self._is_blind and not self.compare.current_vote

    def _set_blind(self, is_blind: bool) -> None:
        self._is_blind = is_blind
        self._refresh()

    def _vote(self, place: int) -> None:
        choice = "same" if place < 0 else str(self._order[place])
        self.compare.vote(choice)

    def _save_votes(self) -> None:
        rows = self.compare.preference_rows()
        if not rows:
            text = self.tr("Vote for a better answer first; 'same' teaches nothing.")
            self.state.notice.emit("warn", self.tr("There is no decided vote."), text)
            return
        title = self.tr("Save the votes as preference data")
        name, _ = QFileDialog.getSaveFileName(self, title, "votes.jsonl", "JSON Lines (*.jsonl)")
        if name:
            lines = [json.dumps(row, ensure_ascii=False) for row in rows]
            self._write(Path(name), "\n".join(lines) + "\n")

    def _report_menu(self) -> None:
        menu = QMenu(self)
        for kind, label in (("html", "HTML"), ("csv", "CSV"), ("md", "Markdown")):
            menu.addAction(label, partial(self._save_report, kind))
        menu.exec(self.report_button.mapToGlobal(self.report_button.rect().bottomLeft()))

    def _save_report(self, kind: str) -> None:
        title = self.tr("Save as report")
        name, _ = QFileDialog.getSaveFileName(self, title, f"comparison.{kind}", f"*.{kind}")
        if name:
            titles = [column.title for column in self.compare.columns]
            self._write(Path(name), write_report(kind, titles, self.compare.history))

    def _write(self, path: Path, text: str) -> None:
        try:
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            self.state.notice.emit("error", f"{path} cannot be written: {error.strerror}.", "Choose another.")
            return
        self.state.notice.emit("success", self.tr("Saved {name}.").format(name=path.name), "")


def _model_title(source: str) -> str:
    return "Starter" if source in ("starter", str(starter_folder())) else Path(source).name
