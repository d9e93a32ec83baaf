"""What an export will be, before anything is loaded: its architecture, sizes, and what cannot be made. No torch."""

from dataclasses import dataclass, replace

from engine.job.adapters import ADAPTERS
from engine.job.exports import export_problem
from engine.job.job import Choice, Job
from engine.job.moe_settings import AssembleSettings, LoraExpertsSettings, UpcycleSettings
from engine.library.architectures import SUPPORTED
from engine.library.arithmetic import count_words, memory_words
from engine.library.devices import SMALLEST_FOR_BFLOAT16
from engine.library.lora_mixture import QWEN2_CAVEAT, is_lora_mixture
from engine.library.memory_need import DTYPE_BYTES
from engine.library.mixtures import with_experts
from engine.library.model_folder import CONFIG, ModelInfo
from engine.library.weights import read_json

TYPE_BYTES = {**DTYPE_BYTES, "f32": 4.0, "f16": 2.0, "bf16": 2.0, "q8_0": 1.0625}
"""Bytes of a weight in each type of an export; q8_0 has a 16-bit scale for every 32 weights."""

GGUF_FAMILIES = ("llama", "mistral", "qwen2", "qwen3", "mixtral", "qwen3_moe")
"""What GGUF files are written for."""

_ADDS_TO_ONE = {"mixtral": True, "qwen3_moe": True, "qwen2_moe": False, "olmoe": False}
"""Whether llama.cpp makes the weights of a token's experts add up to one: its graphs decide it, no file can."""

OTHER_WAY = (
    "Export one complete model instead; llama.cpp's convert_hf_to_gguf.py may be able to turn that into GGUF."
)
"""What to do where no GGUF file can be written."""

_WHOLE = "Export it as one complete model."
_NAMES = {"gpt2": "GPT-2", "olmoe": "OLMoE"}


@dataclass(frozen=True)
class ExportPlan:
    """What an export will be. `active`: the weights that one token goes through; `base_bytes`: the base's own files.

    `caveat` is what a person should know before they choose it; empty where there is nothing.
    """

    architecture: str
    parameters: int
    active: int
    file_bytes: int
    memory_bytes: int
    base_parameters: int
    base_bytes: int
    caveat: str = ""

    @property
    def times_base(self) -> float:
        """How many times as large as the base's files it is; 0 where these are not known."""
        return self.file_bytes / self.base_bytes if self.base_bytes else 0.0

    @property
    def words(self) -> str:
        """All of it in one line."""
        weights = f"{count_words(self.parameters)} weights"
        if self.active < self.parameters:
            weights += f", {count_words(self.active)} of them for each token"
        sizes = (
            f"{memory_words(self.file_bytes)} on disk, {memory_words(self.memory_bytes)} of memory to load it"
        )
        return f"{self.architecture}: {weights}; {sizes}{self._compared()}"

    def _compared(self) -> str:
        if not self.base_bytes:
            return ""
        return f"; {self.times_base:.1f} times the base ({memory_words(self.base_bytes)})"


def plan_export(job: Job, base: ModelInfo, format: str, type: str) -> ExportPlan:
    """What the job's result becomes as one complete model or one GGUF file, in numbers of `type`.

    Raises ModelError for a base that cannot become what the job wants.
    """
    found = written_as(job, base)
    kind = own_numbers(base) if type == "auto" else type
    taken = round(found.parameters * TYPE_BYTES[kind])
    return ExportPlan(
        architecture_name(found),
        found.parameters,
        found.active,
        file_bytes=taken,
        memory_bytes=taken,
        base_parameters=base.parameters,
        base_bytes=base.bytes,
        caveat=export_caveat(job, base) if format == "merged" else "",
    )


def export_caveat(job: Job | None, base: ModelInfo) -> str:
    """What should be known of the job's result as one complete model; empty where there is nothing."""
    is_made = job is not None and makes_experts(job) and written_as(job, base).model_type == "qwen2_moe"
    return QWEN2_CAVEAT if is_made else ""


def written_as(job: Job, base: ModelInfo) -> ModelInfo:
    """The stock model that the job's result is as a whole: its base, or one of experts made of it."""
    settings = job.moe.settings
    if is_lora_mixture(job):
        grown = UpcycleSettings(experts=settings.experts, top_k=settings.top_k)
        job = replace(job, moe=Choice("upcycle", grown))
    return with_experts(job, base)


