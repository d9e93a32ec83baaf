from types import SimpleNamespace

import pytest
from PySide6.QtWidgets import QApplication, QWidget

from gui.pages.compare_votes import VoteBar


@pytest.fixture
def bar(qapp):
    tally = {"0": 3, "same": 2, "1": 12}
    compare = SimpleNamespace(is_complete=True, current_vote="1", columns=[None] * 2, tally=lambda: tally)
    made = VoteBar(compare)
    made.refresh([0, 1], hides_names=False)
    return made


@pytest.mark.parametrize("width", [772, 1028])  # what a window of 1024 and of 1280 pixels leaves
def test_no_word_is_cut_when_votes_are_told(bar, width):
    page = QWidget()
    bar.setParent(page)
    bar.resize(width, max(58, bar.heightForWidth(width)))
    page.show()
    QApplication.processEvents()
    assert bar.tally.text() == "So far:  3 before · 2 same · 12 after"
    shown = [*bar.buttons[:2], bar.same_button, bar.view, bar.tally, bar.save_button]
    assert all(widget.isVisible() for widget in shown)
    assert all(widget.width() >= widget.sizeHint().width() for widget in shown)
    assert all(widget.geometry().right() < bar.width() for widget in shown)
    assert bar.save_button.geometry().bottom() < bar.height()
