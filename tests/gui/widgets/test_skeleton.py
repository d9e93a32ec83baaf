from gui import theme
from gui.widgets.skeleton import Skeleton


def test_it_has_a_pair_of_bars_for_every_row():
    skeleton = Skeleton(2)
    skeleton.resize(200, skeleton.sizeHint().height())
    image = skeleton.grab().toImage()
    column = [image.pixelColor(10, y).name() == theme.LIGHT.track for y in range(image.height())]
    starts = sum(now and not before for before, now in zip([False, *column], column, strict=False))
    assert starts == 4
