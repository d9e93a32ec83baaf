"""What can be taken away from a run: the export cards."""

from engine.job.cards import AdapterCard, ExportCard

EXPORTS: dict[str, ExportCard] = {
    card.kind: card
    for card in (
        ExportCard(
            "merged",
            "One complete model",
            "Works on its own. The adapter is built in.",
            {
                "auto": "Automatic",
                "bfloat16": "16-bit (bfloat16)",
                "float16": "16-bit (float16)",
                "float32": "32-bit",
            },
            "engine.use.export:export_merged",
        ),
        ExportCard(
            "adapter",
            "Only what was learned",
            "Small, but needs its base model beside it.",
            {"auto": "As trained"},
            "engine.use.export:export_adapter",
        ),
        ExportCard(
            "gguf",
            "One file for a chat program",
            "For llama.cpp, LM Studio and Ollama.",
            {"f16": "16-bit", "bf16": "16-bit (bfloat16)", "q8_0": "8-bit", "f32": "32-bit"},
            "engine.use.gguf:export_gguf",
        ),
    )
}


def export_problem(adapter: AdapterCard, format: str) -> tuple[str, str]:
    """Why what this adapter learned cannot leave in that format, and what can be done instead; both empty if it can."""
    beside = "Export only what was learned; it is used beside its base model."
    if format == "merged" and not adapter.can_merge:
        return f"{adapter.title} stays beside the model and cannot be built into it.", beside
    if format == "gguf" and not adapter.can_gguf:
        return f"{adapter.title} stays beside the model, which one GGUF file has no place for.", beside
    if format == "adapter" and adapter.saves == "model":
        return "The whole model was trained, so there is no adapter.", "Export it as one complete model."
    return "", ""
