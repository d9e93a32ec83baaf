import pytest
from PySide6.QtCore import QEvent, QMimeData, QObject, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QWidget

from engine.job.commands import Stop
from engine.job.events import Finished, Phase, Started, Step
from gui.window import PAGES, MainWindow
from tests.gui.waiting import rest
from tests.gui.windows import answer_next_dialog, opened, quick_job, still_state


@pytest.fixture
def window(qapp, monkeypatch):
    with opened(still_state(monkeypatch)) as window:
        rest()
        yield window


def running(window: MainWindow):
    """A run that goes, as the engine would tell it."""
    state = window.state
    state.draft.replace(quick_job())
    run = state.start_run()
    step = Step(4, 16, 0.2, 1.0, 1e-3, 1.0, 100, 50.0, 1000, 0.5)
    state.engine.tell(run.folder, Started("train", 1, {}), Phase("training", "Training"), step)
    return run


class Strays(QObject):
    """Hears of every widget that is shown as a window of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def eventFilter(self, watched, event) -> bool:
        is_stray = isinstance(watched, QWidget) and watched.isWindow() and not isinstance(watched, MainWindow)
        if event.type() == QEvent.Type.Show and is_stray:
            self.seen.append(f"{type(watched).__name__} {watched.accessibleName()}")
        return False


def test_no_page_shows_a_window_of_its_own_while_it_is_built(window, qapp):
    strays = Strays()
    qapp.installEventFilter(strays)
    for page in PAGES:
        window.go(page)
    run = running(window)
    window.go("train")
    window.state.engine.tell(run.folder, Finished("done", 1.0))
    rest()
    qapp.removeEventFilter(strays)
    assert strays.seen == []


def test_the_first_start_shows_welcome_and_a_later_one_the_model(window, monkeypatch):
    assert window.page == "welcome"
    window.pages["welcome"].example_button.click()
    assert window.page == "train"
    window.state.draft.save()
    with opened(still_state(monkeypatch)) as second:
        assert second.page == "model"
        assert second.state.draft.job == window.state.draft.job


@pytest.mark.parametrize(
    ("answer", "closes", "stops"), [("", False, False), ("keep", True, False), ("stop", True, True)]
)
def test_closing_while_a_run_goes_asks(window, answer, closes, stops):
    running(window)
    titles = []
    timer = answer_next_dialog(answer, titles)
    assert window.close() is closes
    timer.stop()
    assert titles == ["A run is still going."]
    sent = [command for _, command in window.state.engine.sent if isinstance(command, Stop)]
    assert [command.keep for command in sent] == ([True] if stops else [])


def test_the_title_tells_how_far_the_run_is(window):
    run = running(window)
    assert window.windowTitle().startswith("25 % - polite replies")
    window.state.engine.tell(run.folder, Finished("done", 1.0))
    assert window.windowTitle() == "Tunewright"


def test_keys_open_the_pages(window):
    for key, page in ((Qt.Key.Key_2, "data"), (Qt.Key.Key_6, "export"), (Qt.Key.Key_Comma, "settings")):
        QTest.keyClick(window, key, Qt.KeyboardModifier.ControlModifier)
        assert window.page == page


def test_undo_works_from_the_keyboard(window):
    window.state.draft.set_name("first")
    window.state.draft.set_name("second")
    window.go("method")
    QTest.keyClick(window, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert window.state.draft.job.name == "first"
    QTest.keyClick(
        window, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
    )
    assert window.state.draft.job.name == "second"


def test_a_file_may_be_dropped_anywhere(window, tmp_path):
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"instruction": "Hi", "response": "Hello"}\n')
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(rows))])
    event = QDropEvent(
        QPointF(500, 300),
        Qt.DropAction.CopyAction,
        data,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    window.dropEvent(event)
    assert window.page == "data"
    assert window.state.draft.job.data[0].path == str(rows)


def test_what_goes_wrong_is_said_above_the_page_and_can_be_dismissed(window, tmp_path):
    before = window.state.draft.job
    title = f"{tmp_path / 'gone.jsonl'} does not exist."
    window.open_path(tmp_path / "gone.jsonl")
    notice = window.notices.notice(title)
    assert notice.isVisible()
    assert "Choose another file." in notice.accessibleName()
    assert window.state.draft.job == before
    notice.dismissed.emit()
    assert window.notices.notice(title) is None


def test_the_window_comes_back_as_large_as_it_was(window, monkeypatch):
    window.resize(1100, 720)  # wider than the offscreen screen, so that only the height can come back
    rest()
    window.close()
    with opened(still_state(monkeypatch)) as second:
        assert second.height() == 720


def test_no_page_is_wider_than_the_smallest_window(window):
    window.resize(1024, 700)
    for page in PAGES:
        window.go(page)
        rest()
        built = window.pages[page]
        assert built.minimumSizeHint().width() <= built.width(), page


def test_the_unfolded_settings_do_not_widen_the_method_page(window):
    window.resize(1024, 700)
    window.state.draft.replace(quick_job())
    window.go("method")
    page = window.pages["method"]
    page.advanced.fold_button.click()
    rest()
    assert page.advanced.minimumSizeHint().width() <= page.width() - 58
