"""Worth a look: what is left out and why, what may go wrong, and what can be done about it."""

from PySide6.QtWidgets import QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from engine.job.events import Inspected
from gui.state.app_state import AppState
from gui.widgets.badge import Badge
from gui.widgets.buttons import Button
from gui.widgets.card import Card
from gui.widgets.icon_label import IconLabel
from gui.widgets.labels import Label, Line
from gui.widgets.look import set_look

FEW_ROWS = 20
LISTED_ROWS = 8


class RemarksCard(Card):
    """One line per remark; a green one when all is well."""

    def __init__(self, state: AppState, parent: QWidget | None = None) -> None:
        super().__init__(parent=parent, title=self.tr("Worth a look"))
        self._state = state
        self.badge = Badge("", "warn")
        self.add_to_header(self.badge)
        area = QScrollArea()
        area.setWidgetResizable(True)
        inner = QWidget()
        set_look(inner, role="scrolled")
        self._list = QVBoxLayout(inner)
        self._list.setContentsMargins(0, 0, 0, 0)
        self._list.setSpacing(10)
        area.setWidget(inner)
        self.body.addWidget(area, 1)
        self.body.addWidget(Line())
        row = QHBoxLayout()
        self.good_icon = IconLabel("circle-check", "good", 16)
        self.good = Label("", "small", wrap=True)
        row.addWidget(self.good_icon)
        row.addWidget(self.good, 1)
        self.body.addLayout(row)

    def fill(self, found: Inspected) -> None:
        """Follow the inspection."""
        while self._list.count():
            item = self._list.takeAt(0)
            widget = item.widget() if item else None
            if widget is not None:
                widget.deleteLater()
        remarks = self._remarks(found)
        for title, text, fix in remarks:
            self._list.addWidget(_Remark(title, text, fix))
        self._list.addStretch(1)
        count = len(remarks)
        words = self.tr("1 remark") if count == 1 else self.tr("{n} remarks").format(n=count)
        self.badge.set(words if remarks else self.tr("All good"), "warn" if remarks else "good")
        ends = ", ".join(found.end_tokens)
        if not found.is_complete:
            self.good.setText(self.tr("Counting tokens…"))
        elif ends:
            self.good.setText(
                self.tr("Answers end with {token}; the model learns to stop.").format(token=ends)
            )
        self.good_icon.setVisible(found.is_complete and bool(ends))

    def _remarks(self, found: Inspected) -> list[tuple[str, str, Button | None]]:
        remarks: list[tuple[str, str, Button | None]] = []
        if found.duplicates:
            title = self.tr("{n} rows appear twice").format(n=found.duplicates)
            remarks.append((title, self.tr("Copies teach the same thing twice."), None))
        if found.cut:
            longest = max([*found.lengths, *found.lengths_rejected, 8])
            title = self.tr("{n} rows are too long").format(n=found.cut)
            fix = Button(self.tr("Use {n}").format(n=longest), "secondary", compact=True)
            fix.clicked.connect(lambda: self._state.draft.set_value("rows.max_tokens", longest))
            remarks.append((title, self.tr("What does not fit is cut."), fix))
        for reason, count in found.skipped.items():
            rows = found.skipped_rows.get(reason, ())
            listed = ", ".join(str(row) for row in rows[:LISTED_ROWS]) + (" …" if count > LISTED_ROWS else "")
            title = self.tr("{n} rows are left out").format(n=count)
            remarks.append((title, self.tr("{reason}: {rows}").format(reason=reason, rows=listed), None))
        if found.is_complete and found.usable < FEW_ROWS:
            title = self.tr("Only {n} rows").format(n=found.usable)
            remarks.append(
                (title, self.tr("A style needs some dozens, a task some hundreds of examples."), None)
            )
        remarks += [(sentence, "", None) for sentence in found.remarks]
        return remarks


class _Remark(QWidget):
    """A warning sign, what it is, and a button where one click mends it."""

    def __init__(self, title: str, text: str, fix: Button | None) -> None:
        super().__init__()
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(10)
        row.addWidget(IconLabel("triangle-alert", "warn", 16))
        words = QVBoxLayout()
        words.setSpacing(0)
        words.addWidget(Label(title, "strong", wrap=True))
        if text:
            words.addWidget(Label(text, "small", wrap=True))
        row.addLayout(words, 1)
        if fix is not None:
            row.addWidget(fix)
