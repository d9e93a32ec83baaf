"""The left side of Export: format, precision, file size, card, folder, space."""

from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from engine.job.exports import EXPORTS
from gui.state.export import ExportState
from gui.state.words import size_words
from gui.widgets.buttons import Button
from gui.widgets.card import Card, Note
from gui.widgets.choice_group import ChoiceGroup
from gui.widgets.fit_scroll import FitScroll
from gui.widgets.key_values import KeyValues
from gui.widgets.labels import Label, Line, TermLabel
from gui.widgets.radio_row import RadioRow
from gui.widgets.select import Select
from gui.widgets.switch import Switch

TERMS = {"merged": "merged", "adapter": "adapter", "gguf": "GGUF"}
SHARDS = ("1", "2", "5", "10")


class ExportChoice(Card):
    """`start_asked` and `cancel_asked` from the one button at the foot."""

    start_asked = Signal()
    cancel_asked = Signal()

    def __init__(self, export: ExportState, parent: QWidget | None = None) -> None:
        super().__init__(padding=18, parent=parent)
        self._export = export
        content = QWidget()
        self._column = QVBoxLayout(content)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(10)
        self._column.addWidget(TermLabel(self.tr("What do you want to take away?"), self.tr("format")))
        self.formats = ChoiceGroup(1, self.tr("Format"))
        for kind, card in EXPORTS.items():
            self.formats.add(kind, RadioRow(card.title, card.help, TERMS[kind], framed=True))
        self.formats.set_value(export.format)
        self.formats.changed.connect(lambda kind: export.choose(format=kind))
        self._column.addWidget(self.formats)
        self._add_options()
        self._column.addWidget(Line())
        self._add_folder()
        self._column.addStretch(1)
        self._scroll = FitScroll(content)
        self.body.addWidget(self._scroll, 1)
        foot = QHBoxLayout()
        foot.addWidget(Label(self.tr("Nothing is ever overwritten."), "small"), 1)
        self.button = Button(self.tr("Export"), "primary", "package")
        self.button.clicked.connect(self._press)
        foot.addWidget(self.button)
        self.body.addLayout(foot)

    def refresh(self) -> None:
        """Follow the state."""
        export = self._export
        if export.run is None:
            return
        types = list(EXPORTS[export.format].types.items())
        self.types.set_options(types, export.type)
        self.types_row.setVisible(len(types) > 1)
        self.shard_row.setVisible(export.format == "merged")
        self.card_row.setVisible(export.format != "gguf")
        self.formats.set_value(export.format)
        for kind in EXPORTS:
            self.formats.choice(kind).set_blocked(export.problem(kind))
            type = export.type if kind == export.format else next(iter(EXPORTS[kind].types))
            plan = export.plan(kind, type)
            size = plan.file_bytes if plan else export.size(kind, type)
            self.formats.choice(kind).set_side(size_words(size) if size else "")  # type: ignore[union-attr]
        own = self.tr("Small, but only Tunewright opens it, beside its base model.")
        self.formats.choice("adapter").set_sentence(own if export.is_own_adapter else EXPORTS["adapter"].help)  # type: ignore[union-attr]
        if self.folder.text() != str(export.folder):
            self.folder.setText(str(export.folder))
        self._refresh_space()
        is_running = export.status == "running"
        again = self.tr("Export again") if export.exported else self.tr("Export")
        self.button.set_label(self.tr("Cancel") if is_running else again)
        self.button.set_kind("secondary" if is_running or export.exported else "primary")
        for widget in (self.formats, self.types, self.shard, self.card, self.folder, self.choose_button):
            widget.setEnabled(not is_running)
        bar = self._scroll.verticalScrollBar().sizeHint().width()
        self._scroll.setMinimumWidth(self._column.minimumSize().width() + bar)

    def _add_options(self) -> None:
        self.types = Select([("auto", "")], "auto", self.tr("Precision"))
        self.types.changed.connect(lambda value: self._export.choose(type=value))
        self.types_row = self._row(self.tr("Precision"), self.tr("type"), self.types)
        sizes = [(size, f"{size} GB") for size in SHARDS]
        self.shard = Select(sizes, "5", self.tr("Largest single file"), compact=True)
        self.shard.changed.connect(lambda value: self._export.choose(shard_gigabytes=float(value)))
        self.shard_row = self._row(self.tr("Largest single file"), self.tr("shard size"), self.shard)
        self.card = Switch(self.tr("Include settings and licence"), True)
        self.card.toggled.connect(lambda on: self._export.choose(writes_card=on))
        self.card_row = self._row(self.tr("Include settings and licence"), self.tr("model card"), self.card)

    def _add_folder(self) -> None:
        self._column.addWidget(Label(self.tr("Folder"), "heading"))
        row = QHBoxLayout()
        row.setSpacing(8)
        self.folder = QLineEdit()
        self.folder.setAccessibleName(self.tr("Folder"))
        self.folder.editingFinished.connect(self._take_folder)
        self.choose_button = Button(self.tr("Choose…"), "secondary", "folder-open")
        self.choose_button.clicked.connect(self._choose)
        row.addWidget(self.folder, 1)
        row.addWidget(self.choose_button)
        self._column.addLayout(row)
        note = Note()
        self.space = KeyValues(2, [])
        self.space_words = Label("", "small", wrap=True)
        note.body.addWidget(self.space)
        note.body.addWidget(self.space_words)
        self._column.addWidget(note)

    def _row(self, label: str, term: str, editor: QWidget) -> QWidget:
        widget = QWidget()
        row = QHBoxLayout(widget)
        row.setContentsMargins(0, 0, 0, 0)
        words = TermLabel(label, term)
        words.set_buddy(editor)
        row.addWidget(words, 1)
        row.addWidget(editor)
        self._column.addWidget(widget)
        return widget

    def _refresh_space(self) -> None:
        space = self._export.space()
        self.space.set_pairs(
            [
                (self.tr("Space needed"), size_words(space.needed)),
                (self.tr("Free on this disk"), size_words(space.free)),
            ]
        )
        target = self._export.target()
        is_short = space.needed > space.free
        self.button.set_blocked(self.tr("Not enough space") if is_short else "")
        if target != self._export.folder:
            text = self.tr("A folder of that name exists, so the next export becomes “{name}”.")
            self.space_words.setText(text.format(name=target.name))
        self.space_words.setVisible(target != self._export.folder)

    def _take_folder(self) -> None:
        text = self.folder.text().strip()
        if text and Path(text).expanduser() != self._export.folder:
            self._export.choose(folder=Path(text).expanduser().absolute())

    def _choose(self) -> None:
        name = QFileDialog.getExistingDirectory(self, self.tr("Where the exported folder is placed"))
        if name:
            self._export.choose(folder=Path(name) / self._export.folder.name)

    def _press(self) -> None:
        if self._export.status == "running":
            self.cancel_asked.emit()
        else:
            self.start_asked.emit()
