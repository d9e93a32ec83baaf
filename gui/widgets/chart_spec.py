"""What a chart shows, without drawing it: its curves, their colours and legends. No Qt."""

from collections.abc import Sequence
from dataclasses import dataclass

from engine.job.cards import Chart as ChartOfCard
from engine.job.cards import Line

FAINT = 0.42
"""How strong the line of the single steps is below its average."""

ROLES = ("accent", "series2", "series3", "series4", "muted")


@dataclass(frozen=True)
class Curve:
    """One line: `key` names its numbers, `role` is the token of its colour.

    A smoothed curve shows every step faintly below its running average; a dashed one has a point at each value,
    as validation has; one that is neither is a plain line.
    """

    key: str
    label: str
    role: str = "accent"
    smooth: bool = True
    dashed: bool = False


@dataclass(frozen=True)
class ChartSpec:
    """One chart. `guide` is a horizontal line worth knowing, `is_share` shows 0..1 as per cent.

    `guide_from` names a figure that is told later; `Chart.set_guide` then draws the line.
    """

    key: str
    title: str
    curves: tuple[Curve, ...]
    hint: str = ""
    is_share: bool = False
    guide: float | None = None
    guide_from: str = ""
    guide_label: str = ""


def validation_curve(label: str) -> Curve:
    """The dashed curve of the loss on rows kept back."""
    return Curve("validation", label, "series2", smooth=False, dashed=True)


def spec_of(chart: ChartOfCard, validation_label: str = "") -> ChartSpec:
    """The chart that a method's card asks for; the loss gets a validation curve when a label for it is given."""
    curves = [_curve(line, role) for line, role in zip(chart.lines, ROLES, strict=False)]
    if validation_label and any(line.metric == "loss" for line in chart.lines):
        curves.append(validation_curve(validation_label))
    return ChartSpec(
        key=chart.title,
        title=chart.title,
        curves=tuple(curves),
        hint=chart.hint,
        is_share=chart.is_share,
        guide=chart.guide,
        guide_from=chart.guide_from,
        guide_label=chart.guide_label,
    )


def check_key(metric: str) -> str:
    """The key of a metric that is measured on the rows kept back."""
    return f"check/{metric}"


def _curve(line: Line, role: str) -> Curve:
    if line.of_checks:
        return Curve(check_key(line.metric), line.label, role, smooth=False, dashed=True)
    return Curve(line.metric, line.label, role)


def overlay_spec(key: str, title: str, runs: Sequence[tuple[str, str]]) -> ChartSpec:
    """One plain curve for each (key, name) run, in the order of the series colours."""
    curves = [Curve(run, name, ROLES[place % 4], smooth=False) for place, (run, name) in enumerate(runs)]
    return ChartSpec(key, title, tuple(curves))
