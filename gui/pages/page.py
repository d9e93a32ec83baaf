"""What every page is: a header, a place for notices, a body, and knowing when it is shown."""

from PySide6.QtWidgets import QVBoxLayout, QWidget

from gui.state.app_state import AppState
from gui.widgets.notice import NoticeHost
from gui.widgets.page_header import PageHeader

MARGIN = 24
GAP = 14


class Page(QWidget):
    """`body` is the layout below the header. `entered` is called each time the page comes into view.

    Title, subtitle and help are translated here; pages mark them with `QT_TRANSLATE_NOOP`, as nothing can be
    translated before the page exists.
    """

    def __init__(self, state: AppState, title: str, subtitle: str = "", help: str = "") -> None:
        super().__init__()
        self.state = state
        title, subtitle, help = (self.tr(text) if text else "" for text in (title, subtitle, help))
        self.header = PageHeader(title, subtitle, help)
        self.notices = NoticeHost()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(MARGIN, 20, MARGIN, 20)
        layout.setSpacing(GAP)
        layout.addWidget(self.header)
        layout.addWidget(self.notices)
        self.body = QVBoxLayout()
        self.body.setSpacing(GAP)
        layout.addLayout(self.body, 1)

    @property
    def is_in_view(self) -> bool:
        """Whether this is the page that is shown; one that is not need not follow, as entering refreshes it."""
        return self.isVisibleTo(self.window())

    def entered(self) -> None:
        """The page came into view; nothing to do unless a page says so."""

    def left(self) -> None:
        """Another page came into view; nothing to do unless a page says so."""
