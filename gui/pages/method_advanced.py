"""Advanced: every field of the chosen cards and of the run's sections, generated from the settings."""

from collections.abc import Callable

from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from engine.job.errors import JobError
from engine.job.job import CARD_SECTIONS, Job, with_value
from engine.job.moe_settings import GROUP, ROUTER
from engine.job.rates import usual_rate
from engine.job.sections import (
    DeviceSection,
    ModelSection,
    RowsSection,
    SavingSection,
    TrainSection,
    WatchSection,
)
from engine.job.settings import SettingField
from gui.state.draft import Draft
from gui.widgets.badge import Badge
from gui.widgets.buttons import Button, IconButton
from gui.widgets.card import Card
from gui.widgets.form import Form, fields_of
from gui.widgets.labels import ElidedLabel, Label, Line
from gui.widgets.search_field import SearchField
from gui.widgets.segmented import Segmented

SECTIONS = {
    "train": TrainSection,
    "rows": RowsSection,
    "saving": SavingSection,
    "watch": WatchSection,
    "device": DeviceSection,
}
TABS = {
    "Steps": ("Steps",),
    "Optimizer": ("Optimizer",),
    "Method": ("Method",),
    "Adapter": ("Adapter",),
    "Experts": (GROUP, ROUTER),
    "Text": ("Text",),
    "Precision": ("Precision",),
    "Checking and saving": ("Checking and saving",),
}
"""The groups of settings that stand under each tab."""

SHORT = {"Checking and saving": "Saving"}
"""Words of a tab where all of them have little room."""

_NARROW = 840  # pixels of a card in which eight tabs need the short words


