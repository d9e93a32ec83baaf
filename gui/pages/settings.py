"""Settings: look, this computer, folders, network and privacy, starting fresh, help. Changes apply at once."""

import shutil
from functools import partial
from pathlib import Path

from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QDesktopServices, QGuiApplication
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

import engine
from engine.library.folders import data_folder, models_folder, runs_folder
from engine.library.hub_token import read_token
from gui.language import QT_TRANSLATE_NOOP
from gui.pages.page import GAP, Page
from gui.state.access_token import forget_token, keep_token
from gui.state.app_state import AppState
from gui.state.background import in_background
from gui.state.report import report_text
from gui.state.row_cache import clear_rows_cache, rows_cache_size
from gui.state.words import size_words
from gui.widgets.buttons import Button
from gui.widgets.card import Card
from gui.widgets.dialogs import ConfirmDialog
from gui.widgets.labels import Label, Line
from gui.widgets.look import set_look
from gui.widgets.segmented import Segmented
from gui.widgets.select import Select
from gui.widgets.setting_row import SettingRow
from gui.widgets.slider import ValueSlider
from gui.widgets.switch import Switch
from gui.widgets.token_field import TokenField


class SettingsPage(Page):
    """Two columns of cards; every row changes one preference."""

    def __init__(self, state: AppState) -> None:
        subtitle = QT_TRANSLATE_NOOP("SettingsPage", "Changes apply at once and stay on this computer.")
        super().__init__(state, QT_TRANSLATE_NOOP("SettingsPage", "Settings"), subtitle)
        self.header.add_button(Label(f"Tunewright {engine.__version__}", "muted"))
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        inner = QWidget()
        set_look(inner, role="scrolled")
        columns = QHBoxLayout(inner)
        columns.setContentsMargins(0, 0, 0, 0)
        columns.setSpacing(GAP)
        left = (self._look_card(), self._folders_card(), self._fresh_card())
        right = (self._computer_card(), self._network_card(), self._help_card())
        for cards in (left, right):
            column = QVBoxLayout()
            column.setSpacing(12)
            for card in cards:
                column.addWidget(card)
            column.addStretch(1)
            columns.addLayout(column, 1)
        area.setWidget(inner)
        self.body.addWidget(area, 1)

    def entered(self) -> None:
        """Count the folders anew."""
        for name, row in self._folder_rows.items():
            folder = self._folder(name)
            row.set_help(str(folder))
            in_background(row, partial(_size_of, folder), _Shower(row, folder).show)

        self._count_cache()

    def _count_cache(self) -> None:
        in_background(self._cache_row, rows_cache_size, _CacheShower(self._cache_row).show)

    def _clear_cache(self) -> None:
        in_background(self._cache_row, clear_rows_cache, _CacheShower(self._cache_row).show)

    def _look_card(self) -> Card:
        preferences = self.state.preferences
        themes = [("system", self.tr("System")), ("light", self.tr("Light")), ("dark", self.tr("Dark"))]
        self.theme = Segmented(themes, preferences.theme, self.tr("Theme"))
        self.theme.changed.connect(self._choose_theme)
        languages = [("system", self.tr("System")), ("en", "English")]
        self.language = Select(languages, preferences.language, self.tr("Language"))
        self.language.changed.connect(lambda value: self.state.set_preference("language", value))
        self.text_size = ValueSlider(
            80,
            160,
            preferences.text_scale,
            self.tr("Text size"),
            words=("A", "A"),
            whole=True,
            box=False,
            show=lambda value: f"{value:.0f} %",
        )
        self.text_size.changed.connect(lambda value: self.state.set_preference("text_scale", round(value)))
        return _card(
            "palette",
            self.tr("Look"),
            SettingRow(self.tr("Theme"), self.tr("Follows the system unless you choose."), self.theme),
            SettingRow(self.tr("Language"), self.tr("Numbers and dates follow it too."), self.language),
            SettingRow(self.tr("Text size"), self.tr("Scales every page."), self.text_size),
        )

    def _computer_card(self) -> Card:
        preferences = self.state.preferences
        cores = self.state.machine.now.cores
        self.threads = ValueSlider(
            1,
            max(2, cores),
            preferences.threads or cores,
            self.tr("Processor cores used"),
            whole=True,
            box=False,
            show=lambda value: self.tr("{used} of {all}").format(used=round(value), all=cores),
        )
        self.threads.setEnabled(cores > 1)
        self.threads.changed.connect(self._choose_threads)
        self.awake = self._switch("keep_awake", self.tr("Stay awake while training"))
        self.notify = self._switch("notify", self.tr("Tell me when a run ends"))
        threads = SettingRow(
            self.tr("Processor cores used"),
            self.tr("Leaves the rest for other programs."),
            self.threads,
            term=self.tr("threads"),
        )
        return _card(
            "cpu",
            self.tr("This computer"),
            threads,
            SettingRow(
                self.tr("Stay awake while training"), self.tr("The screen may still turn off."), self.awake
            ),
            SettingRow(
                self.tr("Tell me when a run ends"),
                self.tr("Shows a notification of the system."),
                self.notify,
            ),
        )

    def _folders_card(self) -> Card:
        self._folder_rows: dict[str, SettingRow] = {}
        labels = {
            "data_folder": self.tr("Data"),
            "runs_folder": self.tr("Runs and checkpoints"),
            "models_folder": self.tr("Models"),
        }
        for name, label in labels.items():
            show = Button(self.tr("Show"), "secondary", "folder-open", compact=True)
            show.setAccessibleName(f"{self.tr('Show')}: {label}")
            show.clicked.connect(lambda _checked=False, name=name: self._show_folder(name))
            move = Button(self.tr("Move…"), "secondary", compact=True)
            move.setAccessibleName(f"{self.tr('Move')}: {label}")
            move.clicked.connect(lambda _checked=False, name=name: self._move_folder(name))
            self._folder_rows[name] = SettingRow(label, "", show, move)
        clear = Button(self.tr("Clear"), "secondary", compact=True)
        clear.clicked.connect(self._clear_cache)
        self._cache_row = SettingRow(self.tr("Remembered rows"), "", clear, term=self.tr("cache"))
        return _card("folder", self.tr("Folders"), *self._folder_rows.values(), self._cache_row)

    def _network_card(self) -> Card:
        self.offline = self._switch("offline", self.tr("Work offline"))
        self.token = TokenField(has_token=read_token() is not None)
        self.token.saved.connect(self._save_token)
        self.token.removed.connect(self._remove_token)
        return _card(
            "shield-check",
            self.tr("Network and privacy"),
            SettingRow(self.tr("Work offline"), self.tr("Makes no network call at all."), self.offline),
            SettingRow(
                self.tr("Access token"),
                self.tr("For models that ask you to sign in. Kept in a file that only you may read."),
                self.token,
                term=self.tr("hub token"),
            ),
        )

    def _fresh_card(self) -> Card:
        welcome = Button(self.tr("Show it"), "secondary", compact=True)
        welcome.clicked.connect(self._show_welcome)
        reset = Button(self.tr("Reset…"), "secondary", "rotate-ccw", compact=True)
        reset.clicked.connect(self._reset)
        return _card(
            "rotate-ccw",
            self.tr("Start fresh"),
            SettingRow(
                self.tr("Show the welcome pane"), self.tr("The first page with the example."), welcome
            ),
            SettingRow(
                self.tr("Reset all settings"), self.tr("Runs, models and data stay where they are."), reset
            ),
        )

    def _help_card(self) -> Card:
        keys = Button(self.tr("Show list"), "secondary", "keyboard", compact=True)
        keys.clicked.connect(self.state.shortcuts_asked)
        report = Button(self.tr("Copy report"), "secondary", "copy", compact=True)
        report.clicked.connect(self._copy_report)
        return _card(
            "life-buoy",
            self.tr("Help"),
            SettingRow(
                self.tr("Keyboard shortcuts"),
                self.tr("All pages can be used without a mouse."),
                keys,
                term="F1",
            ),
            SettingRow(
                self.tr("Something went wrong?"),
                self.tr("Collects versions and the last log, nothing else."),
                report,
            ),
        )

    def _choose_theme(self, value: str) -> None:
        self.state.set_preference("theme", value)

    def _switch(self, name: str, label: str) -> Switch:
        switch = Switch(label, getattr(self.state.preferences, name))
        switch.toggled.connect(lambda on: self.state.set_preference(name, on))
        return switch

    def _choose_threads(self, value: float) -> None:
        cores = self.state.machine.now.cores
        self.state.set_preference("threads", None if round(value) >= cores else round(value))

    def _folder(self, name: str) -> Path:
        return {"data_folder": data_folder, "runs_folder": runs_folder, "models_folder": models_folder}[
            name
        ]()

    def _show_folder(self, name: str) -> None:
        folder = self._folder(name)
        folder.mkdir(parents=True, exist_ok=True)
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder)))

    def _move_folder(self, name: str) -> None:
        if self.state.run is not None and self.state.run.is_active:
            self.state.notice.emit(
                "warn", self.tr("A run is going."), self.tr("Move folders when it has ended.")
            )
            return
        chosen = QFileDialog.getExistingDirectory(self, self.tr("Choose the new folder"))
        if not chosen:
            return
        old, new = self._folder(name), Path(chosen)
        if new == old or old in new.parents:
            self.state.notice.emit("error", f"{new} lies inside {old}.", self.tr("Choose another folder."))
            return

        def moved(_: object) -> None:
            self.state.set_preference(name, str(new))
            self.entered()
            self.state.notice.emit("success", self.tr("The folder was moved."), str(new))

        def failed(title: str, advice: str) -> None:
            self.state.notice.emit("error", title, advice)

        in_background(self, lambda: _move_contents(old, new), moved, failed)

    def _save_token(self, token: str) -> None:
        if keep_token(self.state, token):
            self.token.set_has_token(True)

    def _remove_token(self) -> None:
        if forget_token(self.state):
            self.token.set_has_token(False)

    def _show_welcome(self) -> None:
        self.state.set_preference("seen_welcome", False)
        self.state.navigate.emit("welcome")

    def _reset(self) -> None:
        answers = (("", self.tr("Cancel"), "secondary"), ("reset", self.tr("Reset all settings"), "danger"))
        text = self.tr("Theme, folders, threads and switches go back to their defaults.")
        if ConfirmDialog(self.tr("Reset all settings?"), text, answers, self).ask() == "reset":
            self.state.reset_preferences()
            self.state.notice.emit("success", self.tr("All settings are back to their defaults."), "")
            self.theme.set_value(self.state.preferences.theme)

    def _copy_report(self) -> None:
        QGuiApplication.clipboard().setText(report_text(self.state))
        self.state.notice.emit("success", self.tr("The report is in the clipboard."), "")


class _Shower:
    """Shows a folder's size at its row."""

    def __init__(self, row: SettingRow, folder: Path) -> None:
        self._row, self._folder = row, folder

    def show(self, size: object) -> None:
        """Write path and size below the label."""
        assert isinstance(size, int)
        words = f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"
        self._row.set_help(f"{self._folder} · {words}")


class _CacheShower:
    """Says how much the row cache takes."""

    def __init__(self, row: SettingRow) -> None:
        self._row = row

    def show(self, size: object) -> None:
        """Write the size below the label."""
        assert isinstance(size, int)
        words = "Large files are read and tokenised once. {size}; bounded, and safe to clear."
        self._row.set_help(words.format(size=size_words(size)))


def _card(icon: str, title: str, *rows: SettingRow) -> Card:
    card = Card(title, icon=icon)
    card.body.setSpacing(6)
    for row in rows:
        card.body.addWidget(Line())
        card.body.addWidget(row)
    return card


def _size_of(folder: Path) -> int:
    if not folder.is_dir():
        return 0
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def _move_contents(old: Path, new: Path) -> None:
    new.mkdir(parents=True, exist_ok=True)
    for path in old.iterdir() if old.is_dir() else ():
        shutil.move(str(path), str(new / path.name))
