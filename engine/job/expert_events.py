"""What the worker tells of a model with experts."""

from dataclasses import dataclass

from engine.job.events import Event


@dataclass(frozen=True)
class Routing(Event):
    """How the tokens were shared among the experts since the last such event, told a few hundred times a run.

    `shares`: for each layer each expert's share of all choices, 1 / E where used evenly. Means over the layers:
    `load_entropy` (1: even, 0: one expert takes all), `router_entropy` (1: a guess, 0: certain), `top_probability`
    of the first choice, and `balance`, whose value is `uniform` where experts are used evenly. `max_load`: the
    busiest expert of any layer against the mean. `dead`: [layer, expert], from 0, of those with less than `idle_below`
    of the choices in the last 50 updates, once there were so many. `weight`: how strongly the balance loss counted.
    `evenness`: the load entropy of each layer.
    """

    step: int
    shares: tuple[tuple[float, ...], ...]
    load_entropy: float
    max_load: float
    router_entropy: float
    top_probability: float
    balance: float
    uniform: float
    dead: tuple[tuple[int, ...], ...] = ()
    weight: float | None = None
    evenness: tuple[float, ...] = ()


def idle_below(experts: int) -> float:
    """The share of a layer's choices below which one of so many experts is nearly idle.

    1 %, but no more than a tenth of an even share: of 128 experts each has under 1 % where all are used alike.
    """
    return min(0.01, 0.1 / experts)
