"""Grounds for the tokens of up to eight experts: told apart by colour-blind eyes too, and text stays readable.

Each pair of them differs in lightness or hue as seen with normal sight and without red, green or blue cones
(Machado, Oliveira and Fernandes 2009); the first four, for the usual four experts, differ most. They were found by
search; tests hold them to it.
"""

from gui.theme.apply import current, is_dark

LIGHT_GROUNDS = ("#beb2fe", "#ebe88e", "#c48340", "#9887d4", "#33a98f", "#dfb461", "#b5ecfe", "#6fd6b6")
DARK_GROUNDS = ("#7057a8", "#9f5114", "#680a03", "#1f2f78", "#287265", "#6f402f", "#484e73", "#4b2548")
COLOURS = len(LIGHT_GROUNDS)
OTHER = COLOURS
"""The place of all further experts together, which have one quiet ground."""


def expert_ground(place: int) -> str:
    """The ground at a place, `OTHER` included, as `#rrggbb`."""
    if place == OTHER:
        return current().track
    return (DARK_GROUNDS if is_dark() else LIGHT_GROUNDS)[place]