def makes_experts(job: Job) -> bool:
    """Whether the job makes a model of experts out of a dense one."""
    return isinstance(job.moe.settings, LoraExpertsSettings | UpcycleSettings | AssembleSettings)


def own_numbers(base: ModelInfo) -> str:
    """What "automatic" stands for: the base's own numbers, and 32 bits for the smallest models."""
    is_tiny = base.parameters < SMALLEST_FOR_BFLOAT16
    return base.dtype if base.dtype in DTYPE_BYTES and not is_tiny else "float32"


def loaded_bytes(base: ModelInfo) -> int:
    """Memory of a base in the numbers that it answers in."""
    return round(base.parameters * TYPE_BYTES[own_numbers(base)])


def architecture_name(model: ModelInfo) -> str:
    """The stock architecture as people write it: "Mixtral", "Qwen3-MoE", "Llama"."""
    named = SUPPORTED[model.model_type].class_name.removesuffix("ForCausalLM").replace("Moe", "-MoE")
    return _NAMES.get(model.model_type, named)


def run_export_problem(
    job: Job, base: ModelInfo, format: str, begins_beneath: bool = False
) -> tuple[str, str]:
    """Why a run's result cannot leave in that format, and what to do instead; both empty if it can.

    `begins_beneath`: the run began from what another one had learned.
    """
    title, advice = export_problem(ADAPTERS[job.adapter.kind], format)
    if title:
        return title, advice
    if format == "adapter":
        return _adapter_problem(job, begins_beneath)
    if format == "gguf":
        title, advice = gguf_problem(written_as(job, base).model_type, _adds_to_one(job, base))
        return (title, advice) if title else _window_problem(base)
    return "", ""


def gguf_problem(model_type: str, adds_to_one: bool) -> tuple[str, str]:
    """Why such a model cannot be one GGUF file; `adds_to_one`: the weights of a token's experts do (norm_topk_prob)."""
    if model_type == "qwen2_moe" and adds_to_one:
        title = "llama.cpp weighs the experts of Qwen2-MoE models in another way: not to a sum of one."
        advice = "A GGUF file would answer wrongly; one complete model opens in transformers and vLLM."
        return title, advice
    if _ADDS_TO_ONE.get(model_type, adds_to_one) != adds_to_one:
        there, here = ("not add up", "do") if adds_to_one else ("add up", "do not")
        title = (
            f"llama.cpp makes the weights of a token's experts {there} to one; in this model they {here} "
            "(norm_topk_prob), so a GGUF file would answer wrongly."
        )
        return title, _WHOLE
    if model_type not in GGUF_FAMILIES:
        known = "Llama, Mistral, Qwen2, Qwen3, Mixtral and Qwen3-MoE"
        return f"GGUF is written for {known} models; this one is '{model_type}'.", OTHER_WAY
    return "", ""


def _adapter_problem(job: Job, begins_beneath: bool) -> tuple[str, str]:
    if isinstance(job.moe.settings, UpcycleSettings | AssembleSettings):
        title = "The adapter stands beside experts that its base does not have, so it alone is not the model."
        return title, _WHOLE
    if begins_beneath:
        title = (
            "This run began from what another run had learned, so its adapter alone is not the whole model."
        )
        return title, _WHOLE
    return "", ""


def _window_problem(base: ModelInfo) -> tuple[str, str]:
    """Mistral's and Mixtral's window, as config.json has it; Qwen's is off unless it says otherwise."""
    config = read_json(base.folder / CONFIG)
    window = config.get("sliding_window")
    is_used = config.get("use_sliding_window", base.model_type in ("mistral", "mixtral"))
    if is_used and isinstance(window, int) and window < base.context:
        return f"This model looks back {window} tokens only, which GGUF cannot say.", OTHER_WAY
    return "", ""


def _adds_to_one(job: Job, base: ModelInfo) -> bool:
    """Of what leaves: experts that we make always do, a base's own as its config says (stock models: no)."""
    if makes_experts(job) or base.model_type == "mixtral" or not base.experts:
        return True
    return bool(read_json(base.folder / CONFIG).get("norm_topk_prob", False))
