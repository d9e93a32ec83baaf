"""What the numbers of a run mean: which of them are told, and a warning in plain words when they go wrong."""

from collections import deque
from collections.abc import Mapping

from engine.job.cards import MethodCard
from engine.job.channel import Desk
from engine.job.events import Remark

_DIFFERENCES = {
    "reward_margin": ("reward_chosen", "reward_rejected"),
    "length_difference": ("length_chosen", "length_rejected"),
}
_WINDOW = 6  # updates whose mean is compared
_PATIENCE = 4  # updates in a row that must say the same
_CHECKS = 2  # checks in a row that must say the same
_SHARE = 0.25  # of what the margin gained, that the chosen reward must have lost


class Signs:
    """Watches the metrics of a run. `starts_equal`: before the first update nothing tells model and reference apart."""

    def __init__(self, card: MethodCard, desk: Desk, starts_equal: bool) -> None:
        self._card, self._desk, self._starts_equal = card, desk, starts_equal
        self._first: list[tuple[float, float]] = []
        self._recent = deque[tuple[float, float]](maxlen=_WINDOW)
        self._in_a_row = 0
        self._is_told = False

    def told(self, metrics: Mapping[str, float], updates: int) -> dict[str, float | None]:
        """The metrics to tell of a model that has had so many updates.

        Differences of means are added. An accuracy of ties alone says nothing and is left out.
        """
        found: dict[str, float | None] = dict(metrics)
        for name, (more, less) in _DIFFERENCES.items():
            if name not in metrics and more in metrics and less in metrics:
                found[name] = metrics[more] - metrics[less]
        if updates == 0 and self._starts_equal:
            found.pop("accuracy", None)
        return found

    def heed(self, metrics: Mapping[str, float | None], step: int) -> None:
        """Warn, once, when the chosen answers become less likely while the margin grows."""
        chosen, margin = metrics.get("reward_chosen"), metrics.get("reward_margin")
        if not self._card.needs_reference or chosen is None or margin is None:
            return
        if len(self._first) < _WINDOW:
            self._first.append((chosen, margin))
        self._recent.append((chosen, margin))
        lost = _mean(self._first, 0) - _mean(self._recent, 0)
        gained = _mean(self._recent, 1) - _mean(self._first, 1)
        self._warn_after(_PATIENCE, lost, gained, step)

    def heed_check(self, metrics: Mapping[str, float | None], step: int) -> None:
        """As `heed`, where there is no reference: by what the rows kept back gained since the start.

        Without one, the rewards of an update are plain log-probabilities, which differ more from row to row than
        they change; the rows of a check are always the same.
        """
        chosen, margin = metrics.get("chosen_gain"), metrics.get("margin_gain")
        if not self._card.needs_reference and chosen is not None and margin is not None:
            self._warn_after(_CHECKS, -chosen, margin, step)

    def _warn_after(self, patience: int, lost: float, gained: float, step: int) -> None:
        is_wrong = gained > 0 and lost > _SHARE * gained
        self._in_a_row = self._in_a_row + 1 if is_wrong else 0
        if self._is_told or self._in_a_row < patience:
            return
        self._is_told = True
        self._desk.tell(
            Remark(
                "warn",
                "The chosen answers become less likely, although they stay ahead of the rejected ones.",
                "The model may soon write neither. Try a lower learning rate or a higher beta.",
                step,
            )
        )


def _mean(points: "list[tuple[float, float]] | deque[tuple[float, float]]", column: int) -> float:
    return sum(point[column] for point in points) / len(points)
