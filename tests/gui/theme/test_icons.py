import re

import pytest
from PySide6.QtCore import QRectF
from PySide6.QtGui import QIcon, QImage, QPainter

from gui import theme
from gui.theme import icons
from gui.theme.assets import ICONS
from gui.theme.tokens import DARK, LIGHT


def _colours(picture):
    image = picture.toImage() if not isinstance(picture, QImage) else picture
    pixels = [image.pixelColor(x, y) for x in range(image.width()) for y in range(image.height())]
    return {pixel.name() for pixel in pixels if pixel.alpha() == 255}


@pytest.mark.parametrize("path", sorted((ICONS / "lucide").glob("*.svg")), ids=lambda path: path.stem)
def test_every_vendored_icon_can_be_drawn(qapp, path):
    assert icons.is_icon(path.stem)
    image = icons.pixmap(path.stem, size=24).toImage()
    assert any(image.pixelColor(x, y).alpha() for x in range(24) for y in range(24))


def test_an_icon_has_the_colour_of_its_token_and_follows_the_theme(qapp):
    assert LIGHT.accent in _colours(icons.pixmap("square", "accent", 48))
    theme.apply_theme(qapp, "dark")
    assert DARK.accent in _colours(icons.pixmap("square", "accent", 48))


def test_an_icon_is_sharp_on_a_dense_screen(qapp):
    picture = icons.pixmap("box", size=16, density=2.0)
    assert picture.width() == 32
    assert picture.deviceIndependentSize().width() == 16


def test_a_disabled_icon_is_muted(qapp):
    icon = icons.icon("square", "accent", 48)
    assert LIGHT.muted in _colours(icon.pixmap(48, 48, QIcon.Mode.Disabled))


def test_the_gap_widens_the_picture_on_the_asked_side(qapp):
    after = icons.icon("square", gap=8).pixmap(24, 16).toImage()
    before = icons.icon("square", gap=-8).pixmap(24, 16).toImage()
    assert (after.width(), before.width()) == (24, 24)
    assert not any(after.pixelColor(x, y).alpha() for x in range(17, 24) for y in range(16))
    assert not any(before.pixelColor(x, y).alpha() for x in range(7) for y in range(16))


def test_the_mark_is_drawn_as_vectors(qapp):
    image = QImage(64, 64, QImage.Format.Format_ARGB32)
    image.fill(0)
    painter = QPainter(image)
    icons.paint(painter, QRectF(0, 0, 64, 64), "mark", "#ff0000")
    painter.end()
    assert "#ff0000" in _colours(image)


def test_an_unknown_name_is_not_an_icon(qapp):
    assert not icons.is_icon("no-such-icon")


@pytest.mark.parametrize(("name", "tokens"), [("light", LIGHT), ("dark", DARK)])
def test_the_style_sheets_own_signs_have_the_tokens_colours(name, tokens):
    wanted = {"chevron-down": tokens.muted, "chevron-up": tokens.muted, "chevron-right": tokens.muted}
    wanted |= {"check": tokens.on_accent, "dot": tokens.on_accent}
    for sign, colour in wanted.items():
        source = (ICONS / "controls" / f"{sign}-{name}.svg").read_text(encoding="utf-8")
        assert set(re.findall(r"#[0-9a-f]{6}", source)) == {colour}
