from gui.widgets.buttons import Button
from gui.widgets.empty_state import EmptyState
from gui.widgets.labels import Label


def test_words_and_button_are_shown_and_words_change():
    empty = EmptyState("database", "No data yet")
    button = Button("Choose a file…")
    empty.add_button(button)
    empty.show()
    assert button.isVisible()
    empty.set_texts("Nothing found", "Try fewer words.")
    assert [label.text() for label in empty.findChildren(Label) if label.isVisible()] == [
        "Nothing found",
        "Try fewer words.",
    ]
