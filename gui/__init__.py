"""The window: theme, widgets, pages and the thread that supervises the engine's process. Never imports torch."""
