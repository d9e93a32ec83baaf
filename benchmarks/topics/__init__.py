"""Whether a mixture of LoRA experts learns two topics better than one LoRA does."""
