"""How long training takes: work by counting multiplications, speed by what this computer did before."""

import contextlib
import json
from dataclasses import dataclass

from engine.job.job import Job
from engine.library.folders import cache_folder
from engine.library.lora_mixture import lora_mixture_weights
from engine.library.memory_need import layer_experts, layer_linears
from engine.library.mixtures import copied_numbers
from engine.library.model_folder import ModelInfo
from engine.library.word_count import words_count

# Rough speeds for a device that has not trained yet, in floating-point operations a second. On a processor: per
# core that computes on its own (measured: 27e9 with two million weights in float32, 42e9 with 26 million in bfloat16).
_ROUGH = {"cpu": 25e9, "cuda": 20e12, "mps": 2e12}
_ROUGH_SPREAD = 3.0  # a guess may be wrong by this factor either way
_KNOWN_SPREAD = 1.25
_NEWEST_WEIGHT = 0.5
_SHORTEST_SECONDS = 5.0
_FILE = "speed.json"


@dataclass(frozen=True)
class Speed:
    """Operations a second, and the factor by which that may be wrong either way."""

    rate: float
    spread: float


def token_operations(job: Job, model: ModelInfo, scored: float = 1.0, recomputed: float = 0.0) -> float:
    """Floating-point operations that one token of a row costs, on average.

    A multiplication with a weight is two operations. Forward once, and backward once to the inputs; once more for the
    gradient of the weights themselves where they are trained (the head's for new words, experts' for LoRA in them);
    and forward once for a reference. KTO looks at a second answer of each row, without learning it. The head sees the
    `scored` share of the tokens alone; the share `recomputed` of the layers goes forward again. Of experts those count
    that a token goes through, and the router.
    """
    matrices = sum(linear.inputs * linear.outputs for linear in layer_linears(model))
    expert = sum(matrix.inputs * matrix.outputs for matrix in layer_experts(model))
    experts = model.top_k * expert + model.experts * model.hidden
    head = scored * model.vocab * model.hidden
    passes = 2 + (job.adapter.kind == "full") + job.method_card.needs_reference
    passes += 2 * (job.method.kind == "kto")
    of_layers = model.layers * (matrices + experts) * (passes + recomputed)
    of_layers += model.layers * experts * bool(copied_numbers(job, model))
    # Forward, and back to their inputs and to themselves.
    of_layers += (3 + recomputed) * lora_mixture_weights(job, model)
    of_head = head * (passes + bool(words_count(job, model)))
    return 2.0 * (of_layers + of_head)


def pays_to_pack(asked: str, device: str) -> bool:
    """Whether rows should go through a device one after another without padding, `asked` being `[rows] packing`.

    On a processor that was the fastest way for every mix of lengths that was measured.
    """
    return asked == "on" or (asked == "auto" and device == "cpu")


def known_speed(device: str, dtype: str, cores: int) -> Speed:
    """The speed of a device from earlier runs, else a rough one."""
    rate = _stored().get(f"{device} {dtype}")
    if rate is not None:
        return Speed(rate, _KNOWN_SPREAD)
    return Speed(_ROUGH.get(device, _ROUGH["cpu"]) * (cores if device == "cpu" else 1), _ROUGH_SPREAD)


def remember_speed(
    job: Job,
    model: ModelInfo,
    device: str,
    dtype: str,
    *,
    tokens: int,
    seconds: float,
    scored: float = 1.0,
    recomputed: float = 0.0,
) -> None:
    """Note what a run reached, so that the next estimate is closer; a mean that follows the newest runs.

    `scored` and `recomputed` are the shares of tokens and layers, as in `token_operations`.

    A run of a few seconds says little and is passed over; a cache that cannot be written is no fault of the run.
    """
    if seconds < _SHORTEST_SECONDS or tokens <= 0:
        return
    rates = _stored()
    key, rate = f"{device} {dtype}", token_operations(job, model, scored, recomputed) * tokens / seconds
    rates[key] = rate if key not in rates else (1 - _NEWEST_WEIGHT) * rates[key] + _NEWEST_WEIGHT * rate
    path = cache_folder() / _FILE
    part = path.with_name(_FILE + ".part")
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps(rates), encoding="utf-8")
        part.replace(path)


def _stored() -> dict[str, float]:
    try:
        values = json.loads((cache_folder() / _FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    pairs = values.items() if isinstance(values, dict) else ()
    return {key: float(rate) for key, rate in pairs if isinstance(rate, int | float) and rate > 0}
