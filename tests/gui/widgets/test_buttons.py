import pytest
from PySide6.QtGui import QColor

from gui import theme
from gui.widgets.buttons import Button, IconButton


def test_a_blocked_button_says_why_in_its_label():
    button = Button("Start training", "primary", "play")
    button.set_blocked("Choose data first")
    assert not button.isEnabled()
    assert button.text() == "Choose data first"
    assert button.accessibleDescription() == "Choose data first"
    button.set_blocked("")
    assert button.isEnabled()
    assert button.text() == "Start training"


def test_a_blocked_button_says_why_beside_it_when_asked():
    button = Button("Export")
    reason = button.reason_label()
    button.set_blocked("Train a run first.")
    assert button.text() == "Export"
    assert reason.text() == "Train a run first."
    assert not reason.isHidden()
    button.set_blocked("")
    assert reason.isHidden()


def test_a_new_label_waits_until_the_block_is_gone():
    button = Button("Start")
    button.set_blocked("Not yet")
    button.set_label("Continue")
    assert button.text() == "Not yet"
    button.set_blocked("")
    assert button.text() == "Continue"


def test_the_icon_follows_the_theme(qapp):
    def lightness(button):
        image = button.icon().pixmap(48).toImage()
        pixels = [image.pixelColor(x, y) for x in range(image.width()) for y in range(image.height())]
        return max(pixels, key=lambda pixel: pixel.alpha()).lightness()

    button = IconButton("square", "More")
    assert lightness(button) == pytest.approx(QColor(theme.LIGHT.text).lightness(), abs=3)
    theme.apply_theme(qapp, "dark")
    assert lightness(button) == pytest.approx(QColor(theme.DARK.text).lightness(), abs=3)


def test_an_icon_button_has_a_name_for_eyes_and_ears():
    button = IconButton("ellipsis", "More actions")
    assert button.toolTip() == button.accessibleName() == "More actions"


def test_a_blocked_icon_button_keeps_its_shape_and_tells_the_reason():
    button = IconButton("ellipsis", "More actions")
    button.set_blocked("Nothing is running.")
    assert button.text() == ""
    assert "Nothing is running." in button.accessibleDescription()


def test_next_step_arrows_stand_behind_the_words():
    button = Button("Next: Data", "primary", "arrow-right", icon_last=True)
    assert button.isRightToLeft()
