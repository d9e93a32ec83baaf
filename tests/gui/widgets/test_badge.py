import pytest

from gui import theme
from gui.widgets.badge import Badge


@pytest.mark.parametrize("tone", ["good", "warn", "bad", "accent", "neutral"])
def test_the_ground_has_the_colour_of_the_tone(tone):
    badge = Badge("Fits", tone)
    image = badge.grab().toImage()
    assert image.pixelColor(6, image.height() // 2).name() == theme.LIGHT.tone(tone)[1]


def test_a_longer_word_makes_it_wider():
    badge = Badge("Fits")
    before = badge.sizeHint().width()
    badge.set("Fits with LoRA", "good", "check")
    assert badge.sizeHint().width() > before
    assert badge.text() == badge.accessibleName() == "Fits with LoRA"


def test_the_state_of_a_run_is_a_round_pill():
    pill = Badge("Training", "good", dot=True)
    assert pill.sizeHint().height() > Badge("Training").sizeHint().height()
    assert pill.grab().toImage().pixelColor(0, 0).name() != theme.LIGHT.good_soft
