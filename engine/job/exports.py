"""What can be taken away from a run: the export cards."""

from engine.job.cards import ExportCard

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
