"""Compare with a model of experts: colours, layers, what a token chose, and two prompts side by side."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QTextCursor
from PySide6.QtTest import QTest

from engine.job.events import Answered, Loaded, Piece, Ready
from engine.job.expert_events import ExpertsLoaded, PromptRouted, Routed, TokenRoute
from gui.pages.compare import ComparePage
from gui.pages.compare_prompts import PromptsDialog
from gui.state.routes import Routing
from gui.widgets.share_bars import ShareBars
from tests.gui.waiting import rest
from tests.gui.windows import still_state

TEXT = "red \U0001f600!"
# In layers 3 and 6: "red", " " and the first and the last bytes of the face, "!"; of three experts two each.
FIRST = [(0, 2), (1, 2), (2, 2), (0, 1), (1, 0)]
SPANS = [(0, 3), (3, 4), (4, 5), (4, 5), (5, 6)]


def routes(firsts=FIRST, spans=SPANS):
    return tuple(
        TokenRoute(*span, tuple((e, (e + 1) % 3) for e in chosen), ((0.61, 0.39), (0.9, 0.1)))
        for span, chosen in zip(spans, firsts, strict=True)
    )


@pytest.fixture
def page(qapp, monkeypatch):
    state = still_state(monkeypatch)
    shown = ComparePage(state)
    shown.resize(1076, 780)
    shown.compare.set_models([("starter", "Starter"), ("/mixture", "Mixture")])
    shown.show()
    yield shown
    shown.close()
    state.shut_down()


def told(page, *events):
    page.compare._task._engine.tell(page.compare._task.folder, *events)


def ask(page, prompt, firsts=FIRST, counts=((2, 1, 0), (0, 0, 3)), finish=True):
    page.prompt_card.edit.setPlainText(prompt)
    page._generate()
    number = page.compare._number
    if number == 1:
        told(page, Loaded(0, "", "Base weights", "ab", 1, "float32"))
        told(page, Loaded(1, "", "Experts", "cd", 1, "float32"), ExpertsLoaded(1, 3, 2, (2, 5)))
    told(page, PromptRouted(1, number, 3, counts), Piece(1, number, TEXT[:4]))
    told(page, Routed(1, number, 0, routes(firsts[:2], SPANS[:2])))
    if finish:
        told(page, Routed(1, number, 2, routes(firsts[2:], SPANS[2:])), Piece(1, number, TEXT[4:]))
        told(page, Answered(0, number, "Base.", 2, 0.1, True), Answered(1, number, TEXT, 6, 0.1, True))
        told(page, Ready())


def colours(column):
    return [ground for _, _, ground in column.view.grounds()]


def test_only_a_model_with_experts_can_be_coloured(page):
    ask(page, "Hi?")
    base, mixture = page.columns
    assert not base.experts.isVisible()
    assert mixture.experts.isVisible()
    assert colours(mixture) == []  # until it is asked for
    assert not mixture.experts.legend.isVisible()
    assert not mixture.experts.readout.isVisible()


def test_colours_come_with_the_text_and_another_layer_needs_no_new_answer(page):
    ask(page, "Hi?", finish=False)
    column = page.columns[1]
    QTest.mouseClick(column.experts.switch, Qt.MouseButton.LeftButton)
    assert colours(column) == [0, 1]
    number, asked = page.compare._number, len(page.compare._task._engine.sent)
    told(page, Routed(1, number, 2, routes(FIRST[2:], SPANS[2:])), Piece(1, number, TEXT[4:]))
    assert colours(column) == [0, 1, 2, 0, 1]
    assert column.view.grounds()[2][:2] == (4, 5)
    layer = column.experts.layer
    assert [layer.itemText(n) for n in range(layer.count())] == ["Layer 3", "Layer 6"]
    layer.setFocus()
    QTest.keyClick(layer, Qt.Key.Key_Down)
    assert colours(column) == [2, 2, 2, 1, 0]
    assert len(page.compare._task._engine.sent) == asked
    assert column.view.toPlainText() == TEXT


def test_the_choice_stays_for_the_next_question(page):
    ask(page, "Hi?")
    column = page.columns[1]
    column.experts.switch.click()
    column.experts.layer.setFocus()
    QTest.keyClick(column.experts.layer, Qt.Key.Key_Down)
    page._generate()
    assert colours(column) == []  # nothing is known of the new answer yet
    told(page, Routed(1, page.compare._number, 0, routes()), Piece(1, page.compare._number, TEXT))
    assert colours(column) == [2, 2, 2, 1, 0]
    column.experts.switch.click()
    assert colours(column) == []


def test_a_token_tells_its_experts_to_pointer_caret_and_screen_reader(page):
    ask(page, "Hi?")
    column = page.columns[1]
    column.experts.switch.click()
    panel = column.experts
    assert panel.describe((0,)) == "Layer 3: expert 1 (61 %), expert 2 (39 %)"
    shared = "Layer 3: expert 3 (61 %), expert 1 (39 %), then expert 1 (61 %), expert 2 (39 %)"
    assert panel.describe((2, 3)) == shared
    page.activateWindow()
    column.view.setFocus()
    cursor = column.view.textCursor()
    cursor.movePosition(QTextCursor.MoveOperation.Right, n=4)
    column.view.setTextCursor(cursor)
    assert panel.readout.text() == f"“\U0001f600”  {shared}"
    assert column.view.accessibleDescription() == shared
    shares = [chip.accessibleName() for chip in panel.legend.chips.values()]
    assert shares == [
        f"Expert {n}: first choice of {share} % of the answer's tokens"
        for n, share in ((1, 40), (2, 40), (3, 20))
    ]


def test_one_expert_can_be_shown_alone(page):
    ask(page, "Hi?")
    column = page.columns[1]
    column.experts.switch.click()
    QTest.mouseClick(column.experts.legend.chips[1], Qt.MouseButton.LeftButton)
    assert colours(column) == [-1, 1, -1, -1, 1]


def test_differences_stay_marked_with_colours_on(page):
    ask(page, "Hi?")
    column = page.columns[1]
    column.experts.switch.click()
    assert column.view.marked_texts() == ["red"]
    page.vote_bar.view._buttons["differences"].click()
    assert column.view.marked_texts() == ["red", "\U0001f600!"]
    assert len(colours(column)) == 5


def test_a_blind_test_does_not_tell_which_model_has_experts(page):
    ask(page, "Hi?")
    page.columns[1].experts.switch.click()
    page._set_blind(True)
    assert not any(column.experts.isVisible() for column in page.columns)
    assert all(colours(column) == [] for column in page.columns)
    assert not any(column.experts.readout.isVisible() for column in page.columns)
    page.compare.vote("1")
    shown = page.columns[page._order.index(1)]
    assert shown.experts.isVisible()
    assert colours(shown) == [0, 1, 2, 0, 1]


def test_the_keys_still_vote_while_the_caret_is_in_the_answer(page):
    ask(page, "Hi?")
    column = page.columns[1]
    column.experts.switch.click()
    page.activateWindow()
    column.view.setFocus()
    rest()
    QTest.keyClick(column.view, Qt.Key.Key_3)
    assert page.compare.current_vote == "1"


def test_two_prompts_need_two_questions(page):
    ask(page, "Hi?")
    button = page.columns[1].experts.prompts_button
    assert not button.isEnabled()
    assert button.text() == "Ask a second prompt"
    ask(page, "And?")
    assert button.isEnabled()


def words(dialog):
    return dialog.sentences.text().splitlines()


def test_the_experts_that_differ_most_are_told_in_words_and_bars(page):
    spans = [(n, n + 1) for n in range(50)]
    ask(page, "How do I boil an egg for ten minutes?")
    ask(page, "And?")
    column = page.compare.columns[1]
    column.routings = {n: Routing(routing.prompt) for n, routing in column.routings.items()}
    column.routings[1].take(0, list(routes([(0, 1)] * 29 + [(1, 1)] * 21, spans)))
    column.routings[2].take(0, list(routes([(0, 1)] * 4 + [(1, 1)] * 26 + [(2, 1)] * 20, spans)))
    dialog = PromptsDialog(column)
    assert words(dialog) == [
        "Layer 3: expert 1 takes 58 % for “How do I boil an egg for te…”, 8 % for “And?”.",
        "1 of 2 layers show no difference beyond chance.",
    ]
    bars = dialog.findChildren(ShareBars)
    assert [("1: 58 %" in bar.accessibleName(), "1: 8 %" in bar.accessibleName()) for bar in bars] == [
        (True, True),
        (False, False),
    ]
    assert bars[0].accessibleName().startswith("Layer 3, ")
    assert "Difference 50 %" in bars[0].accessibleName()  # half the sum of 50, 10 and 40 in a hundred
    assert bars[1].accessibleName().endswith("Difference 0 %, alike.")


def test_prompts_that_route_alike_say_so(page):
    ask(page, "Hi?")
    ask(page, "And?")
    dialog = PromptsDialog(page.compare.columns[1])
    assert words(dialog) == [
        "Both prompts route alike: in no layer do more than 0 % of the tokens go elsewhere."
    ]


def test_few_tokens_that_differ_by_chance_say_so_and_the_largest_difference(page):
    ask(page, "Hi?")
    ask(page, "And?", [(0, 2), (1, 2), (2, 2), (2, 1), (1, 0)])
    first, second = words(PromptsDialog(page.compare.columns[1]))
    assert "chance alone" in first
    assert second == "The largest: Layer 3: expert 1 takes 40 % for “Hi?”, 20 % for “And?”."


def test_the_tokens_of_the_prompts_can_be_compared_too_and_other_prompts_chosen(page):
    ask(page, "Hi?", counts=((300, 0, 0), (0, 0, 300)))
    ask(page, "And?", counts=((0, 300, 0), (0, 0, 300)))
    ask(page, "So?", counts=((300, 0, 0), (0, 0, 300)))
    dialog = PromptsDialog(page.compare.columns[1])
    assert (dialog.first.currentText(), dialog.second.currentText()) == ("2.  And?", "3.  So?")
    dialog.part._buttons["prompt"].click()
    assert words(dialog)[0] == "Layer 3: expert 1 takes 0 % for “And?”, 100 % for “So?”."
    dialog.first.setFocus()
    dialog.first.setCurrentIndex(0)
    dialog.first.activated.emit(0)
    assert "alike" in words(dialog)[0]


def test_a_prompt_without_a_token_to_count_is_told(page):
    ask(page, "Hi?")
    ask(page, "And?")
    column = page.compare.columns[1]
    column.routings[2] = Routing("And?")
    assert "no token to count" in words(PromptsDialog(column))[0]


def test_the_dialog_opens_from_the_column(page, monkeypatch):
    ask(page, "Hi?")
    ask(page, "And?")
    opened = []
    monkeypatch.setattr(PromptsDialog, "exec", lambda dialog: opened.append(dialog.windowTitle()))
    page.columns[1].experts.prompts_button.click()
    assert opened == ["Which experts differ"]


def test_a_column_with_experts_fits_the_smallest_window(page):
    page.resize(820, 640)
    ask(page, "Hi?")
    ask(page, "And?")
    column = page.columns[1]
    column.experts.switch.click()
    rest()
    panel = column.experts
    assert panel.layer.geometry().right() <= panel.width()
    top = {
        panel.switch.mapTo(panel, panel.switch.rect().center()).y() // 20,
        panel.prompts_button.geometry().center().y() // 20,
    }
    assert len(top) == 1, "the choice of the layer and the way to the prompts share a line"
    assert column.view.height() > 60
