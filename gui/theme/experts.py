"""Grounds for the tokens of up to eight experts: told apart by colour-blind eyes too, and text stays readable.

Each pair of them differs in lightness or hue as seen with normal sight and without red, green or blue cones
(Machado, Oliveira and Fernandes 2009). They were found by search; tests hold them to it.
"""

from gui.theme.apply import current, is_dark

LIGHT_GROUNDS = ("#649ce6", "#f6aa64", "#46cdb0", "#c976a9", "#f1ed89", "#d7b2fb", "#a2f2ff", "#99984f")
DARK_GROUNDS = ("#1f2f78", "#9f5114", "#680a03", "#7057a8", "#6f402f", "#4b2548", "#484e73", "#287265")
COLOURS = len(LIGHT_GROUNDS)
OTHER = COLOURS
"""The place of all further experts together, which have one quiet ground."""


def expert_ground(place: int) -> str:
    """The ground at a place, `OTHER` included, as `#rrggbb`."""
    if place == OTHER:
        return current().track
    return (DARK_GROUNDS if is_dark() else LIGHT_GROUNDS)[place]
