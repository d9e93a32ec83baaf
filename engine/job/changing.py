"""What of a run can be changed while it trains, and why a change is refused."""

from engine.job.moe_settings import KeepSettings
from engine.job.sections import TrainSection

CHANGEABLE: dict[str, tuple[str, type]] = {
    "learning_rate": ("train", TrainSection),
    "balance": ("moe", KeepSettings),
}
"""By field: the section of the job it stands in, and the settings that describe it."""


def field_of(name: str) -> str:
    """The field that a person means: "moe.balance" is "balance". Names that are not known stay as they are."""
    section, _, field = name.rpartition(".")
    return field if field in CHANGEABLE and CHANGEABLE[field][0] == section else name


def change_problem(field: str, value: float, learns_routing: bool) -> str:
    """Why `field` cannot become `value` in a run, empty if it can. `learns_routing`: whether its routers learn."""
    if field == "learning_rate" and 0 < value <= 1:
        return ""
    if field == "balance" and not learns_routing:
        return "No router learns in this run, so there is no balance between experts to change."
    if field == "balance" and 0 <= value <= 1:
        return ""
    return (
        "While training, learning_rate can be changed to a number above 0 and at most 1, "
        "and where a router learns, balance to one from 0 to 1."
    )
