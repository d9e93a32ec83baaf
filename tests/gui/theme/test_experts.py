"""The grounds of the experts: readable, and told apart whatever cones an eye has."""

from itertools import combinations

import pytest

from gui import theme
from gui.theme.experts import COLOURS, DARK_GROUNDS, LIGHT_GROUNDS, OTHER, expert_ground
from gui.theme.tokens import DARK, LIGHT, contrast

THEMES = [(LIGHT, LIGHT_GROUNDS), (DARK, DARK_GROUNDS)]
# Machado, Oliveira and Fernandes 2009, severity 1.0, applied to linear light: without red, green or blue cones.
EYES = {
    "normal": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "no red": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    "no green": (
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.01182, 0.04294, 0.968881),
    ),
    "no blue": (
        (1.255528, -0.076749, -0.178779),
        (-0.078411, 0.930809, 0.147602),
        (0.004733, 0.691367, 0.3039),
    ),
}
# Ottosson's OKLab, in which 0.02 is about the least difference that is seen.
CONES = ((0.4122214708, 0.5363325363, 0.0514459929), (0.2119034982, 0.6806995451, 0.1073969566), (0.0883024619, 0.2817188376, 0.6299787005))  # fmt: skip
LAB = ((0.2104542553, 0.793617785, -0.0040720468), (1.9779984951, -2.428592205, 0.4505937099), (0.0259040371, 0.7827717662, -0.808675766))  # fmt: skip


def times(matrix, vector):
    return [sum(a * b for a, b in zip(row, vector, strict=True)) for row in matrix]


def seen(colour, eye):
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    light = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    light = [min(1.0, max(0.0, part)) for part in times(EYES[eye], light)]
    return times(LAB, [cone ** (1 / 3) for cone in times(CONES, light)])


def difference(first, second, eye):
    pairs = zip(seen(first, eye), seen(second, eye), strict=True)
    return sum((a - b) ** 2 for a, b in pairs) ** 0.5


def test_black_and_white_differ_by_one():
    assert difference("#000000", "#ffffff", "normal") == pytest.approx(1.0, abs=1e-3)


def test_red_and_green_of_like_lightness_are_alike_without_green_cones():
    assert difference("#b05a00", "#707000", "normal") > 2 * difference("#b05a00", "#707000", "no green")


@pytest.mark.parametrize(("tokens", "grounds"), THEMES, ids=["light", "dark"])
def test_text_stays_readable_on_every_ground(tokens, grounds):
    assert len(grounds) == COLOURS
    assert min(contrast(tokens.text, ground) for ground in (*grounds, tokens.track)) >= 4.5


@pytest.mark.parametrize("eye", EYES)
@pytest.mark.parametrize(("tokens", "grounds"), THEMES, ids=["light", "dark"])
def test_every_two_experts_are_told_apart_by_every_eye(tokens, grounds, eye):
    least = 0.1 if eye == "normal" else 0.08
    assert min(difference(a, b, eye) for a, b in combinations(grounds, 2)) >= least
    assert min(difference(ground, tokens.card, eye) for ground in grounds) >= 0.05


def test_the_grounds_follow_the_theme_and_all_further_experts_share_one(qapp):
    assert (expert_ground(2), expert_ground(OTHER)) == (LIGHT_GROUNDS[2], LIGHT.track)
    theme.apply_theme(qapp, "dark")
    assert (expert_ground(2), expert_ground(OTHER)) == (DARK_GROUNDS[2], DARK.track)
