from gui.widgets.badge import Badge
from gui.widgets.card import Card, Note
from gui.widgets.labels import Label


def test_a_card_has_its_heading_first_and_takes_widgets_below():
    card = Card("Events", "newest first")
    card.body.addWidget(Label("Model loaded"))
    card.show()
    texts = [label.text() for label in card.findChildren(Label) if label.isVisible()]
    assert texts == ["Events", "newest first", "Model loaded"]
    assert card.accessibleName() == "Events"


def test_a_subtle_line_can_change_and_vanish():
    card = Card("Rows", "3 rows")
    card.set_subtle("")
    card.show()
    assert [label.text() for label in card.findChildren(Label) if label.isVisible()] == ["Rows"]
    card.set_subtle("4 rows")
    assert [label.text() for label in card.findChildren(Label) if label.isVisible()] == ["Rows", "4 rows"]


def test_a_widget_of_the_header_stands_at_the_right():
    card = Card("Worth a look")
    badge = Badge("3 remarks", "warn")
    card.add_to_header(badge)
    card.resize(400, 100)
    card.show()
    assert badge.geometry().right() > 350


def test_a_tone_is_what_the_style_sheet_sees():
    card = Card()
    card.set_tone("bad")
    assert card.property("tone") == "bad"
    assert Note(tinted=True).property("role") == "tinted"


def test_a_bare_card_lies_in_another_without_edge_and_margins(qapp):
    card = Card("Events")
    card.set_bare(is_titled=False)
    assert card.property("role") == "bare"
    assert card.body.contentsMargins().left() == card.body.contentsMargins().top() == 0
    assert card._title.isHidden()
