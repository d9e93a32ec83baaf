from gui.widgets.labels import Label
from gui.widgets.stat import Stat


def test_value_small_line_tone_and_trend_are_shown_and_spoken():
    stat = Stat("Training loss")
    stat.set("1.284", "0.61 since the start", "good", "down")
    texts = [label.text() for label in stat.findChildren(Label)]
    assert "1.284" in texts
    assert "▼ 0.61 since the start" in texts
    assert stat.accessibleName() == "Training loss: 1.284, ▼ 0.61 since the start"


def test_the_tone_goes_with_the_next_value():
    stat = Stat("Speed")
    stat.set("1", "x", "warn")
    stat.set("2", "x")
    assert [label.property("tone") for label in stat.findChildren(Label) if label.text() == "x"] == [""]


def test_the_label_can_change():
    stat = Stat("Loss")
    stat.set_label("Reward margin")
    assert stat.accessibleName().startswith("Reward margin:")
