import sys

import pytest
from PySide6.QtGui import QFontDatabase, QFontInfo, QFontMetrics

from gui import theme
from gui.theme.assets import FONTS


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere the system's font is used")
def test_inter_is_bundled_with_four_weights_and_its_licence(qapp):
    assert QFontInfo(theme.font()).family() == "Inter"
    assert {"Regular", "Medium", "SemiBold", "Bold"} <= set(QFontDatabase.styles("Inter"))
    assert "SIL Open Font License" in (FONTS / "Inter-LICENSE.txt").read_text(encoding="utf-8")


def test_heavier_weights_are_wider(qapp):
    widths = [
        QFontMetrics(theme.font(40, weight)).horizontalAdvance("Tunewright") for weight in ("regular", "bold")
    ]
    assert widths[0] < widths[1]


def test_the_font_has_the_signs_that_the_window_writes(qapp):
    metrics = QFontMetrics(theme.font())
    for sign in "·…–“”−▼▲↔↵→•äßéñčłΩЖ":
        assert metrics.inFontUcs4(ord(sign)), sign
