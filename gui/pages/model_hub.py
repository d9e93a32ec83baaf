"""The right side of Model on the Hugging Face tab: size first, then the download with pause and cancel."""

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QHBoxLayout, QWidget

from engine.library.hub import check_token
from engine.library.hub_client import endpoint
from engine.library.hub_token import read_token
from gui.state.access_token import forget_token, keep_token
from gui.state.app_state import AppState
from gui.state.background import in_background
from gui.state.models import ModelsState
from gui.state.words import size_words
from gui.widgets.buttons import Button
from gui.widgets.card import Card
from gui.widgets.empty_state import EmptyState
from gui.widgets.key_values import KeyValues
from gui.widgets.labels import ElidedLabel, Label, Line
from gui.widgets.progress import Progress
from gui.widgets.token_field import TokenField


class HubDetails(Card):
    """`show_repo(id)`; a gated model gets a link to its page and a field for the token."""

    def __init__(self, state: AppState, models: ModelsState, parent: QWidget | None = None) -> None:
        super().__init__(parent=parent, padding=20)
        self._state, self._models = state, models
        self._repo = ""
        self.empty = EmptyState(
            "globe",
            self.tr("Choose a model on the left"),
            self.tr("Its size is shown before anything is downloaded. Nothing of yours is uploaded."),
        )
        self.body.addWidget(self.empty, 1)
        self.name = ElidedLabel("", "heading")
        self.facts = KeyValues(3, [])
        self.problem = Label("", "", tone="warn", wrap=True)
        self.bar = Progress(8, "accent", self.tr("Download progress"))
        self.bar_words = Label("", "muted")
        self.token_words = Label(
            self.tr("Access token for models that ask you to sign in:"), "small", wrap=True
        )
        self.token = TokenField(has_token=read_token() is not None)
        self.token.saved.connect(self._save_token)
        self.token.removed.connect(self._remove_token)
        for widget in (self.name, self.facts, self.problem, self.bar, self.bar_words):
            self.body.addWidget(widget)
        self.body.addWidget(self.token_words)
        self.body.addWidget(self.token)
        self.body.addStretch(1)
        self.body.addWidget(Line())
        self.body.addLayout(self._buttons())

    def show_repo(self, repo: str) -> None:
        """Show a hub model; its size is on the way."""
        self._repo = repo
        self.refresh()

    def refresh(self) -> None:
        """Follow the state."""
        models, download = self._models, self._models.download
        has_repo = bool(self._repo)
        is_loading = download is not None
        self.empty.setVisible(not has_repo and not is_loading)
        self.name.setVisible(has_repo)
        self.name.setText(download.repo if download else self._repo)
        plan = models.plan if models.plan and models.plan.repo == self._repo else None
        self.facts.setVisible(plan is not None)
        if plan is not None:
            self.facts.set_pairs(
                [
                    (self.tr("To download"), size_words(plan.bytes - plan.bytes_cached)),
                    (self.tr("Files"), str(len(plan.files))),
                    (self.tr("Version"), plan.commit[:8]),
                ]
            )
        problem = models.plan_problem if has_repo else None
        self.problem.setVisible(problem is not None)
        self.problem.setText(f"{problem[0]} {problem[1]}" if problem else "")
        for widget in (self.token_words, self.token, self.page_button):
            widget.setVisible(problem is not None)
        self._refresh_download()
        self.download_button.setVisible(has_repo and not is_loading)
        waits = plan is None and problem is None
        self.download_button.set_blocked(
            self.tr("Asking for the size…")
            if waits
            else self.tr("Cannot be downloaded")
            if plan is None
            else ""
        )

    def _refresh_download(self) -> None:
        download = self._models.download
        for widget in (self.bar, self.bar_words, self.pause_button, self.cancel_button):
            widget.setVisible(download is not None)
        if download is None:
            return
        self.bar.set_busy(not download.total)
        if download.total:
            self.bar.set_fraction(download.done / download.total)
        words = self.tr("{done} of {total}").format(
            done=size_words(download.done), total=size_words(download.total)
        )
        is_paused = download.state == "paused"
        self.bar_words.setText(f"{words} · {self.tr('paused')}" if is_paused else words)
        label = self.tr("Continue") if is_paused else self.tr("Pause")
        self.pause_button.set_label(label, "play" if is_paused else "pause")

    def _buttons(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(8)
        self.download_button = Button(self.tr("Download"), "primary", "download")
        self.download_button.clicked.connect(lambda: self._models.start_download(self._repo))
        self.pause_button = Button(self.tr("Pause"), "secondary", "pause")
        self.pause_button.clicked.connect(self._models.pause_download)
        self.cancel_button = Button(self.tr("Cancel"), "secondary", "x")
        self.cancel_button.clicked.connect(self._models.cancel_download)
        self.page_button = Button(self.tr("Open its page"), "secondary", "external-link")
        self.page_button.clicked.connect(self._open_page)
        for button in (self.download_button, self.pause_button, self.cancel_button, self.page_button):
            row.addWidget(button)
        row.addStretch(1)
        return row

    def _open_page(self) -> None:
        QDesktopServices.openUrl(QUrl(f"{endpoint()}/{self._repo}"))

    def _remove_token(self) -> None:
        if forget_token(self._state):
            self.token.set_has_token(False)

    def _save_token(self, token: str) -> None:
        def known(_name: object) -> None:
            if keep_token(self._state, token):
                self.token.set_has_token(True)
                self._models.ask_plan(self._repo)

        def refused(title: str, advice: str) -> None:
            self._state.notice.emit("error", title, advice)

        in_background(self, lambda: check_token(token), known, refused)
