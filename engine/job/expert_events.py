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


# Compare (task "chat") --------------------------------------------------------------------------------


@dataclass(frozen=True)
class ExpertsLoaded(Event):
    """A column's model has experts, told after its `Loaded`; of a dense one it is not told.

    `layers` are the places, from 0, of the layers that have them, `experts` each; a token goes to `top_k` of them.
    """

    column: int
    experts: int
    top_k: int
    layers: tuple[int, ...]


@dataclass(frozen=True)
class TokenRoute:
    """The experts that one token of an answer went to, and its characters `start` to `end` (not included).

    For each layer with experts, in the order of `ExpertsLoaded.layers`: the chosen experts, from 0, the highest
    first, and their weights as the router gave them, to four places. Tokens that share one character (an emoji in
    several pieces) have it in common; a token that is not shown (a marker) has no characters.
    """

    start: int
    end: int
    experts: tuple[tuple[int, ...], ...]
    weights: tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class Routed(Event):
    """The experts of a column's answer, told in parts: tokens `first` and following.

    A part that begins at a token told before replaces it. Where an answer was cut, its last token has not gone
    through the experts yet and is left out, as an end token is.
    """

    column: int
    prompt: int
    first: int
    tokens: tuple[TokenRoute, ...]


@dataclass(frozen=True)
class PromptRouted(Event):
    """How a column's experts shared the `tokens` of a prompt as it is put to the model, its template's included.

    `counts`: for each layer with experts, how many tokens have each expert as their first choice.
    """

    column: int
    prompt: int
    tokens: int
    counts: tuple[tuple[int, ...], ...]
