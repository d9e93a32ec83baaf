"""The right side of Export: how far it is, then the receipt."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from engine.job.events import Check
from gui.pages.export_outcome import ExportOutcome
from gui.state.export import ExportState
from gui.state.words import size_words
from gui.widgets.badge import Badge
from gui.widgets.buttons import Button
from gui.widgets.card import Card, Note
from gui.widgets.flow import Flow
from gui.widgets.icon_label import IconLabel
from gui.widgets.key_values import KeyValues
from gui.widgets.labels import Label, Line
from gui.widgets.look import set_look
from gui.widgets.plain_text import PlainText
from gui.widgets.progress import Progress


class ExportReceipt(Card):
    """Empty before, progress while, checks and the two answers after an export."""

    open_asked = Signal()
    copy_path_asked = Signal()
    copy_snippet_asked = Signal()

    def __init__(self, export: ExportState, parent: QWidget | None = None) -> None:
        super().__init__(padding=20, parent=parent)
        self._export = export
        self._shown_checks = 0
        self._add_top()
        self.body.addWidget(Line())
        self._add_details()
        self._add_buttons()

    def refresh(self) -> None:
        """Follow the state."""
        export = self._export
        is_done = export.status == "done"
        self._refresh_top()
        self._refresh_checks()
        self.caption.setVisible(bool(export.checks))
        is_ahead = not export.checks and not is_done
        self.outcome.setVisible(is_ahead)
        if is_ahead:
            self.outcome.refresh()
        for widget in (self.facts, self.answers):
            widget.setVisible(is_done)
        for button in (self.open_button, self.path_button, self.snippet_button):
            button.setVisible(is_done)
        if export.exported is not None and is_done:
            self._refresh_facts()

    def _add_top(self) -> None:
        row = QHBoxLayout()
        row.setSpacing(12)
        self.icon = IconLabel("package", "muted", 20, "note")
        row.addWidget(self.icon)
        words = QVBoxLayout()
        words.setSpacing(1)
        self.title = Label("", "heading", wrap=True)
        self.words = Label("", "muted", wrap=True)
        words.addWidget(self.title)
        words.addWidget(self.words)
        row.addLayout(words, 1)
        self.body.addLayout(row)
        self.bar = Progress(8, "accent", self.tr("Export progress"))
        self.body.addWidget(self.bar)

    def _add_details(self) -> None:
        """Checks, facts and answers; they scroll in a low window."""
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        inner = QWidget()
        set_look(inner, role="scrolled")
        self._details = QVBoxLayout(inner)
        self._details.setContentsMargins(0, 0, 0, 0)
        self._details.setSpacing(10)
        self.caption = Label(self.tr("Receipt"), "small")
        self._details.addWidget(self.caption)
        self.outcome = ExportOutcome(self._export)
        self._details.addWidget(self.outcome)
        self.checks = QVBoxLayout()
        self.checks.setSpacing(10)
        self._details.addLayout(self.checks)
        self.facts = KeyValues(3, [])
        self._details.addWidget(self.facts)
        self._add_answers()
        self._details.addStretch(1)
        area.setWidget(inner)
        self.body.addWidget(area, 1)

    def _add_answers(self) -> None:
        self.answers = QWidget()
        layout = QVBoxLayout(self.answers)
        layout.setContentsMargins(0, 0, 0, 0)
        self.prompt = Label("", "muted", wrap=True)
        layout.addWidget(self.prompt)
        row = QHBoxLayout()
        row.setSpacing(12)
        self.before = self._answer(row, self.tr("In Compare"), "neutral")
        self.after = self._answer(row, self.tr("From the exported folder"), "good")
        layout.addLayout(row)
        self._details.addWidget(self.answers)

    def _answer(self, row: QHBoxLayout, title: str, tone: str) -> PlainText:
        note = Note()
        line = QHBoxLayout()
        line.addWidget(Badge(title, tone))
        line.addStretch(1)
        note.body.addLayout(line)
        text = PlainText("", title, lines=5)
        note.body.addWidget(text)
        row.addWidget(note, 1)
        return text

    def _add_buttons(self) -> None:
        row = Flow()
        self.open_button = Button(self.tr("Open folder"), "primary", "folder-open")
        self.open_button.clicked.connect(self.open_asked)
        self.path_button = Button(self.tr("Copy path"), "secondary", "copy")
        self.path_button.clicked.connect(self.copy_path_asked)
        self.snippet_button = Button(self.tr("Copy snippet"), "secondary", "code")
        self.snippet_button.clicked.connect(self.copy_snippet_asked)
        for button in (self.open_button, self.path_button, self.snippet_button):
            row.addWidget(button)
        self.body.addLayout(row)

    def _refresh_top(self) -> None:
        export = self._export
        has_failed_check = any(not check.passed for check in export.checks)
        self.bar.setVisible(export.status == "running")
        if export.status == "running":
            progress = export.progress
            self.title.setText(export.phase or self.tr("Starting the engine"))
            self.words.setText(progress.title if progress else self.tr("This takes a moment."))
            if progress is not None and progress.total:
                self.bar.set_busy(False)
                self.bar.set_fraction(progress.done / progress.total)
            else:
                self.bar.set_busy(True)
            self.icon.set_icon("package", "accent")
        elif export.status == "done":
            took = self.tr("It took {seconds} seconds.").format(seconds=round(export.seconds))
            good = self.tr("The export was opened again and tried out.") + " " + took
            self.title.setText(
                self.tr("Exported, with a remark") if has_failed_check else self.tr("Exported and checked")
            )
            self.words.setText(
                self.tr("Read the line below that did not pass.") if has_failed_check else good
            )
            self.icon.set_icon(
                "triangle-alert" if has_failed_check else "check", "warn" if has_failed_check else "good"
            )
        else:
            self.title.setText(self.tr("The receipt appears here"))
            text = self.tr("After writing, the export is opened again and must answer as in Compare.")
            self.words.setText(text)
            self.icon.set_icon("receipt-text", "muted")

    def _refresh_checks(self) -> None:
        checks = self._export.checks
        if len(checks) < self._shown_checks:
            while self.checks.count():
                item = self.checks.takeAt(0)
                widget = item.widget() if item else None
                if widget is not None:
                    widget.deleteLater()
            self._shown_checks = 0
        for check in checks[self._shown_checks :]:
            self.checks.addWidget(_CheckRow(check))
        self._shown_checks = len(checks)

    def _refresh_facts(self) -> None:
        exported = self._export.exported
        assert exported is not None
        files = self.tr("{size}, {count} files").format(size=size_words(exported.bytes), count=exported.files)
        facts = [
            (self.tr("Folder"), exported.path),
            (self.tr("Size"), files),
            (self.tr("Fingerprint"), exported.fingerprint),
        ]
        self.facts.set_pairs(facts + self.outcome.facts())
        self.answers.setVisible(bool(exported.prompt))
        self.prompt.setText(f"“{exported.prompt}”")
        self.before.set_text(exported.answer_before)
        self.after.set_text(exported.answer_after)


class _CheckRow(QWidget):
    """One line of the receipt."""

    def __init__(self, check: Check) -> None:
        super().__init__()
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(10)
        row.addWidget(
            IconLabel(
                "circle-check" if check.passed else "triangle-alert", "good" if check.passed else "warn", 18
            )
        )
        words = QVBoxLayout()
        words.setSpacing(0)
        words.addWidget(Label(check.title, "strong", wrap=True))
        words.addWidget(Label(check.detail, "smalltext", wrap=True))
        row.addLayout(words, 1)
