from gui import theme
from gui.widgets.memory_bar import MemoryBar


def _colours(bar):
    image = bar.grab().toImage()
    return [image.pixelColor(x, 6).name() for x in range(0, image.width(), 2)]


def test_parts_keep_their_order_and_colours():
    bar = MemoryBar()
    bar.resize(400, 40)
    bar.set_parts(2e9, 1e9, 1e9, 1e9, 10e9)
    seen = [colour for colour in dict.fromkeys(_colours(bar)) if colour in theme.LIGHT.memory]
    assert tuple(seen) == theme.LIGHT.memory
    assert bar.total() == 5e9


def test_half_of_what_is_free_fills_half_of_the_bar():
    bar = MemoryBar()
    bar.resize(400, 40)
    bar.set_parts(5e9, 0, 0, 0, 10e9)
    colours = _colours(bar)
    assert colours[90] == theme.LIGHT.accent
    assert colours[110] == theme.LIGHT.track


def test_more_than_is_free_fills_the_whole_bar():
    bar = MemoryBar()
    bar.resize(400, 40)
    bar.set_parts(8e9, 1e9, 2e9, 1e9, 6e9)
    assert theme.LIGHT.track not in _colours(bar)


def test_the_legend_names_every_part_in_gigabytes():
    bar = MemoryBar()
    bar.set_parts(2e9, 0.1e9, 0.8e9, 0.3e9, 6.1e9)
    assert bar.accessibleName() == (
        "Memory needed in gigabytes: Weights 2.0, Adapter and optimizer 0.1, Activations 0.8, Working space 0.3"
    )


def test_small_models_get_more_digits():
    bar = MemoryBar()
    bar.set_parts(0.004e9, 0.002e9, 0.03e9, 0.01e9, 6e9)
    assert "Weights 0.004" in bar.accessibleName()


def test_the_legend_wraps_where_it_is_narrow():
    bar = MemoryBar()
    bar.set_parts(2e9, 0.1e9, 0.8e9, 0.3e9, 6.1e9)
    assert bar.heightForWidth(160) > bar.heightForWidth(800)
