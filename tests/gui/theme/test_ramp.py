import pytest

from gui.theme import DARK, LIGHT
from gui.theme.ramp import heat, ink_on, ramp
from gui.theme.tokens import contrast

THEMES = pytest.mark.parametrize("tokens", [LIGHT, DARK], ids=["light", "dark"])


@THEMES
def test_a_ramp_goes_from_the_empty_ground_to_the_accent(tokens):
    assert (heat(tokens, 0.0), heat(tokens, 1.0)) == (tokens.track, tokens.accent)
    assert (heat(tokens, -1.0), heat(tokens, 3.0)) == (tokens.track, tokens.accent)


@THEMES
def test_stronger_is_further_from_the_empty_ground(tokens):
    distances = [contrast(colour, tokens.track) for colour in ramp(tokens)]
    assert distances[0] == 1.0
    assert distances[-1] == max(distances) > 2


@THEMES
def test_the_number_in_every_cell_can_be_read(tokens):
    assert min(contrast(ink_on(colour), colour) for colour in ramp(tokens)) >= 4.5
