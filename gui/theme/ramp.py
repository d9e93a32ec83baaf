"""The colours of heat maps: one hue from nothing to the accent, and ink that stays readable on each."""

from functools import lru_cache

from gui.theme.tokens import Tokens, contrast

STEPS = 64
"""How many colours a ramp has: more than the eye tells apart, few enough to keep."""


@lru_cache(maxsize=8)
def ramp(tokens: Tokens) -> tuple[str, ...]:
    """`STEPS` colours as `#rrggbb`, from the empty ground to the full accent."""
    low, high = _channels(tokens.track), _channels(tokens.accent)
    found = []
    for step in range(STEPS):
        part = step / (STEPS - 1)
        mixed = [round(a + part * (b - a)) for a, b in zip(low, high, strict=True)]
        found.append("#{:02x}{:02x}{:02x}".format(*mixed))
    return tuple(found)


def heat(tokens: Tokens, strength: float) -> str:
    """The colour of a strength from 0 to 1; beyond either end it is the end's."""
    return ramp(tokens)[round(min(1.0, max(0.0, strength)) * (STEPS - 1))]


@lru_cache(maxsize=512)
def ink_on(ground: str) -> str:
    """Black or white, whichever is read more easily on a `#rrggbb` ground: never under a contrast of 4.5."""
    return max("#000000", "#ffffff", key=lambda ink: contrast(ink, ground))


def _channels(colour: str) -> tuple[int, ...]:
    return tuple(int(colour[place : place + 2], 16) for place in (1, 3, 5))
