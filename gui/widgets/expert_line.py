"""One model that becomes an expert: where it is, the prompts of its topic, and what is wrong with it."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QGridLayout, QLineEdit, QWidget

from gui import theme
from gui.widgets.buttons import IconButton
from gui.widgets.labels import Label
from gui.widgets.look import set_look

_PLACE = 9  # pixels of a number, so that all lines begin alike


class ExpertLine(QWidget):
    """`source_written` and `prompts_written` after an edit; the rest ask for a dialog, a menu, or to be taken out."""

    source_written = Signal(str)
    prompts_written = Signal(str)
    folder_asked = Signal()
    run_asked = Signal()
    file_asked = Signal()
    removed = Signal()

    def __init__(self, number: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(6)
        grid.setVerticalSpacing(2)
        self.source = self._line(self.tr("Folder, hub name or run"), self.tr("Model {n}").format(n=number))
        self.source.editingFinished.connect(lambda: self._tell(self.source))
        self.prompts = self._line(
            self.tr("Text file, one prompt a line"), self.tr("Prompts of model {n}").format(n=number)
        )
        self.prompts.editingFinished.connect(lambda: self._tell(self.prompts))
        self.folder_button = self._button("folder-open", self.tr("Choose a folder"), number)
        self.run_button = self._button("history", self.tr("Choose a finished run"), number)
        self.file_button = self._button("file-text", self.tr("Choose a file with prompts"), number)
        self.remove_button = self._button("x", self.tr("Take it out"), number)
        self.folder_button.clicked.connect(self.folder_asked)
        self.run_button.clicked.connect(self.run_asked)
        self.file_button.clicked.connect(self.file_asked)
        self.remove_button.clicked.connect(self.removed)
        self.problem = Label("", "smalltext", tone="warn", wrap=True)
        self.problem.hide()
        place = Label(str(number), "small")
        place.setFixedWidth(theme.scaled(_PLACE))
        row = (
            place,
            self.source,
            self.folder_button,
            self.run_button,
            self.prompts,
            self.file_button,
            self.remove_button,
        )
        for column, widget in enumerate(row):
            grid.addWidget(widget, 0, column)
        grid.addWidget(self.problem, 1, 1, 1, len(row) - 1)
        grid.setColumnStretch(1, 3)
        grid.setColumnStretch(4, 2)

    def show_values(self, source: str, prompts: str, problem: str) -> None:
        """What the draft holds, and a sentence about it, "" for a good one."""
        for line, text in ((self.source, source), (self.prompts, prompts)):
            line.setProperty("kept", text)
            if line.text() != text and not (line.hasFocus() and line.isModified()):
                line.setText(text)
                line.end(False)  # a path's end tells more than its beginning
            line.setToolTip(text)
        self.problem.setText(problem)
        self.problem.setVisible(bool(problem))

    def _tell(self, line: QLineEdit) -> None:
        if line.text().strip() != line.property("kept"):
            line.setModified(False)
            written = self.source_written if line is self.source else self.prompts_written
            written.emit(line.text().strip())

    def _line(self, words: str, name: str) -> QLineEdit:
        line = QLineEdit()
        line.setPlaceholderText(words)
        line.setAccessibleName(name)
        line.setProperty("kept", "")
        set_look(line, compact=True)
        return line

    def _button(self, icon: str, name: str, number: int) -> IconButton:
        button = IconButton(icon, name, compact=True)
        button.setAccessibleName(f"{name} ({number})")
        return button
