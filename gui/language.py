"""The language of texts and numbers. English is the one that is written; others follow the system's numbers."""

from PySide6.QtCore import QLocale


def use_language(choice: str) -> None:
    """Numbers and dates in the chosen language: "system" or a code such as "en"."""
    QLocale.setDefault(QLocale.system() if choice == "system" else QLocale(choice))


def QT_TRANSLATE_NOOP(context: str, text: str) -> str:
    """Mark a text for Qt's tools; it is translated where it is shown. Qt's own one promises no `str`."""
    del context  # only the tools read it
    return text
