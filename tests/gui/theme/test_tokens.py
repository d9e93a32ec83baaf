import pytest

from gui.theme.tokens import DARK, LIGHT, TEXT_PAIRS, contrast


def test_black_on_white_has_the_largest_contrast():
    assert contrast("#000000", "#ffffff") == pytest.approx(21.0)
    assert contrast("#ffffff", "#000000") == pytest.approx(21.0)


def test_a_colour_has_no_contrast_with_itself():
    assert contrast("#3b5bdb", "#3b5bdb") == pytest.approx(1.0)


def test_middle_grey_on_white_is_worked_out_by_the_definition():
    # 0x77 / 255 = 0.46667 -> ((0.46667 + 0.055) / 1.055) ** 2.4 = 0.18447; (1 + 0.05) / (0.18447 + 0.05)
    assert contrast("#777777", "#ffffff") == pytest.approx(1.05 / 0.23447, rel=1e-3)


@pytest.mark.parametrize("tokens", [LIGHT, DARK], ids=lambda tokens: tokens.name)
@pytest.mark.parametrize("pair", TEXT_PAIRS, ids="-on-".join)
def test_every_text_pair_is_readable(tokens, pair):
    text, ground = (getattr(tokens, name) for name in pair)
    assert contrast(text, ground) >= 4.5


@pytest.mark.parametrize("tokens", [LIGHT, DARK], ids=lambda tokens: tokens.name)
@pytest.mark.parametrize("tone", ["good", "warn", "bad", "accent", "neutral"])
def test_every_tone_is_readable_on_its_own_ground(tokens, tone):
    assert contrast(*tokens.tone(tone)) >= 4.5


@pytest.mark.parametrize("tokens", [LIGHT, DARK], ids=lambda tokens: tokens.name)
def test_series_and_memory_colours_differ_from_each_other(tokens):
    assert len(set(tokens.series)) == 4
    assert set(tokens.memory) == set(tokens.series)