class AdvancedCard(Card):
    """Folded at first. The form gets other fields when another card is chosen."""

    def __init__(
        self,
        draft: Draft,
        refusal: Callable[[str, object], str],
        has_experts: Callable[[], bool],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent=parent, padding=16)
        self._refusal = refusal
        self._has_experts = has_experts
        self._draft = draft
        self._shown: tuple[object, ...] = ()
        self._fields: list[tuple[str, SettingField]] = []
        self.form: Form | None = None
        self.body.addLayout(self._top())
        self.inner = QWidget()
        self._layout = QVBoxLayout(self.inner)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(12)
        self.tabs = Segmented([("Steps", "Steps")], "Steps", self.tr("Group of settings"))
        self.tabs.changed.connect(self._show_tab)
        row = QHBoxLayout()
        row.addWidget(self.tabs)
        row.addStretch(1)
        self._layout.addLayout(row)
        self._layout.addWidget(Line())
        self.body.addWidget(self.inner)
        self.inner.hide()
        self.search.hide()

    def refresh(self) -> None:
        """Follow the draft."""
        job = self._draft.job
        self._fields = form_fields(job, self._has_experts())
        shown = (len(self._fields), *(getattr(job, section).kind for section in CARD_SECTIONS))
        if self.inner.isVisibleTo(self) and shown != self._shown:
            self._build(shown)
        values, defaults = values_of(job, self._fields), defaults_of(job, self._fields)
        changed = [key for key, value in values.items() if value != defaults[key]]
        words = self.tr("{n} changed").format(n=len(changed)) if changed else self.tr("Nothing changed")
        self.badge.set(words, "accent" if changed else "neutral")
        self.reset_button.setVisible(bool(changed))
        count = len(values)
        note = self.tr("{n} settings. All keep their tested values unless you change them.").format(n=count)
        self.words.setText(note)
        if self.form is not None:
            self.form.set_values(values, defaults)
            self._mark_tabs()

    def _top(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(10)
        self.fold_button = IconButton("chevron-right", self.tr("Show advanced settings"), compact=True)
        self.fold_button.clicked.connect(self.toggle)
        self.words = ElidedLabel("", "muted")
        self.search = SearchField(self.tr("Find a setting"))
        self.search.setFixedWidth(220)
        self.search.textChanged.connect(self._find)
        self.badge = Badge("", "neutral")
        self.reset_button = Button(self.tr("Reset all"), "secondary", "rotate-ccw", compact=True)
        self.reset_button.clicked.connect(self._reset)
        row.addWidget(self.fold_button)
        row.addWidget(Label(self.tr("Advanced"), "heading"))
        row.addWidget(self.words)
        row.addStretch(1)
        for widget in (self.search, self.badge, self.reset_button):
            row.addWidget(widget)
        return row

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if (event.size().width() < _NARROW) != (event.oldSize().width() < _NARROW):
            self._name_tabs()

    def toggle(self) -> None:
        """Fold or unfold."""
        is_open = not self.inner.isVisibleTo(self)
        self.inner.setVisible(is_open)
        self.search.setVisible(is_open)
        name = self.tr("Hide advanced settings") if is_open else self.tr("Show advanced settings")
        self.fold_button.set_label("", "chevron-down" if is_open else "chevron-right")
        self.fold_button.setAccessibleName(name)
        self.refresh()

    def _build(self, shown: tuple[object, ...]) -> None:
        self._shown = shown
        if self.form is None:
            self.form = Form(())
            self.form.show_only(())  # until the tab is known
            self.form.changed.connect(self._change)
            self._layout.addWidget(self.form)
        self.form.set_fields(self._fields)
        tabs = [tab for tab in TABS if self._keys_of(tab)]
        current = self.tabs.value() if self.tabs.value() in tabs else tabs[0]
        self.tabs.set_options([(tab, tab) for tab in tabs], current)
        self._name_tabs()
        self._show_tab(current)

    def _name_tabs(self) -> None:
        for tab, _ in self.tabs.options():
            self.tabs.set_label(tab, SHORT.get(tab, tab) if self.width() < _NARROW else tab)
        self._mark_tabs()

    def _show_tab(self, tab: str) -> None:
        if self.form is not None:
            self.form.show_only(self._keys_of(tab))

    def _keys_of(self, tab: str) -> list[str]:
        """The fields under a tab."""
        groups = self.form.groups() if self.form is not None else {}
        return [key for group in TABS.get(tab, ()) for key in groups.get(group, [])]

    def _mark_tabs(self) -> None:
        if self.form is None:
            return
        changed = self.form.changed_keys()
        for tab, _ in self.tabs.options():
            self.tabs.set_marked(tab, any(key in changed for key in self._keys_of(tab)))

    def _find(self, text: str) -> None:
        if self.form is not None:
            self.form.set_filter(text)

    def _change(self, key: str, value: object) -> None:
        reason = self._refusal(key, value)
        if reason and self.form is not None:
            self.form.set_error(key, reason)
            return
        try:
            self._draft.set_value(key, value)
        except JobError as error:
            if self.form is not None:
                self.form.set_error(key, error.title)

    def _reset(self) -> None:
        job = self._draft.job
        for key, value in defaults_of(job, self._fields).items():
            job = with_value(job, key, value)
        self._draft.replace(job)


def form_fields(job: Job, has_experts: bool) -> list[tuple[str, SettingField]]:
    """The fields of the form for the chosen cards: (dotted name, field) pairs.

    Without experts those of a router do nothing; they are left out unless one of them was changed.
    """
    fields = [pair for pair in fields_of(ModelSection, "model") if pair[1].setting.group]
    fields += [pair for section, cls in SECTIONS.items() for pair in fields_of(cls, section)]
    for section in CARD_SECTIONS:
        settings = getattr(job, section).settings
        if section != "moe" or has_experts or settings != type(settings)():
            fields += fields_of(type(settings), section)
    return fields


def values_of(job: Job, fields: list[tuple[str, SettingField]]) -> dict[str, object]:
    """The present value of these fields, by dotted name."""
    values: dict[str, object] = {}
    for key, field in fields:
        target = getattr(job, key.split(".")[0])
        values[key] = getattr(getattr(target, "settings", target), field.name)
    return values


def defaults_of(job: Job, fields: list[tuple[str, SettingField]]) -> dict[str, object]:
    """The tested value of these fields; how strongly depends on the part that changes."""
    values = {key: field.default for key, field in fields}
    return values | {"train.learning_rate": usual_rate(job.adapter.kind, job.adapter.settings)}
