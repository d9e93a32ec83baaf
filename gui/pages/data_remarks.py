"""Worth a look: what is left out and why, what may go wrong, and what can be done about it."""

from PySide6.QtWidgets import QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from engine.job.events import Inspected
from gui.state.app_state import AppState
from gui.state.remarks import Finding, Fix, findings
from gui.widgets.badge import Badge
from gui.widgets.buttons import Button
from gui.widgets.card import Card
from gui.widgets.icon_label import IconLabel
from gui.widgets.labels import Label, Line
from gui.widgets.look import set_look

ICONS = {"bad": "circle-alert", "warn": "triangle-alert", "good": "circle-check"}


class RemarksCard(Card):
    """One line per finding; a green one at the foot when answers end as they should."""

    def __init__(self, state: AppState, parent: QWidget | None = None) -> None:
        super().__init__(parent=parent, title=self.tr("Worth a look"))
        self._state = state
        self._shown: list[Finding] | None = None
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
        remarks = findings(found, self._state.draft.job)
        if remarks != self._shown:
            self._shown = remarks
            self._make_rows(remarks)
        open_ones = [remark for remark in remarks if remark.tone != "good"]
        count = len(open_ones)
        words = self.tr("1 remark") if count == 1 else self.tr("{n} remarks").format(n=count)
        tone = "bad" if any(remark.tone == "bad" for remark in open_ones) else "warn" if open_ones else "good"
        self.badge.set(words if open_ones else self.tr("All good"), tone)
        ends = ", ".join(found.end_tokens) if found.rows_kind else ""
        text = (
            self.tr("Answers end with {token}; the model learns to stop.").format(token=ends) if ends else ""
        )
        self.good.setText(text if found.is_complete else self.tr("Counting tokens…"))
        self.good_icon.setVisible(found.is_complete and bool(ends))

    def _make_rows(self, remarks: list[Finding]) -> None:
        while self._list.count():
            item = self._list.takeAt(0)
            widget = item.widget() if item else None
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        for remark in remarks:
            self._list.addWidget(self._row(remark))
        self._list.addStretch(1)

    def _row(self, remark: Finding) -> QWidget:
        widget = QWidget()
        row = QHBoxLayout(widget)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(10)
        row.addWidget(IconLabel(ICONS[remark.tone], remark.tone, 16))
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addWidget(Label(remark.title, "strong", wrap=True))
        if remark.text:
            words.addWidget(Label(remark.text, "small", wrap=True))
        if remark.fixes:
            words.addLayout(self._buttons(remark.fixes))
        row.addLayout(words, 1)
        return widget

    def _buttons(self, fixes: tuple[Fix, ...]) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(6)
        for fix in fixes:
            button = Button(fix.label, "secondary", compact=True)
            button.setProperty("fix", (fix.dotted, fix.value))
            button.clicked.connect(self._apply)
            row.addWidget(button)
        row.addStretch(1)
        return row

    def _apply(self) -> None:
        button = self.sender()
        if isinstance(button, Button):
            dotted, value = button.property("fix")
            self._state.draft.set_value(str(dotted), value)
