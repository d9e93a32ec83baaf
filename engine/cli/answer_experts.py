"""The experts of each token of an answer, for `compare --experts`: gathered from the events, as values, as a table.

Layers and experts count from 1 here, as in the window.
"""

from typing import Any

from engine.cli.output import Output, clean
from engine.job.events import Event
from engine.job.expert_events import ExpertsLoaded, PromptRouted, Routed, TokenRoute

_MOST_NAMED = 2  # choices of a layer in one cell of the table; --json has all


class HeardExperts:
    """`hear` every event; then the experts of each column's answer to each prompt."""

    def __init__(self) -> None:
        self._loaded: dict[int, ExpertsLoaded] = {}
        self._tokens: dict[tuple[int, int], list[TokenRoute]] = {}
        self._prompts: dict[tuple[int, int], PromptRouted] = {}

    def hear(self, event: Event) -> None:
        """Take in what tells of experts."""
        match event:
            case ExpertsLoaded(column=column):
                self._loaded[column] = event
            case Routed(column=column, prompt=prompt, first=first, tokens=tokens):
                self._tokens.setdefault((column, prompt), [])[first:] = tokens
            case PromptRouted(column=column, prompt=prompt):
                self._prompts[column, prompt] = event
            case _:
                pass

    def values(self, column: int, prompt: int, text: str) -> dict[str, Any] | None:  # Any: JSON values
        """What `--json` says of one answer; None for a model without experts."""
        loaded = self._loaded.get(column)
        if loaded is None:
            return None
        asked = self._prompts.get((column, prompt))
        return {
            "layers": [layer + 1 for layer in loaded.layers],
            "experts": loaded.experts,
            "prompt_tokens": asked.tokens if asked else 0,
            "prompt_shares": [_shares(row) for row in asked.counts] if asked else [],
            "tokens": [_token(route, text) for route in self._tokens.get((column, prompt), [])],
        }


def print_experts(experts: dict[str, Any] | None, output: Output) -> None:  # Any: JSON values
    """A line for each token, with its first experts in each layer; one sentence where there are none."""
    if experts is None:
        output.text("    This model has no experts.")
        return
    titles = ["token", *(f"layer {layer}" for layer in experts["layers"])]
    rows = [
        [_shown(token["text"]), *("+".join(map(str, row[:_MOST_NAMED])) for row in token["experts"])]
        for token in experts["tokens"]
    ]
    output.table(titles, rows)


def _token(route: TokenRoute, text: str) -> dict[str, Any]:  # Any: JSON values
    return {
        "text": text[route.start : route.end],
        "start": route.start,
        "end": route.end,
        "experts": [[expert + 1 for expert in row] for row in route.experts],
        "weights": [list(row) for row in route.weights],
    }


def _shares(counts: tuple[int, ...]) -> list[float]:
    whole = max(1, sum(counts))
    return [round(count / whole, 4) for count in counts]


def _shown(text: str) -> str:
    """A token's text in quotes, so that its spaces can be seen."""
    return f'"{clean(text).replace(chr(10), "⏎")}"'
