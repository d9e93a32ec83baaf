from gui import theme
from gui.widgets.icon_label import IconLabel, Spinner


def _colours(widget):
    image = widget.grab().toImage()
    return {image.pixelColor(x, y).name() for x in range(image.width()) for y in range(image.height())}


def test_the_icon_changes_with_its_colour():
    label = IconLabel("square", "accent", 40)
    assert theme.LIGHT.accent in _colours(label)
    label.set_icon("square", "bad")
    assert theme.LIGHT.bad in _colours(label)


def test_a_ground_is_painted_behind_it():
    label = IconLabel("play", "accent", 20, ground="accent_soft")
    assert label.width() == 42
    assert theme.LIGHT.accent_soft in _colours(label)


def test_a_spinner_turns_only_while_it_is_seen():
    spinner = Spinner()
    assert not spinner._timer.isActive()
    spinner.show()
    assert spinner._timer.isActive()
    spinner.hide()
    assert not spinner._timer.isActive()
    assert spinner.accessibleName() == "Working"
