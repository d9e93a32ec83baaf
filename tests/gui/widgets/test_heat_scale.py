from gui import theme
from gui.widgets.heat_scale import HeatScale
from tests.gui.waiting import rest


def test_it_names_both_ends_and_shows_their_colours(qapp):
    scale = HeatScale()
    scale.set_words("0", "21 % or more", "an even share is 12.5 %")
    scale.resize(420, 24)
    scale.show()
    rest()
    assert scale.words() == ("0", "21 % or more", "an even share is 12.5 %")
    assert scale.accessibleName() == "0 – 21 % or more, an even share is 12.5 %"
    image = scale.grab().toImage()
    colours = {image.pixelColor(x, image.height() // 2).name() for x in range(image.width())}
    assert {theme.current().track, theme.current().accent} <= colours


def test_it_fits_into_little_room(qapp):
    scale = HeatScale()
    scale.set_words("0", "21 % or more", "an even share is 12.5 %")
    assert scale.minimumSizeHint().width() <= 350
