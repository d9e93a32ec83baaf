"""The section of a job that says which weights learn, and which new tokens they get."""

from dataclasses import dataclass

from engine.job.settings import setting

STARTER = "starter"


@dataclass(frozen=True)
class ModelSection:
    """[model]: which weights learn."""

    source: str = setting(
        STARTER, "Model", "'starter', a folder, or a Hugging Face id such as org/name.", term="source"
    )
    revision: str | None = setting(
        None, "Version", "Branch, tag or commit of a hub model.", term="revision", advanced=True
    )
    dtype: str = setting(
        "auto",
        "Precision",
        "How exactly the model's own weights are held.",
        term="dtype",
        choices={
            "auto": "Automatic",
            "float32": "32-bit",
            "bfloat16": "16-bit (bfloat16)",
            "float16": "16-bit (float16)",
        },
        advanced=True,
        group="Precision",
    )
    quantization: str = setting(
        "none",
        "Compressed weights",
        "Holds the model's own weights in a quarter of the memory while an adapter learns (QLoRA); slower.",
        term="quantization",
        choices={"none": "None", "nf4": "4-bit (NF4)"},
        advanced=True,
        group="Precision",
    )
    new_tokens: tuple[str, ...] = setting(
        (),
        "New tokens",
        "Words or marks such as <tool> that the model shall read and write as one token each.",
        term="new tokens",
        advanced=True,
        group="Text",
    )
