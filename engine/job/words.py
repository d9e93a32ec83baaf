"""What a job teaches about words themselves: all word vectors, or new tokens alone."""

from collections.abc import Sequence

from engine.job.errors import JobError
from engine.job.job import Job
from engine.job.methods import PretrainSettings


def learns_all_words(job: Job) -> bool:
    """Whether every word vector learns, beside whatever else does."""
    settings = job.method.settings
    return isinstance(settings, PretrainSettings) and settings.embeddings


def words_rate(job: Job) -> float:
    """How many times the run's learning rate all word vectors have."""
    return float(job.method.settings.embedding_rate) if learns_all_words(job) else 1.0


def check_new_tokens(tokens: Sequence[str]) -> None:
    """Raise JobError for a new token that is empty or named twice."""
    for number, token in enumerate(tokens, 1):
        if not token.strip():
            title = f"'model.new_tokens' has an empty token at place {number}."
            raise JobError(title, "Write the token, or remove it.")
        if token in tokens[: number - 1]:
            raise JobError(f"'model.new_tokens' names '{token}' twice.", "Name it once.")
