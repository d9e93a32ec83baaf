from gui.theme.experts import LIGHT_GROUNDS, OTHER
from gui.widgets.share_bars import ShareBars, ShareWords, sides_of

WORDS = ShareWords("Layer 4", "49 %", "by chance 12 %", True)


def bars(shares, places, width=620):
    shown = ShareBars(shares, places, WORDS, sides_of([WORDS]))
    shown.resize(width, shown.sizeHint().height())
    return shown


def colour(shown, share, row):
    """The colour at a share of a bar's length, near its lower edge, where no words stand."""
    image = shown.grab().toImage()
    height = shown.height() // 2
    left, right = shown.bar_ends()
    return image.pixelColor(round(left + share * (right - left)), row * (height + 2) + height - 4).name()


def test_the_parts_are_as_long_as_the_shares(qapp):
    shown = bars(((0.6, 0.4, 0.0), (0.1, 0.4, 0.5)), [0, 1, 2])
    first, second, third = LIGHT_GROUNDS[:3]
    assert [colour(shown, at, 0) for at in (0.1, 0.58, 0.63, 0.95)] == [first, first, second, second]
    assert [colour(shown, at, 1) for at in (0.05, 0.13, 0.48, 0.53)] == [first, second, second, third]


def test_the_busiest_come_first_in_both_bars_and_the_rest_last(qapp):
    shown = bars(((0.2, 0.3, 0.5), (0.2, 0.5, 0.3)), [OTHER, 1, 0])
    assert colour(shown, 0.2, 0) == colour(shown, 0.2, 1) == LIGHT_GROUNDS[0]
    assert colour(shown, 0.9, 0) == colour(shown, 0.9, 1)
    assert colour(shown, 0.9, 0) not in LIGHT_GROUNDS


def test_a_screen_reader_hears_every_share(qapp):
    shown = bars(((0.58, 0.42), (0.09, 0.91)), [0, 1])
    name = shown.accessibleName()
    assert "Prompt A: 1: 58 %, 2: 42 %. Prompt B: 1: 9 %, 2: 91 %" in name
    assert name.startswith("Layer 4, ")
    assert name.endswith("Difference 49 %, by chance 12 %.")


def test_the_words_beside_the_bars_have_room_in_every_layer(qapp):
    longer = ShareWords("Layer 48", "49 %", "by chance 100 %", False)
    left, right = sides_of([WORDS, longer])
    assert left > sides_of([WORDS])[0]
    assert right > sides_of([WORDS])[1]
