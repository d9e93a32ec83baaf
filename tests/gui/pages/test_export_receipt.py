from engine.job.events import Check, Exported, Finished
from gui.pages.export import ExportPage
from tests.gui.waiting import rest
from tests.gui.windows import ended_run, quick_job, still_state


def test_the_receipt_shows_checks_answers_and_ways_on(qapp, monkeypatch):
    state = still_state(monkeypatch)
    folder = ended_run(quick_job())
    (folder / "adapter").mkdir()
    page = ExportPage(state)
    page.resize(772, 600)
    page.show()
    page.entered()
    page.choice.button.click()
    task = state.engine.started[-1]
    checks = [
        Check(f"Check {number}", "A line that is long enough to be broken. " * 3, True) for number in range(6)
    ]
    exported = Exported("/out", "merged", 10, 2, "abcd 0123", "Hi?", "<b>Hello</b>", "<b>Hello</b>")
    state.engine.tell(task, *checks, exported, Finished("done", 2.0))
    rest(0.1)
    receipt = page.receipt
    assert receipt.title.text() == "Exported and checked"
    assert receipt.before.toPlainText() == receipt.after.toPlainText() == "<b>Hello</b>"
    assert receipt.open_button.isVisible()
    assert page.choice.button.text() == "Export again"
    rows = [receipt.checks.itemAt(place).widget() for place in range(receipt.checks.count())]
    assert len(rows) == 6
    assert all(row.height() >= row.heightForWidth(row.width()) for row in rows), "a line is squeezed"
    state.shut_down()


def test_a_check_that_failed_is_not_called_done_well(qapp, monkeypatch):
    state = still_state(monkeypatch)
    folder = ended_run(quick_job())
    (folder / "adapter").mkdir()
    page = ExportPage(state)
    page.show()
    page.entered()
    page.choice.button.click()
    exported = Exported("/out", "merged", 10, 2, "abcd")
    state.engine.tell(state.engine.started[-1], Check("It opens", "", False), exported, Finished("done", 2.0))
    assert page.receipt.title.text() == "Exported, with a remark"
    state.shut_down()
