from gui import theme
from gui.widgets.legend import Legend


def test_dots_have_their_colours_and_the_words_are_spoken():
    legend = Legend()
    legend.set_entries([("Chosen", "accent", 1.0), ("Rejected", "series2", 1.0)])
    image = legend.grab().toImage()
    seen = {image.pixelColor(x, image.height() // 2).name() for x in range(image.width())}
    assert {theme.LIGHT.accent, theme.LIGHT.series2} <= seen
    assert legend.accessibleName() == "Chosen, Rejected"
