"""Why a hub dataset cannot be had, and what can be done: sign in, go online, try again, take the Parquet copy."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from engine.library.hub_token import read_token
from gui.state.access_token import forget_token, keep_token
from gui.state.app_state import AppState
from gui.state.hub_data import HubDataState
from gui.widgets.buttons import Button
from gui.widgets.icon_label import IconLabel
from gui.widgets.labels import Label
from gui.widgets.token_field import TokenField


class HubProblem(QWidget):
    """Shown while the state has a problem."""

    def __init__(self, state: AppState, hub: HubDataState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state, self._hub = state, hub
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 6, 0, 0)
        layout.setSpacing(10)
        top = QHBoxLayout()
        top.setSpacing(10)
        self.icon = IconLabel("circle-alert", "warn", 18)
        words = QVBoxLayout()
        words.setSpacing(2)
        self.title = Label("", "strong", wrap=True)
        self.advice = Label("", "muted", wrap=True)
        words.addWidget(self.title)
        words.addWidget(self.advice)
        top.addWidget(self.icon, 0, Qt.AlignmentFlag.AlignTop)
        top.addLayout(words, 1)
        layout.addLayout(top)
        layout.addLayout(self._buttons())
        self.token_words = Label(self.tr("Access token"), "small")
        self.token = TokenField(has_token=read_token() is not None)
        self.token.saved.connect(self._save_token)
        self.token.removed.connect(self._remove_token)
        signing = QHBoxLayout()
        signing.setContentsMargins(28, 0, 0, 0)
        signing.setSpacing(12)
        signing.addWidget(self.token_words)
        signing.addWidget(self.token)
        signing.addStretch(1)
        layout.addLayout(signing)

    def refresh(self) -> None:
        """Follow the state."""
        problem = self._hub.problem
        self.setVisible(problem is not None)
        if problem is None:
            return
        self.title.setText(problem[0])
        self.advice.setText(problem[1])
        self.advice.setVisible(bool(problem[1]))
        self.copy_button.setVisible(self._hub.has_copy)
        self.settings_button.setVisible(self._hub.is_offline)
        is_named = self._hub.address is not None
        self.again_button.setVisible(is_named and not self._hub.has_copy)
        for widget in (self.token_words, self.token):
            widget.setVisible(is_named and "token" in problem[1])

    def _buttons(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setContentsMargins(28, 0, 0, 0)
        row.setSpacing(8)
        self.again_button = Button(self.tr("Try again"), "secondary", "refresh-cw", compact=True)
        self.again_button.clicked.connect(self._hub.look_again)
        self.copy_button = Button(self.tr("Look at the Parquet copy"), "secondary", "search", compact=True)
        self.copy_button.clicked.connect(self._hub.look_at_copy)
        self.settings_button = Button(self.tr("Open the settings"), "secondary", "settings", compact=True)
        self.settings_button.clicked.connect(lambda: self._state.navigate.emit("settings"))
        for button in (self.again_button, self.copy_button, self.settings_button):
            row.addWidget(button)
        row.addStretch(1)
        return row

    def _remove_token(self) -> None:
        if forget_token(self._state):
            self.token.set_has_token(False)

    def _save_token(self, token: str) -> None:
        """Whether the hub takes it is seen by asking again."""
        if keep_token(self._state, token):
            self.token.set_has_token(True)
            self._hub.look_again()
