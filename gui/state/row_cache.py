"""The engine's cache of large files' rows, for the Settings page. Call these in the background."""


def rows_cache_size() -> int:
    """How many bytes it takes."""
    from engine.data.store import cache_size  # not at the top: only Settings needs it

    return cache_size()


def clear_rows_cache() -> int:
    """Empty it; the bytes that it takes afterwards."""
    from engine.data.store import cache_size, clear_cache

    clear_cache()
    return cache_size()
