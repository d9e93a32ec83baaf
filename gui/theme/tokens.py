"""The colours, radii and sizes of the window as one table, and the text pairs that must stay readable."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Tokens:
    """Every colour of one theme, as `#rrggbb`. Soft colours are grounds for text of the same name."""

    name: str
    background: str
    rail: str
    card: str
    note: str  # a quiet block inside a card
    line: str
    dashed: str  # the edge of a choice that cannot be made, and of drop zones
    track: str  # grooves of bars and sliders
    segment: str  # the ground of a segmented control
    segment_on: str
    field: str  # text boxes
    hover: str
    text: str
    muted: str
    accent: str
    accent_hover: str
    accent_soft: str
    on_accent: str
    good: str
    good_soft: str
    warn: str
    warn_soft: str
    bad: str
    bad_soft: str
    neutral_soft: str
    series2: str
    series2_soft: str
    series3: str
    series4: str
    inverse: str  # tool tips and the cut label
    on_inverse: str

    @property
    def series(self) -> tuple[str, str, str, str]:
        """Line colours in order; chosen is the first, rejected the second."""
        return (self.accent, self.series2, self.series3, self.series4)

    @property
    def memory(self) -> tuple[str, str, str, str]:
        """Weights, adapter and optimizer, activations, working space: the same order everywhere."""
        return (self.accent, self.series4, self.series2, self.series3)

    def tone(self, name: str) -> tuple[str, str]:
        """(text, ground) of a tone: good, warn, bad, accent or neutral."""
        return {
            "good": (self.good, self.good_soft),
            "warn": (self.warn, self.warn_soft),
            "bad": (self.bad, self.bad_soft),
            "accent": (self.accent, self.accent_soft),
            "neutral": (self.muted, self.neutral_soft),
        }[name]


LIGHT = Tokens(
    name="light",
    background="#f5f6f8",
    rail="#eceef2",
    card="#ffffff",
    note="#f0f2f5",
    line="#e1e4ea",
    dashed="#8b93a2",
    track="#e2e5eb",
    segment="#e2e5eb",
    segment_on="#ffffff",
    field="#ffffff",
    hover="#f0f2f5",
    text="#1a1d24",
    muted="#5c6371",
    accent="#3b5bdb",
    accent_hover="#3350c6",
    accent_soft="#e7ecfd",
    on_accent="#ffffff",
    good="#14703b",
    good_soft="#e3f4e9",
    warn="#8a4f00",
    warn_soft="#fdf1dd",
    bad="#b42318",
    bad_soft="#fdecea",
    neutral_soft="#e2e5eb",
    series2="#c2410c",
    series2_soft="#fdeee6",
    series3="#0f766e",
    series4="#7e3bb0",
    inverse="#1a1d24",
    on_inverse="#ffffff",
)

DARK = Tokens(
    name="dark",
    background="#16181d",
    rail="#111317",
    card="#1e2127",
    note="#262a32",
    line="#2c3038",
    dashed="#6b7282",
    track="#39404c",
    segment="#14161a",
    segment_on="#323845",
    field="#14161a",
    hover="#262a32",
    text="#e9ebef",
    muted="#969dab",
    accent="#7c96ff",
    accent_hover="#93a8ff",
    accent_soft="#262f52",
    on_accent="#16181d",
    good="#5fd08c",
    good_soft="#1b3527",
    warn="#f0b455",
    warn_soft="#392c16",
    bad="#ff8f85",
    bad_soft="#3b2022",
    neutral_soft="#2e343f",
    series2="#ff9e64",
    series2_soft="#3d2a20",
    series3="#4cc9b8",
    series4="#c99bff",
    inverse="#e9ebef",
    on_inverse="#1a1d24",
)

RADIUS_CARD = 10
RADIUS_CONTROL = 8
GAP = 12
BODY_SIZE = 13
SMALL_SIZE = 12
TITLE_SIZE = 21

TEXT_PAIRS: tuple[tuple[str, str], ...] = (
    *(("text", ground) for ground in ("background", "rail", "card", "note", "field", "hover", "accent_soft")),
    *(("text", ground) for ground in ("good_soft", "warn_soft", "bad_soft", "segment_on")),
    *(("muted", ground) for ground in ("background", "rail", "card", "note", "field", "hover", "segment")),
    *(("muted", ground) for ground in ("neutral_soft", "accent_soft")),
    *(("accent", ground) for ground in ("background", "card", "note", "accent_soft")),
    *(("good", ground) for ground in ("background", "card", "good_soft")),
    *(("warn", ground) for ground in ("background", "card", "note", "warn_soft")),
    *(("bad", ground) for ground in ("background", "card", "bad_soft")),
    *((series, "card") for series in ("series2", "series3", "series4")),
    ("series2", "series2_soft"),
    ("on_accent", "accent"),
    ("on_accent", "accent_hover"),
    ("on_inverse", "inverse"),
)
"""(text, ground) names of every pair the window writes in; a test holds each to a contrast of 4.5."""


def contrast(first: str, second: str) -> float:
    """The contrast ratio of two `#rrggbb` colours, 1 to 21 (WCAG 2.2, definition of contrast ratio)."""
    light, dark = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
