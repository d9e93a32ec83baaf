from PySide6.QtWidgets import QLabel, QPushButton

from gui import theme


def test_dark_is_worn_and_announced(qapp):
    heard = []
    hear = lambda: heard.append(theme.current().name)  # noqa: E731
    theme.changed.connect(hear)
    theme.apply_theme(qapp, "dark")
    theme.changed.disconnect(hear)
    assert heard == ["dark"]
    assert theme.is_dark()
    assert qapp.palette().window().color().name() == theme.DARK.background


def test_the_text_size_scales_fonts_and_the_style_sheet(qapp):
    theme.apply_theme(qapp, "light", 1.5)
    assert theme.font(20).pixelSize() == 30
    assert theme.scaled(10) == 15
    label = QLabel("x")
    label.show()
    assert label.font().pixelSize() == round(13 * 1.5)


def test_a_system_without_a_preference_is_light(qapp):
    theme.apply_theme(qapp, "system")
    assert theme.current() is theme.LIGHT


def test_the_style_sheet_has_no_open_places_and_qt_understands_it(qapp, complaints):
    assert "$" not in qapp.styleSheet()
    button = QPushButton("x")
    button.show()
    assert complaints == []


def test_a_colour_takes_its_strength(qapp):
    assert theme.colour("#3b5bdb", 0.5).alpha() == 128
