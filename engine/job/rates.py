"""How strongly each adapter is usually trained: the learning rate where a person names none."""

from engine.job.adapter_settings import PrefixSettings
from engine.job.adapters import ADAPTERS

_NETWORK_RATE = 1e-3  # a network that writes the learned positions moves all of them at once


def usual_rate(kind: str, settings: object) -> float:
    """The learning rate that suits the adapter `kind` with these settings."""
    if isinstance(settings, PrefixSettings) and settings.projection:
        return _NETWORK_RATE
    return ADAPTERS[kind].learning_rate
